'use strict';
// A click on the heading of a column sorts its table by it, the other way round the next time; and a table that is
// wider than its place says so, as on a phone no bar shows that it scrolls.
(function () {
  const number = (text) => (/^<?[-+]?[\d,.]+(e[-+]?\d+)?%?$/.test(text) ? parseFloat(text.replace(/[,<]/g, '')) : NaN);
  function order(a, b) {
    const x = number(a), y = number(b);
    if (!a || !b) return a ? -1 : b ? 1 : 0;
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b, 'en', { numeric: true }) : x - y;
  }
  const hints = [...document.querySelectorAll('.box')].map((box) => {
    const hint = document.createElement('p');
    hint.className = 'notes hint';
    hint.textContent = 'This table is wider than its place: scroll it sideways for more columns.';
    box.before(hint);
    return [box, hint];
  });
  const show = () => hints.forEach(([box, hint]) => { hint.hidden = box.scrollWidth <= box.clientWidth + 1; });
  show();
  window.addEventListener('resize', show);
  document.addEventListener('toggle', show, true);
  document.querySelectorAll('.box table').forEach((table) => {
    const rows = table.tBodies[0], headings = [...table.querySelectorAll('thead th')];
    if (!rows || rows.rows.length < 2) return;
    headings.forEach((heading, column) => {
      const sort = () => {
        const down = heading.getAttribute('aria-sort') === 'ascending', sign = down ? -1 : 1;
        headings.forEach((other) => other.removeAttribute('aria-sort'));
        heading.setAttribute('aria-sort', down ? 'descending' : 'ascending');
        const text = (row) => row.cells[column].textContent;
        [...rows.rows].sort((a, b) => (text(a) && text(b) ? sign : 1) * order(text(a), text(b)))
          .forEach((row) => rows.appendChild(row));
      };
      heading.tabIndex = 0;
      heading.title = 'sort by this column';
      heading.addEventListener('click', sort);
      heading.addEventListener('keydown', (e) => { if (e.key === 'Enter') sort(); });
    });
  });
})();
