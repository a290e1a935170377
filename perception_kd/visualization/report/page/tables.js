// A click on a column sorts: numbers from the largest, texts from A; a second click turns, a third restores.
const collator = new Intl.Collator(document.documentElement.lang, { numeric: true });

function compareCells(one, other) {
  const a = one.dataset.value, b = other.dataset.value;
  if (a !== undefined && b !== undefined) return b - a;
  if (a !== undefined || b !== undefined) return a === undefined ? 1 : -1;
  return collator.compare(one.textContent, other.textContent);
}

function sortBy(table, column, turned) {
  const body = table.tBodies[0];
  const rows = [...body.rows].sort((a, b) => a.dataset.at - b.dataset.at);
  if (column >= 0) {
    const isEmpty = row => row.cells[column].textContent === '–';
    rows.sort((a, b) => isEmpty(a) - isEmpty(b) || (turned ? -1 : 1) * compareCells(a.cells[column], b.cells[column]));
  }
  body.append(...rows);
}

for (const table of document.querySelectorAll('main table')) {
  [...table.tBodies[0].rows].forEach((row, at) => { row.dataset.at = at; });
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector('button')?.addEventListener('click', () => {
    const before = head.getAttribute('aria-sort');
    heads.forEach(one => one.removeAttribute('aria-sort'));
    const numeric = [...table.tBodies[0].rows].some(row => row.cells[column].dataset.value !== undefined);
    const [first, second] = numeric ? ['descending', 'ascending'] : ['ascending', 'descending'];
    const next = before === first ? second : before === second ? null : first;
    if (next) head.setAttribute('aria-sort', next);
    sortBy(table, next ? column : -1, next === second);
  }));
}

// What is wider than its place can be scrolled with keys, and says what it is.
const widths = new ResizeObserver(entries => entries.forEach(({ target }) => {
  const wide = target.scrollWidth > target.clientWidth + 1;
  const given = { tabindex: '0', role: 'region', 'aria-label': target.dataset.label };
  for (const [name, value] of Object.entries(given)) {
    if (wide) target.setAttribute(name, value); else target.removeAttribute(name);
  }
}));
document.querySelectorAll('main [data-label]').forEach(place => widths.observe(place));
