"""Colours of the page in light and dark: one place for the style sheet, the charts and the test of contrast."""

from __future__ import annotations

LIGHT = {
    'paper': '#fdfdfb',
    'surface': '#f4f4f0',
    'ink': '#1b1e24',
    'muted': '#595f6a',
    'rule': '#dddcd5',
    'grid': '#e9e8e2',
    'accent': '#0b6b5e',
    'good': '#1a7340',
    'bad': '#b3261e',
    'warning': '#875400',
    'notice': '#0b5fa5',
    'neutral': '#d3d4d6',
    'heat-low': '#e8efec',
    'heat-high': '#0b6b5e',
    'cold': '#0a66c2',
    'hot': '#c4570c',
}
DARK = {
    'paper': '#14171c',
    'surface': '#1d2128',
    'ink': '#e8eaee',
    'muted': '#a3aab6',
    'rule': '#343a45',
    'grid': '#262b34',
    'accent': '#5ccab6',
    'good': '#6fd08c',
    'bad': '#ff9187',
    'warning': '#f0b849',
    'notice': '#7db9ff',
    'neutral': '#3d434d',
    'heat-low': '#1f2a2c',
    'heat-high': '#2a7d70',
    'cold': '#5fb0ff',
    'hot': '#ff9d4d',
}
# Teacher, student, distilled, then others. Found by a search for the set whose two nearest colours lie farthest apart
# under every kind of dichromacy (CIE 1976 distance 20), each with a contrast of 3 or more to the paper.
MODELS_LIGHT = ('#4b5263', '#c4570c', '#0a66c2', '#94865a', '#c35fa8', '#7f2700', '#67332e', '#4c216e')
MODELS_DARK = ('#c3cad8', '#ff9d4d', '#5fb0ff', '#98935f', '#ac57ac', '#bb611b', '#fac5a7', '#438675')
PARTS_LIGHT = ('#4893e0', '#e26a4d', '#4c2849', '#b46e89', '#013a96', '#731815')
PARTS_DARK = ('#bebfff', '#dfc074', '#09846e', '#7566a4', '#67e4c3', '#8e6223')


def tokens(dark: bool) -> dict[str, str]:
    """Name -> colour of everything that has one."""
    base, models, parts = (DARK, MODELS_DARK, PARTS_DARK) if dark else (LIGHT, MODELS_LIGHT, PARTS_LIGHT)
    numbered = {f'model-{k}': colour for k, colour in enumerate(models, 1)}
    return base | numbered | {f'part-{k}': colour for k, colour in enumerate(parts, 1)}


def style_sheet() -> str:
    """The custom properties: the system's choice, unless ``data-theme`` says otherwise; print is light."""
    light, dark = _properties(tokens(False), 'light'), _properties(tokens(True), 'dark')
    return (f':root{{{light}}}\n'
            f'@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}\n'
            f'@media screen{{:root[data-theme=dark]{{{dark}}}}}\n')


def _properties(colours: dict[str, str], scheme: str) -> str:
    return f'color-scheme:{scheme};' + ''.join(f'--{name}:{colour};' for name, colour in colours.items())
