'use strict';
// What lies beside a structure: its sequence as a track, and the aligned error of each pair of residues as a map.
// Both tell which residue is pointed at, and show the one that another panel tells.
const panels = (function () {
  const GREENS = ['#00441b', '#006d2c', '#238b45', '#41ab5d', '#74c476', '#a1d99b', '#c7e9c0', '#e5f5e0', '#ffffff'];
  const TOP = 30, LEVELS = 2; // angstrom at which the colours end; grey levels to an angstrom
  const KINDS = { H: 'helix', E: 'strand' };
  const make = (kind, text, parent, name) => {
    const element = document.createElement(kind);
    if (text) element.textContent = text;
    if (name) element.className = name;
    parent.appendChild(element);
    return element;
  };

  // The name of residue i of a scene: its chain where there are several, its number, its letter.
  function label(scene, i) {
    const chain = scene.chains.length > 1 ? scene.chains[scene.traces[0].chain[i]] + ' ' : '';
    return chain + scene.sequence[i] + scene.numbers[i];
  }

  function describe(scene, i) {
    const tube = scene.traces[0], kind = KINDS[(tube.ss || '')[i]], level = tube.plddt ? tube.plddt[i] : -1;
    return label(scene, i) + (kind ? ', ' + kind : '') + (level < 0 ? '' : `, pLDDT ${level}`)
      + (tube.error && tube.error[i] >= 0
        ? `, ${(tube.error[i] / 10).toFixed(1)} angstrom ${scene.other ? 'from ' + scene.other : 'off'}` : '');
  }

  // A track of residues in `box`; `tell(residues)` is called with the rows that are pointed at.
  function track(box, tell) {
    let scene = null, letters = [], on = [], at = -1;
    box.tabIndex = 0;
    box.setAttribute('role', 'group');
    box.setAttribute('aria-label', 'the sequence; arrow keys go from residue to residue');
    const row = (event) => (event.target.dataset && event.target.dataset.row ? Number(event.target.dataset.row) : -1);
    box.addEventListener('pointerover', (e) => { if (row(e) >= 0) tell([row(e)]); });
    box.addEventListener('pointerleave', () => tell([]));
    box.addEventListener('click', (e) => { if (row(e) >= 0) tell([row(e)]); });
    box.addEventListener('keydown', (e) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (!step || !scene) return;
      e.preventDefault();
      at = Math.max(0, Math.min(letters.length - 1, at + step));
      tell([at]);
      letters[at].scrollIntoView({ block: 'nearest' });
    });
    function show(next, by) {
      scene = next;
      box.textContent = '';
      const tube = scene.traces[0];
      let ten = null;
      letters = [...scene.sequence].map((letter, i) => {
        const begins = i === 0 || tube.chain[i] !== tube.chain[i - 1];
        if (begins || i % 10 === 0) {
          ten = make('span', '', box, 'ten');
          make('small', (begins && scene.chains.length > 1 ? scene.chains[tube.chain[i]] + ' ' : '') + scene.numbers[i], ten);
        }
        const one = make('b', letter, ten, KINDS[(tube.ss || '')[i]]), paint = palette.colour(tube, i, by);
        one.dataset.row = i;
        one.style.backgroundColor = palette.hex(paint);
        one.style.color = 0.3 * paint[0] + 0.6 * paint[1] + 0.1 * paint[2] < 0.45 ? '#fff' : '#000';
        return one;
      });
    }
    function mark(rows) {
      on.forEach((one) => one.classList.remove('on'));
      on = rows.map((i) => letters[i]).filter(Boolean);
      on.forEach((one) => one.classList.add('on'));
      if (rows.length) at = rows[0];
    }
    return { show, mark };
  }

  const paints = GREENS.map(palette.rgb);
  function green(value) {
    const t = Math.min(value / TOP, 1) * (paints.length - 1), k = Math.min(Math.floor(t), paints.length - 2);
    return paints[k].map((x, j) => Math.round(255 * (x + (t - k) * (paints[k + 1][j] - x))));
  }

  // A map of aligned errors in `canvas`, scored residues across and aligned ones down.
  function map(canvas, tell) {
    const pen = canvas.getContext('2d'), ink = '#1a1a1a';
    let scene = null, grey = null, picture = null, side = 0, on = [];
    const area = () => {
      const unit = canvas.width / 520; // of a map of 520 points
      return { unit, left: 58 * unit, top: 16 * unit, size: 400 * unit };
    };
    function show(next) {
      scene = next;
      picture = null;
      if (!scene.pae) return draw();
      const image = new Image(), own = scene;
      image.onload = () => {
        if (own !== scene) return;
        side = image.width;
        const sheet = document.createElement('canvas');
        sheet.width = sheet.height = side;
        const on = sheet.getContext('2d', { willReadFrequently: true });
        on.drawImage(image, 0, 0);
        const pixels = on.getImageData(0, 0, side, side);
        grey = Uint8Array.from({ length: side * side }, (_, i) => pixels.data[4 * i]);
        grey.forEach((level, i) => pixels.data.set(green(level / LEVELS), 4 * i));
        on.putImageData(pixels, 0, 0);
        picture = sheet;
        draw();
      };
      image.src = scene.pae;
    }
    function ticks(number) {
      const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((s) => number / s <= 6) || 2000;
      return Array.from({ length: Math.floor(number / step) }, (_, k) => (k + 1) * step);
    }
    function draw() {
      canvas.width = canvas.height = Math.round(canvas.clientWidth * (window.devicePixelRatio || 1)) || 520;
      const { unit, left, top, size } = area(), number = scene.sequence.length, at = (row) => size * row / number;
      pen.fillStyle = '#fff';
      pen.fillRect(0, 0, canvas.width, canvas.height);
      pen.imageSmoothingEnabled = false;
      if (picture) pen.drawImage(picture, left, top, size, size);
      pen.strokeStyle = pen.fillStyle = ink;
      pen.lineWidth = unit;
      pen.strokeRect(left, top, size, size);
      const chain = scene.traces[0].chain;
      pen.beginPath();
      chain.forEach((c, i) => {
        if (!i || c === chain[i - 1]) return;
        pen.moveTo(left + at(i), top); pen.lineTo(left + at(i), top + size);
        pen.moveTo(left, top + at(i)); pen.lineTo(left + size, top + at(i));
      });
      pen.stroke();
      pen.font = `${13 * unit}px system-ui, sans-serif`;
      ticks(number).forEach((tick) => {
        pen.textAlign = 'center'; pen.textBaseline = 'top';
        pen.fillText(tick, left + at(tick - 0.5), top + size + 5 * unit);
        pen.textAlign = 'right'; pen.textBaseline = 'middle';
        pen.fillText(tick, left - 5 * unit, top + at(tick - 0.5));
      });
      pen.textAlign = 'center'; pen.textBaseline = 'top';
      pen.fillText('Scored residue', left + size / 2, top + size + 23 * unit);
      pen.save();
      pen.translate(6 * unit, top + size / 2);
      pen.rotate(-Math.PI / 2);
      pen.fillText('Aligned residue', 0, 0);
      pen.restore();
      for (let k = 0; k < 100; k++) { // what the colours mean
        pen.fillStyle = `rgb(${green(TOP * k / 100).join()})`;
        pen.fillRect(left + size * k / 100, top + size + 50 * unit, size / 100 + 1, 12 * unit);
      }
      pen.fillStyle = ink;
      pen.strokeRect(left, top + size + 50 * unit, size, 12 * unit);
      [0, 10, 20, 30].forEach((x) => pen.fillText(x, left + size * x / TOP, top + size + 65 * unit));
      pen.fillText('Expected position error (angstrom)', left + size / 2, top + size + 81 * unit);
      if (!picture) return;
      pen.strokeStyle = '#d6006e';
      pen.lineWidth = 2 * unit;
      pen.beginPath();
      on.forEach((row, k) => {
        const x = at(row + 0.5);
        if (k === 0 || on.length === 1) { pen.moveTo(left + x, top); pen.lineTo(left + x, top + size); }
        if (k === 1 || on.length === 1) { pen.moveTo(left, top + x); pen.lineTo(left + size, top + x); }
      });
      pen.stroke();
    }
    const pair = (event) => {
      const { left, top, size } = area(), box = canvas.getBoundingClientRect(), zoom = canvas.width / box.width;
      const row = (x, start) => Math.floor(((x * zoom) - start) / size * scene.sequence.length);
      const found = [row(event.clientX - box.left, left), row(event.clientY - box.top, top)];
      return found.every((i) => i >= 0 && i < scene.sequence.length) ? found : [];
    };
    ['pointermove', 'pointerdown'].forEach((kind) => canvas.addEventListener(kind, (e) => { if (picture) tell(pair(e)); }));
    canvas.addEventListener('pointerleave', () => tell([]));
    const error = (scored, aligned) => {
      const pixel = (i) => Math.min(Math.floor(i * side / scene.sequence.length), side - 1);
      return grey[pixel(aligned) * side + pixel(scored)] / LEVELS;
    };
    return {
      show, redraw: draw, mark: (rows) => { on = rows; if (scene) draw(); },
      says: ([scored, aligned]) => (picture && aligned !== undefined
        ? `; expected error ${error(scored, aligned).toFixed(1)} angstrom, aligned at ${label(scene, aligned)}` : ''),
    };
  }

  return { make, track, map, describe };
})();
