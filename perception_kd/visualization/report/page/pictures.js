// Pictures open large; another click shows their own pixels.
const large = document.querySelector('.large');
const largeImage = large.querySelector('img');

for (const button of document.querySelectorAll('.zoom')) {
  button.addEventListener('click', () => {
    const image = button.querySelector('img');
    largeImage.src = image.src;
    largeImage.alt = image.alt;
    largeImage.className = 'fit';
    large.showModal();
  });
}
largeImage.addEventListener('click', event => { event.stopPropagation(); largeImage.classList.toggle('fit'); });
large.addEventListener('click', event => { if (event.target === large) large.close(); });
large.querySelector('.close').addEventListener('click', () => large.close());
