// Charts are drawn when one comes near them, and all of them before a print. Plotly is unpacked for the first.
const plots = [...document.querySelectorAll('.plot')];
const figures = new Map(plots.map(plot => [
  plot, JSON.parse(document.querySelector(`script[data-for="${plot.id}"]`).textContent),
]));
const drawn = new Set();
const heights = new Map(); // as they are written, where bars may lie down
const A4_WIDTH = 672; // CSS pixels between the margins of print.css
const numbers = [...document.querySelectorAll('.behind')];
numbers.forEach(details => { details.open = false; });
let library;

async function unpacked() {
  if (typeof DecompressionStream === 'undefined') {
    throw new Error('This browser is too old for the charts (it lacks DecompressionStream, 2023); here are their numbers.');
  }
  const text = atob(document.getElementById('plotly').textContent);
  const bytes = Uint8Array.from(text, sign => sign.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text();
}

function plotly() {
  if (!plots.length) return Promise.reject(new Error('no charts'));
  library ??= unpacked().then(source => {
    const element = document.createElement('script');
    element.textContent = source;
    document.head.append(element);
    if (!window.Plotly) throw new Error('This browser did not run the charts\' library; here are their numbers.');
    return window.Plotly;
  });
  return library;
}

function drawNow(plot, width) { // with a width: for print
  const figure = dressed(figures.get(plot), width || plot.clientWidth);
  const hidden = hiddenNames(plot);
  heights.set(plot, heights.get(plot) || parseInt(plot.style.height));
  plot.style.height = `${(figure.height || heights.get(plot)) * (width ? 0.8 : 1)}px`;
  figure.data.forEach(trace => { if (hidden.has(trace.name)) trace.visible = false; });
  if (width) Object.assign(figure.layout, { width, font: { ...figure.layout.font, size: 11 } });
  const options = { displayModeBar: false, responsive: !width, showTips: false, doubleClick: 'reset' };
  drawn.add(plot);
  return window.Plotly.react(plot, figure.data, figure.layout, options);
}

async function draw(plot) {
  if (drawn.has(plot)) return;
  try {
    await plotly();
    if (!drawn.has(plot)) await drawNow(plot);
  } catch (error) {
    plot.classList.add('failed');
    plot.removeAttribute('role');
    plot.textContent = error.message;
    numbers.find(details => plot.parentElement.contains(details)).open = true;
  }
}

function legendOf(plot) { // its own, or that of all charts of a figure
  const own = plot.parentElement.querySelector(':scope > .legend') || plot.closest('figure').querySelector(':scope > .legend');
  return own ? [...own.querySelectorAll('button')] : [];
}

function hiddenNames(plot) {
  const off = legendOf(plot).filter(button => button.getAttribute('aria-pressed') === 'false');
  return new Set(off.map(button => escaped(button.dataset.name)));
}

function escaped(text) { // as the figure's own texts are
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

for (const button of document.querySelectorAll('.legend button')) {
  const concerned = plots.filter(plot => legendOf(plot).includes(button));
  button.addEventListener('click', () => {
    button.setAttribute('aria-pressed', button.getAttribute('aria-pressed') === 'false');
    concerned.filter(plot => drawn.has(plot)).forEach(plot => drawNow(plot));
  });
}

const nearing = new IntersectionObserver(entries => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    nearing.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: '500px 0px' });
plots.forEach(plot => nearing.observe(plot));

// A print finds all charts if the library is there.
addEventListener('load', () => setTimeout(() => plotly().catch(() => {}), 1500));

function redrawn() {
  for (const plot of drawn) {
    if (plot.clientWidth) drawNow(plot);
    else { drawn.delete(plot); nearing.observe(plot); } // when its fold opens
  }
}
themeWatchers.push(redrawn);

function widthOnPaper(plot) {
  const columns = plot.closest('.pairs') ? 2 : plot.closest('.multiples') ? 3 : 1;
  return (A4_WIDTH - 16 * (columns - 1)) / columns;
}

addEventListener('beforeprint', () => {
  const shut = window.Plotly ? '.fold:not([open])' : 'details:not([open])';
  document.querySelectorAll(shut).forEach(details => { details.open = true; details.dataset.shut = ''; });
  if (!window.Plotly) { root.className = 'no-js'; return; } // tables instead of charts
  root.dataset.printed = root.dataset.theme || '';
  root.dataset.theme = 'light'; // before the medium changes
  for (const plot of plots) drawNow(plot, widthOnPaper(plot));
});
addEventListener('afterprint', () => {
  document.querySelectorAll('[data-shut]').forEach(details => { details.open = false; delete details.dataset.shut; });
  root.className = 'js';
  if (root.dataset.printed === undefined) return;
  showTheme(root.dataset.printed);
  delete root.dataset.printed;
});
