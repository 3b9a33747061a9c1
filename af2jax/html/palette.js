'use strict';
// The colours of residues: AlphaFold DB's four bands of pLDDT, the error, or one for each chain.
const palette = (function () {
  const CHAINS = ['#0072B2', '#E69F00', '#009E73', '#CC79A7', '#D55E00', '#56B4E9', '#000000'], GREY = '#B0B0B0';
  const PLDDT = [[90, '#0053D6', 'Very high (pLDDT > 90)'], [70, '#65CBF3', 'Confident (90 > pLDDT > 70)'],
    [50, '#FFDB13', 'Low (70 > pLDDT > 50)'], [0, '#FF7D45', 'Very low (pLDDT < 50)']];
  const ERROR = [[0, '#0072B2', '0'], [20, '#8FC3E0', '2'], [40, '#F0E442', '4'], [80, '#D55E00', '8 angstrom and more']];
  const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255);
  const hex = (colour) => '#' + colour.map((x) => Math.round(255 * x).toString(16).padStart(2, '0')).join('');
  const band = (value) => PLDDT.find((level) => value >= level[0]);

  // Red, green and blue, 0 to 1, of residue i of a tube, `by` "plddt", "error" or "chain".
  function colour(tube, i, by) {
    if (by === 'chain') return rgb(tube.truth ? GREY : CHAINS[tube.chain[i] % CHAINS.length]);
    const values = tube[by];
    if (!values || values[i] < 0) return rgb(GREY);
    if (by === 'plddt') return rgb(band(values[i])[1]);
    const last = ERROR.length - 1;
    if (values[i] >= ERROR[last][0]) return rgb(ERROR[last][1]);
    const k = ERROR.findIndex((level, j) => values[i] < ERROR[j + 1][0]);
    const t = (values[i] - ERROR[k][0]) / (ERROR[k + 1][0] - ERROR[k][0]);
    const a = rgb(ERROR[k][1]), b = rgb(ERROR[k + 1][1]);
    return a.map((x, j) => x + t * (b[j] - x));
  }

  // [colour, words] of each entry of the legend; `tube` is what is coloured.
  function legend(by, tube, names) {
    const levels = { plddt: PLDDT, error: ERROR }[by];
    if (levels) return levels.map(([, paint, words]) => [paint, words]);
    return [...new Set(tube.chain)].map((c) => [CHAINS[c % CHAINS.length], `chain ${names[c] || c + 1}`]);
  }

  return { colour, legend, rgb, hex, band };
})();
