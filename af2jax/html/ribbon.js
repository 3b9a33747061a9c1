'use strict';
// Chains as surfaces: flat bands for helices, arrows for strands, tubes for all else, from CA atoms and a letter each.
// A tube is {ca: tenths of an angstrom, known, chain, plddt, error, ss, truth}; a mesh {vertices, indices}, of which a
// vertex has 9 numbers: place, normal, colour.
const ribbon = (function () {
  const SIDES = 10, MOST = 64000;
  const TUBE = [0.38, 0.38], HELIX = [1.35, 0.26], STRAND = [1.1, 0.26], ARROW = [1.9, 0.26]; // half of width, thickness
  const THIN = 0.55; // of what is known, beside a prediction
  const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
  const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
  const scale = (a, s) => [a[0] * s, a[1] * s, a[2] * s];
  const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
  const unit = (a) => { const n = Math.sqrt(dot(a, a)) || 1; return [a[0] / n, a[1] / n, a[2] / n]; };
  const mix = (a, b, t) => a.map((x, i) => x + t * (b[i] - x));
  const place = (tube, i) => [tube.ca[3 * i] / 10, tube.ca[3 * i + 1] / 10, tube.ca[3 * i + 2] / 10];

  // Stretches of known residues of one chain.
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

  // The kind of each residue of a run: helices of 3 and strands of 2 or more, "A" for the end of a strand.
  function kinds(tube, run) {
    const found = run.map((i) => (tube.ss ? tube.ss[i] : 'C'));
    let first = 0;
    for (let k = 1; k <= run.length; k++) {
      if (k < run.length && found[k] === found[first]) continue;
      const length = k - first;
      if (found[first] === 'E' && length > 1) found[k - 1] = 'A';
      else if (!(found[first] === 'H' && length > 2)) found.fill('C', first, k);
      first = k;
    }
    return found;
  }

  // Across the band at each residue: along the axis of a helix, within the sheet of a strand.
  function across(points, kind) {
    let last = null;
    const raw = points.map((p, k) => {
      const before = points[Math.max(k - 1, 0)], after = points[Math.min(k + 1, points.length - 1)];
      const bend = sub(add(before, after), scale(p, 2));
      let side = cross(sub(after, before), bend);
      if (dot(side, side) < 1e-6) side = last || (Math.abs(p[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0]);
      side = unit(side);
      if (last && dot(side, last) < 0) side = scale(side, -1);
      last = side;
      return side;
    });
    return raw.map((side, k) => (kind[k] === 'E' || kind[k] === 'A'
      ? unit(add(add(raw[Math.max(k - 1, 0)], side), raw[Math.min(k + 1, raw.length - 1)])) : side));
  }

  function spline(p, t) {
    const at = (j) => 0.5 * (2 * p[1][j] + (p[2][j] - p[0][j]) * t
      + (2 * p[0][j] - 5 * p[1][j] + 4 * p[2][j] - p[3][j]) * t * t
      + (3 * p[1][j] - p[0][j] - 3 * p[2][j] + p[3][j]) * t * t * t);
    return [at(0), at(1), at(2)];
  }

  // Centres, sides, half widths and residues along a run, `steps` from one residue to the next.
  function sections(tube, run, steps) {
    const kind = kinds(tube, run), last = run.length - 1, raw = run.map((i) => place(tube, i));
    const points = raw.map((p, k) => (kind[k] === 'E' && k > 0 && k < last
      ? scale(add(add(raw[k - 1], scale(p, 2)), raw[k + 1]), 0.25) : p)); // a strand without its pleats
    const side = across(points, kind), size = kind.map((x) => ({ H: HELIX, E: STRAND }[x] || TUBE));
    const out = [], pick = (k) => points[Math.max(0, Math.min(last, k))];
    for (let k = 0; k <= last; k++) {
      const next = Math.min(k + 1, last), arrow = kind[next] === 'A' && kind[k] === 'E';
      for (let s = 0; s < (k < last ? steps : 1); s++) {
        const t = s / steps, centre = spline([pick(k - 1), pick(k), pick(k + 1), pick(k + 2)], t);
        const put = (half) => out.push({ centre, side: mix(side[k], side[next], t), half, row: run[t < 0.5 ? k : next] });
        if (arrow && s === 0) put(STRAND);
        put(arrow ? mix(ARROW, TUBE, t) : mix(size[k], size[next], t * t * (3 - 2 * t)));
      }
    }
    const cap = (one) => Object.assign({}, one, { half: [0.02, 0.02] });
    return [cap(out[0]), ...out, cap(out[out.length - 1])];
  }

  function surface(parts, thin, colour, vertices, indices) {
    const first = vertices.length / 9;
    parts.forEach((part, k) => {
      const ahead = parts[Math.min(k + 1, parts.length - 1)].centre, behind = parts[Math.max(k - 1, 0)].centre;
      let along = unit(sub(ahead, behind));
      if (!dot(along, along)) along = [0, 0, 1];
      let side = sub(part.side, scale(along, dot(part.side, along)));
      if (dot(side, side) < 1e-6) side = cross(along, Math.abs(along[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0]);
      side = unit(side);
      const up = cross(along, side), [wide, high] = part.half.map((x) => x * thin), paint = colour(part.row);
      for (let i = 0; i < SIDES; i++) {
        const a = 2 * Math.PI * i / SIDES, u = Math.cos(a), v = Math.sin(a);
        const at = add(part.centre, add(scale(side, wide * u), scale(up, high * v)));
        vertices.push(...at, ...unit(add(scale(side, u / wide), scale(up, v / high))), ...paint);
        if (k) {
          const next = (i + 1) % SIDES, low = first + (k - 1) * SIDES, top = low + SIDES;
          indices.push(low + i, top + i, low + next, low + next, top + i, top + next);
        }
      }
    });
  }

  // All tubes; `colour(tube, i)` is that of residue i, red, green and blue from 0 to 1.
  function mesh(tubes, colour) {
    const total = tubes.reduce((sum, tube) => sum + tube.known.length, 0);
    const steps = Math.max(1, Math.min(6, Math.floor(MOST / (1.2 * total * SIDES)))), vertices = [], indices = [];
    for (const tube of tubes) {
      for (const run of runs(tube)) {
        surface(sections(tube, run, steps), tube.truth ? THIN : 1, (row) => colour(tube, row), vertices, indices);
      }
    }
    return { vertices: new Float32Array(vertices), indices: new Uint16Array(indices) };
  }

  // Balls around points, such as residues that are pointed at.
  function balls(points, radius, colour) {
    const parts = [], rings = 9, vertices = [], indices = [];
    for (const p of points) {
      const line = [];
      for (let k = 0; k <= rings; k++) {
        const a = Math.PI * k / rings, size = Math.max(radius * Math.sin(a), 0.02);
        line.push({ centre: add(p, [0, 0, radius * Math.cos(a)]), side: [1, 0, 0], half: [size, size], row: 0 });
      }
      parts.push(line);
    }
    parts.forEach((line) => surface(line, 1, () => colour, vertices, indices));
    return { vertices: new Float32Array(vertices), indices: new Uint16Array(indices) };
  }

  // The middle of all that is known, and how far it reaches.
  function extent(tubes) {
    const points = tubes.flatMap((tube) => [...tube.known.keys()].filter((i) => tube.known[i]).map((i) => place(tube, i)));
    const middle = scale(points.reduce(add, [0, 0, 0]), 1 / (points.length || 1));
    const far = points.reduce((most, p) => Math.max(most, Math.sqrt(dot(sub(p, middle), sub(p, middle)))), 1);
    return { middle, far };
  }

  return { mesh, balls, extent, place };
})();
