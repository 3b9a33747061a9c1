'use strict';
(function () {
  const SIDES = 8, MOST = 64000, RADIUS = 0.55;
  const OKABE = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#D55E00', '#56B4E9', '#000000'];
  const PLDDT = [[90, '#0053D6', 'above 90'], [70, '#65CBF3', '70 to 90'], [50, '#FFDB13', '50 to 70'],
    [-1, '#FF7D45', 'below 50']];
  const ERROR = [[0, '#0072B2', '0'], [20, '#8FC3E0', '2'], [40, '#F0E442', '4'],
    [80, '#D55E00', '8 angstrom and more']];
  const GREY = '#B0B0B0';
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => { const n = Math.sqrt(dot(a, a)) || 1; return [a[0] / n, a[1] / n, a[2] / n]; };
  const make = (kind, text, parent) => {
    const element = document.createElement(kind);
    if (text) element.textContent = text;
    parent.appendChild(element);
    return element;
  };

  function colourOf(tube, i, by) {
    if (by === 'chain') return rgb(tube.truth ? GREY : OKABE[tube.chain[i] % OKABE.length]);
    const values = tube[by];
    if (!values || values[i] < 0) return rgb(GREY);
    if (by === 'plddt') return rgb(PLDDT.find((level) => values[i] >= level[0])[1]);
    const last = ERROR.length - 1;
    if (values[i] >= ERROR[last][0]) return rgb(ERROR[last][1]);
    const k = ERROR.findIndex((level, j) => values[i] < ERROR[j + 1][0]);
    const t = (values[i] - ERROR[k][0]) / (ERROR[k + 1][0] - ERROR[k][0]);
    const a = rgb(ERROR[k][1]), b = rgb(ERROR[k + 1][1]);
    return a.map((x, j) => x + t * (b[j] - x));
  }

  function runs(tube) {
    const out = [];
    let now = [];
    for (let i = 0; i < tube.known.length; i++) {
      if (now.length && (!tube.known[i] || tube.chain[i] !== tube.chain[i - 1])) { out.push(now); now = []; }
      if (tube.known[i]) now.push(i);
    }
    if (now.length) out.push(now);
    return out;
  }

  function spline(p, t) {
    const at = (j) => 0.5 * (2 * p[1][j] + (p[2][j] - p[0][j]) * t
      + (2 * p[0][j] - 5 * p[1][j] + 4 * p[2][j] - p[3][j]) * t * t
      + (3 * p[1][j] - p[0][j] - 3 * p[2][j] + p[3][j]) * t * t * t);
    return [at(0), at(1), at(2)];
  }

  function mesh(tubes, by) {
    const total = tubes.reduce((sum, tube) => sum + tube.known.length, 0);
    const steps = Math.max(1, Math.min(6, Math.floor(MOST / (total * SIDES))));
    const vertices = [], indices = [];
    for (const tube of tubes) {
      const ca = (i) => [tube.ca[3 * i] / 10, tube.ca[3 * i + 1] / 10, tube.ca[3 * i + 2] / 10];
      const radius = tube.truth ? 0.6 * RADIUS : RADIUS;
      for (const run of runs(tube)) {
        const centre = [], colours = [];
        for (let k = 0; k < run.length; k++) {
          const pick = (j) => ca(run[Math.max(0, Math.min(run.length - 1, j))]);
          const p = [pick(k - 1), pick(k), pick(k + 1), pick(k + 2)];
          const here = k + 1 < run.length ? steps : 1;
          for (let s = 0; s < here; s++) {
            centre.push(spline(p, s / steps));
            colours.push(colourOf(tube, run[s * 2 < steps ? k : Math.min(k + 1, run.length - 1)], by));
          }
        }
        if (centre.length === 1) {
          centre.push([centre[0][0] + 0.5, centre[0][1], centre[0][2]]);
          colours.push(colours[0]);
        }
        let normal = null;
        const first = vertices.length / 9;
        centre.forEach((c, k) => {
          const ahead = centre[Math.min(k + 1, centre.length - 1)], behind = centre[Math.max(k - 1, 0)];
          const along = unit(sub(ahead, behind));
          if (!normal) normal = Math.abs(along[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
          normal = unit(sub(normal, along.map((x) => x * dot(normal, along))));
          const other = cross(along, normal);
          for (let side = 0; side < SIDES; side++) {
            const a = 2 * Math.PI * side / SIDES, u = Math.cos(a), v = Math.sin(a);
            const n = [0, 1, 2].map((j) => u * normal[j] + v * other[j]);
            vertices.push(c[0] + radius * n[0], c[1] + radius * n[1], c[2] + radius * n[2], ...n, ...colours[k]);
            if (k) {
              const next = (side + 1) % SIDES, low = first + (k - 1) * SIDES, high = low + SIDES;
              indices.push(low + side, high + side, low + next, low + next, high + side, high + next);
            }
          }
        });
      }
    }
    return { vertices: new Float32Array(vertices), indices: new Uint16Array(indices) };
  }

  function extent(tubes) {
    const middle = [0, 0, 0];
    let count = 0, far = 1;
    const each = (action) => tubes.forEach((tube) => tube.known.forEach((known, i) => {
      if (known) action([tube.ca[3 * i] / 10, tube.ca[3 * i + 1] / 10, tube.ca[3 * i + 2] / 10]);
    }));
    each((x) => { count++; for (let j = 0; j < 3; j++) middle[j] += x[j]; });
    for (let j = 0; j < 3; j++) middle[j] /= count || 1;
    each((x) => { const d = sub(x, middle); far = Math.max(far, Math.sqrt(dot(d, d))); });
    return { middle, far };
  }

  const VERTEX = 'attribute vec3 place, normal, colour; uniform mat3 turn; uniform vec3 middle; uniform vec2 size;'
    + 'varying vec3 n, c; void main() { vec3 x = turn * (place - middle); n = turn * normal; c = colour;'
    + 'gl_Position = vec4(x.xy * size, -x.z * 0.5 * min(size.x, size.y) * 0.2, 1.0); }';
  const FRAGMENT = 'precision mediump float; varying vec3 n, c; void main() {'
    + 'float light = 0.45 + 0.55 * abs(normalize(n).z); gl_FragColor = vec4(c * light, 1.0); }';

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

  function start(place) {
    const structures = JSON.parse(document.getElementById(place.dataset.of).textContent);
    const canvas = place.querySelector('canvas');
    const gl = canvas.getContext('webgl', { preserveDrawingBuffer: true, antialias: true });
    if (!gl) {
      make('p', 'This browser shows no WebGL: open the structure files beside this page instead.', place);
      return;
    }
    const controls = make('p', '', place), legend = make('p', '', place);
    const choice = (label, options, changed = load) => {
      const box = make('label', label + ' ', controls), select = make('select', '', box);
      options.forEach(([value, text]) => { make('option', text, select).value = value; });
      select.addEventListener('change', changed);
      return select;
    };
    const pace = make('label', '', controls), slider = make('input', '', pace), said = make('span', '', pace);
    slider.type = 'range';
    slider.min = 0;
    const rewind = () => {
      const steps = structures[Number(which.value)].steps || [];
      slider.max = Math.max(steps.length - 1, 0);
      slider.value = slider.max;
      pace.hidden = steps.length < 2;
    };
    const which = choice('structure', structures.map((s, i) => [String(i), s.name]),
      () => { rewind(); load(); });
    const erring = structures.some((s) => s.traces.some((t) => t.error)) ? [['error', 'error']] : [];
    const by = choice(' colour by', [['plddt', 'pLDDT'], ...erring, ['chain', 'chain']]);
    const box = make('label', ' ', controls), known = make('input', '', box);
    known.type = 'checkbox';
    known.checked = true;
    box.hidden = !structures.some((s) => s.traces.length > 1);
    make('span', ' known structure (grey, thin)', box);
    known.addEventListener('change', load);
    slider.addEventListener('input', load);
    rewind();

    const made = program(gl);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
    ['place', 'normal', 'colour'].forEach((name, i) => {
      const at = gl.getAttribLocation(made, name);
      gl.enableVertexAttribArray(at);
      gl.vertexAttribPointer(at, 3, gl.FLOAT, false, 36, 12 * i);
    });
    const uniform = (name) => gl.getUniformLocation(made, name);
    gl.enable(gl.DEPTH_TEST);
    gl.clearColor(1, 1, 1, 1);
    let turn = about(0.4, 0.6), zoom = 1, drawn = 0, view = { middle: [0, 0, 0], far: 1 };

    function load() {
      const structure = structures[Number(which.value)], step = (structure.steps || [])[Number(slider.value)];
      const tubes = structure.traces.map((tube, i) => Object.assign({ truth: i > 0 }, tube));
      if (step) tubes[0].ca = step.ca;
      said.textContent = step ? ' ' + step.name : '';
      const shown = known.checked ? tubes : tubes.slice(0, 1);
      const parts = mesh(shown, by.value);
      view = extent(tubes);
      drawn = parts.indices.length;
      gl.bufferData(gl.ARRAY_BUFFER, parts.vertices, gl.STATIC_DRAW);
      gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, parts.indices, gl.STATIC_DRAW);
      explain();
      draw();
    }
    function explain() {
      legend.textContent = '';
      const levels = by.value === 'plddt' ? PLDDT : by.value === 'error' ? ERROR : [];
      levels.forEach(([, colour, text]) => {
        make('span', '\u25A0 ', legend).style.color = colour;
        make('span', text + '  ', legend);
      });
      if (!levels.length) legend.textContent = 'one colour for each chain';
    }
    function draw() {
      const scale = zoom / (view.far + 2), wide = canvas.width / canvas.height;
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
      gl.uniformMatrix3fv(uniform('turn'), false, [0, 1, 2].flatMap((j) => [turn[j], turn[3 + j], turn[6 + j]]));
      gl.uniform3fv(uniform('middle'), view.middle);
      gl.uniform2f(uniform('size'), scale / wide, scale);
      gl.drawElements(gl.TRIANGLES, drawn, gl.UNSIGNED_SHORT, 0);
    }
    const rotate = (x, y) => { turn = times(about(y, x), turn); draw(); };
    const magnify = (factor) => { zoom = Math.max(0.2, Math.min(9, zoom * factor)); draw(); };

    const held = new Map();
    const apart = () => { const [a, b] = [...held.values()]; return Math.hypot(a.x - b.x, a.y - b.y); };
    canvas.addEventListener('pointerdown', (e) => {
      canvas.setPointerCapture(e.pointerId);
      held.set(e.pointerId, { x: e.clientX, y: e.clientY });
    });
    canvas.addEventListener('pointermove', (e) => {
      const last = held.get(e.pointerId);
      if (!last) return;
      const before = held.size > 1 ? apart() : 0;
      held.set(e.pointerId, { x: e.clientX, y: e.clientY });
      if (held.size > 1) magnify(apart() / (before || 1));
      else rotate((e.clientX - last.x) / 120, (e.clientY - last.y) / 120);
    });
    ['pointerup', 'pointercancel'].forEach((kind) => canvas.addEventListener(kind, (e) => held.delete(e.pointerId)));
    const wheel = (e) => { e.preventDefault(); magnify(Math.exp(-e.deltaY / 500)); };
    canvas.addEventListener('wheel', wheel, { passive: false });
    canvas.addEventListener('keydown', (e) => {
      const moves = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
      if (moves[e.key]) { e.preventDefault(); rotate(...moves[e.key]); }
      if (e.key === '+' || e.key === '=') magnify(1.15);
      if (e.key === '-') magnify(1 / 1.15);
    });
    load();
  }
  document.querySelectorAll('div.viewer').forEach(start);
})();
