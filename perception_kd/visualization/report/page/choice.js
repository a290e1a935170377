// Of a choice one panel is shown; print shows all of them.
const choices = [...document.querySelectorAll('.choice')].map(choice => ({
  inputs: [...choice.querySelectorAll(':scope > .options input')],
  panels: [...choice.querySelectorAll(':scope > .panel')],
}));

function chosen({ inputs, panels }) { inputs.forEach((input, k) => { panels[k].hidden = !input.checked; }); }

for (const choice of choices) {
  choice.inputs.forEach(input => input.addEventListener('change', () => chosen(choice)));
  chosen(choice);
}
addEventListener('beforeprint', () => choices.forEach(({ panels }) => panels.forEach(panel => { panel.hidden = false; })));
addEventListener('afterprint', () => choices.forEach(chosen));
