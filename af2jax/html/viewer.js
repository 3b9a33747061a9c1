'use strict';
// Structures in three dimensions, to rotate and to zoom, with their sequence and their aligned errors beside them.
(function () {
  const VERTEX = 'attribute vec3 place, normal, colour; uniform mat3 turn; uniform vec3 middle; uniform vec2 size;'
    + 'uniform float far; varying vec3 n, c; varying float fog; void main() { vec3 x = turn * (place - middle);'
    + 'n = turn * normal; c = colour; fog = clamp(0.2 - 0.35 * x.z / far, 0.0, 0.5);'
    + 'gl_Position = vec4(x.xy * size, -x.z * 0.1 * min(size.x, size.y), 1.0); }';
  const FRAGMENT = 'precision mediump float; varying vec3 n, c; varying float fog; void main() {'
    + 'vec3 m = normalize(n); float light = 0.5 + 0.5 * abs(m.z) + 0.08 * m.y;'
    + 'gl_FragColor = vec4(mix(c * light, vec3(1.0), fog), 1.0); }';
  const POINTED = [0.84, 0, 0.43], REACH = 16; // colour of a residue that is pointed at; points from it that still do
  const { make } = panels;

  function program(gl) {
    const made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    gl.useProgram(made);
    return made;
  }

  function times(a, b) {
    const cell = (i, j) => [0, 1, 2].reduce((sum, k) => sum + a[3 * i + k] * b[3 * k + j], 0);
    return [0, 1, 2].flatMap((i) => [0, 1, 2].map((j) => cell(i, j)));
  }
  const about = (x, y) => {
    const [cx, sx, cy, sy] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y)];
    return times([1, 0, 0, 0, cx, -sx, 0, sx, cx], [cy, 0, sy, 0, 1, 0, -sy, 0, cy]);
  };

  // Draws meshes in a canvas, and turns and magnifies them; `tell(row)` is called with what is pointed at, or -1.
  function stage(canvas, gl, tell) {
    const made = program(gl), uniform = (name) => gl.getUniformLocation(made, name);
    const parts = [0, 1].map(() => ({ vertices: gl.createBuffer(), indices: gl.createBuffer(), count: 0 }));
    let turn = about(0.4, 0.6), zoom = 1, view = { middle: [0, 0, 0], far: 1 }, points = [];
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(1, 1, 1, 1);
    function put(which, mesh) {
      const part = parts[which];
      part.count = mesh.indices.length;
      gl.bindBuffer(gl.ARRAY_BUFFER, part.vertices);
      gl.bufferData(gl.ARRAY_BUFFER, mesh.vertices, gl.STATIC_DRAW);
      gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.indices);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STATIC_DRAW);
    }
    const size = () => { const s = zoom / (view.far + 1); return [s * canvas.height / canvas.width, s]; };
    function draw() {
      const fine = window.devicePixelRatio || 1;
      canvas.width = Math.round(canvas.clientWidth * fine) || 640;
      canvas.height = Math.round(canvas.clientHeight * fine) || 480;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(uniform('turn'), false, [0, 1, 2].flatMap((j) => [turn[j], turn[3 + j], turn[6 + j]]));
      gl.uniform3fv(uniform('middle'), view.middle);
      gl.uniform2f(uniform('size'), ...size());
      gl.uniform1f(uniform('far'), view.far);
      for (const part of parts) {
        if (!part.count) continue;
        gl.bindBuffer(gl.ARRAY_BUFFER, part.vertices);
        gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, part.indices);
        ['place', 'normal', 'colour'].forEach((name, i) => {
          const at = gl.getAttribLocation(made, name);
          gl.enableVertexAttribArray(at);
          gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 36, 12 * i);
        });
        gl.drawElements(gl.TRIANGLES, part.count, gl.UNSIGNED_SHORT, 0);
      }
    }
    function fill() { // so large that all of it is seen from the front
      const reach = (k) => points.reduce((most, point) => Math.max(most,
        point ? Math.abs(point.reduce((sum, x, j) => sum + turn[3 * k + j] * (x - view.middle[j]), 0)) : 0), 1);
      zoom = Math.min(canvas.clientWidth / canvas.clientHeight / (reach(0) + 2), 1 / (reach(1) + 2)) * (view.far + 1);
    }
    const rotate = (x, y) => { turn = times(about(y, x), turn); draw(); };
    const magnify = (factor) => { zoom = Math.max(0.2, Math.min(9, zoom * factor)); draw(); };
    function nearest(event) { // the residue of the first tube that is nearest to a point of the screen
      const box = canvas.getBoundingClientRect(), [sx, sy] = size();
      let found = -1, best = REACH;
      points.forEach((point, i) => {
        if (!point) return;
        const d = point.map((x, j) => x - view.middle[j]), row = (k) => turn.slice(3 * k, 3 * k + 3);
        const [x, y] = [0, 1].map((k) => row(k).reduce((sum, v, j) => sum + v * d[j], 0));
        const off = Math.hypot((x * sx + 1) / 2 * box.width - (event.clientX - box.left),
          (1 - y * sy) / 2 * box.height - (event.clientY - box.top));
        if (off < best) { best = off; found = i; }
      });
      return found;
    }

    const held = new Map();
    const apart = () => { const [a, b] = [...held.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    canvas.addEventListener('pointerdown', (e) => {
      canvas.setPointerCapture(e.pointerId);
      held.set(e.pointerId, { x: e.clientX, y: e.clientY });
    });
    canvas.addEventListener('pointermove', (e) => {
      const last = held.get(e.pointerId);
      if (!last) { tell(nearest(e)); return; }
      const before = held.size > 1 ? apart() : 0;
      held.set(e.pointerId, { x: e.clientX, y: e.clientY });
      if (held.size > 1) magnify(apart() / (before || 1));
      else rotate((e.clientX - last.x) / 120, (e.clientY - last.y) / 120);
    });
    ['pointerup', 'pointercancel'].forEach((kind) => canvas.addEventListener(kind, (e) => held.delete(e.pointerId)));
    canvas.addEventListener('pointerleave', () => tell(-1));
    const wheel = (e) => { e.preventDefault(); magnify(Math.exp(-e.deltaY / 500)); };
    canvas.addEventListener('wheel', wheel, { passive: false });
    canvas.addEventListener('keydown', (e) => {
      const moves = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
      if (moves[e.key]) { e.preventDefault(); rotate(...moves[e.key]); }
      if (e.key === '+' || e.key === '=') magnify(1.15);
      if (e.key === '-') magnify(1 / 1.15);
    });
    return {
      draw,
      show(mesh, seen, first, frame) {
        put(0, mesh);
        view = seen;
        points = [...first.known.keys()].map((i) => (first.known[i] ? ribbon.place(first, i) : null));
        if (frame) { turn = frame; fill(); }
      },
      mark(rows) {
        put(1, ribbon.balls(rows.map((i) => points[i]).filter(Boolean), 1.3, POINTED));
        draw();
      },
    };
  }

  function start(place) {
    const scenes = JSON.parse(document.getElementById(place.dataset.of).textContent);
    const part = (name) => place.querySelector(name), canvas = part('.scene canvas'), below = part('.controls');
    const readout = part('.readout'), chart = part('.map');
    const gl = canvas.getContext('webgl', { preserveDrawingBuffer: true, antialias: true });
    const choice = (label, options, changed) => {
      const box = make('label', label + ' ', below), select = make('select', '', box);
      options.forEach(([value, text]) => { make('option', text, select).value = value; });
      select.addEventListener('change', changed);
      if (options.length < 2) box.hidden = true;
      make('span', ' ', below);
      return select;
    };
    const has = (name) => scenes.some((scene) => scene.traces.some((tube) => tube[name]));
    const colours = [['plddt', 'pLDDT'], ['error', 'error'], ['chain', 'chain']];
    const which = choice('structure', scenes.map((scene, i) => [String(i), scene.name]), () => { rewind(); load(true); });
    const by = choice('colour by', colours.filter(([name]) => name === 'chain' || has(name)), () => load(false));
    const pace = make('label', '', below), slider = make('input', '', pace), step = make('span', '', pace);
    slider.type = 'range';
    slider.min = 0;
    slider.addEventListener('input', () => load(false));
    const box = make('label', ' ', below), known = make('input', '', box);
    known.type = 'checkbox';
    known.checked = true;
    const other = make('span', '', box);
    known.addEventListener('change', () => load(false));
    const legend = make('p', '', below, 'legend');

    const scene = () => scenes[Number(which.value)];
    const view = gl && stage(canvas, gl, (row) => tell(row < 0 ? [] : [row]));
    const track = panels.track(part('.track'), (rows) => tell(rows));
    const errors = chart && panels.map(chart.querySelector('canvas'), (rows) => tell(rows));
    if (!gl) {
      canvas.hidden = true;
      make('p', 'This browser shows no WebGL: open the structure files beside this page instead.', below);
    }
    function tell(rows) {
      if (view) view.mark([...new Set(rows)]);
      track.mark([...new Set(rows)]);
      if (errors && !chart.hidden) errors.mark(rows);
      const words = rows.length ? panels.describe(scene(), rows[0]) : '';
      readout.textContent = words + (rows.length && errors ? errors.says(rows) : '');
    }
    function rewind() {
      const number = (scene().steps || []).length;
      slider.max = Math.max(number - 1, 0);
      slider.value = slider.max;
      pace.hidden = number < 2;
    }
    function load(fresh) {
      const own = scene(), at = Number(slider.value), last = at === Number(slider.max);
      box.hidden = own.traces.length < 2;
      other.textContent = ' ' + (own.other || 'known structure') + ' (grey, thin)';
      const tubes = own.traces.map((tube, i) => Object.assign({ truth: i > 0 }, tube));
      if ((own.steps || [])[at]) {
        tubes[0].ca = own.steps[at].ca;
        if (!last) tubes[0].ss = null; // helices and strands are those of the end
        step.textContent = ' ' + own.steps[at].name;
      }
      legend.textContent = '';
      palette.legend(by.value, own.traces[0], own.chains).forEach(([paint, words]) => {
        const entry = make('span', '', legend);
        make('i', '', entry).style.backgroundColor = paint;
        make('span', words, entry);
      });
      if (view) {
        const mesh = ribbon.mesh(known.checked ? tubes : tubes.slice(0, 1), (tube, i) => palette.colour(tube, i, by.value));
        view.show(mesh, ribbon.extent(tubes), tubes[0], fresh ? own.turn : null);
      }
      if (own.sequence) track.show(own, by.value);
      if (chart) {
        chart.hidden = !own.pae;
        if (own.pae && fresh) errors.show(own);
      }
      tell([]);
    }
    rewind();
    load(true);
    window.addEventListener('resize', () => { if (view) view.draw(); if (errors && !chart.hidden) errors.redraw(); });
  }
  document.querySelectorAll('div.viewer').forEach(start);
})();
