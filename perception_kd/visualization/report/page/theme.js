// Light and dark: the system's, until the switch says otherwise. A choice equal to the system's is forgotten.
const root = document.documentElement;
root.className = 'js';
const system = matchMedia('(prefers-color-scheme: dark)');
const themeSwitch = document.querySelector('.switch');
const themeWatchers = [];
const kept = { // storage may be forbidden for a file
  get() { try { return localStorage.getItem('report-theme'); } catch { return null; } },
  set(value) {
    try { value ? localStorage.setItem('report-theme', value) : localStorage.removeItem('report-theme'); } catch { /* not kept */ }
  },
};

function isDark() { return (root.dataset.theme || (system.matches ? 'dark' : 'light')) === 'dark'; }

function showTheme(theme) {
  if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
  themeSwitch.setAttribute('aria-pressed', isDark());
  themeWatchers.forEach(watch => watch());
}

themeSwitch.addEventListener('click', () => {
  const wanted = isDark() ? 'light' : 'dark';
  const theme = (wanted === 'dark') === system.matches ? '' : wanted;
  kept.set(theme);
  showTheme(theme);
});
system.addEventListener('change', () => showTheme(root.dataset.theme));
showTheme(['light', 'dark'].includes(kept.get()) ? kept.get() : '');
