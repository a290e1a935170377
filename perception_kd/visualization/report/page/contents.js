// Contents: where one is, and the menu on narrow screens.
const contents = document.querySelector('.contents');
const menu = contents.querySelector('.menu');
const here = contents.querySelector('.here');
const chapters = [...document.querySelectorAll('main > section')];

function openMenu(open) {
  contents.classList.toggle('open', open);
  menu.setAttribute('aria-expanded', open);
}

menu.addEventListener('click', () => openMenu(!contents.classList.contains('open')));
contents.querySelector('#contents').addEventListener('click', event => { if (event.target.closest('a')) openMenu(false); });
document.addEventListener('click', event => { if (!contents.contains(event.target)) openMenu(false); });
contents.addEventListener('keydown', event => {
  if (event.key === 'Escape' && contents.classList.contains('open')) { openMenu(false); menu.focus(); }
});

function showPlace() {
  const line = innerHeight * 0.3;
  const atEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2 && scrollY > 0;
  const passed = atEnd ? chapters : chapters.filter(chapter => chapter.getBoundingClientRect().top <= line);
  const current = passed[passed.length - 1];
  for (const link of contents.querySelectorAll('#contents > li > a')) {
    const isHere = current && link.hash === '#' + current.id;
    if (isHere) link.setAttribute('aria-current', 'true'); else link.removeAttribute('aria-current');
  }
  here.textContent = current ? current.querySelector('h2').textContent : 'Contents';
}

let placeAsked = false;
addEventListener('scroll', () => {
  if (placeAsked) return;
  placeAsked = true;
  requestAnimationFrame(() => { placeAsked = false; showPlace(); });
}, { passive: true });
showPlace();
