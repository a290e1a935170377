"""Colours of the page: contrast as WCAG 2.1 asks, and models apart for colour-blind eyes."""

import re
from pathlib import Path

import numpy as np
import pytest

from perception_kd.visualization.report.charts import MODEL_STYLES, PART_STYLES
from perception_kd.visualization.report.page import assets, theme
from tests.visualization.test_palette import BLINDNESS, smallest_distance

TEXTS = ('ink', 'muted', 'accent', 'good', 'bad', 'warning', 'notice')


def rgb(colour):
    return np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])


def contrast(one, other):
    """WCAG 2.1: relative luminances with 5 % of stray light."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (rgb(one), rgb(other))]
    dark, light = sorted(float(c @ [0.2126, 0.7152, 0.0722]) for c in linear)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_itself():
    assert contrast('#000000', '#ffffff') == pytest.approx(21)
    assert contrast('#777777', '#ffffff') == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize('dark', [False, True])
def test_contrast(dark):
    tokens = theme.tokens(dark)
    for name in TEXTS:
        assert contrast(tokens[name], tokens['paper']) >= 4.5 and contrast(tokens[name], tokens['surface']) >= 4.5, name
    for name, colour in tokens.items():
        if name.startswith(('model-', 'part-')):
            assert contrast(colour, tokens['paper']) >= 3, name


@pytest.mark.parametrize('eye', BLINDNESS)
@pytest.mark.parametrize('dark', [False, True])
def test_models_and_parts_stay_apart(eye, dark):
    tokens = theme.tokens(dark)
    models = [rgb(tokens[f'model-{k}']) for k in range(1, MODEL_STYLES + 1)]
    parts = [rgb(tokens[f'part-{k}']) for k in range(1, PART_STYLES + 1)]
    assert smallest_distance(models, BLINDNESS[eye]) > 18
    assert smallest_distance(models[:3], BLINDNESS[eye]) > 24
    assert smallest_distance(parts, BLINDNESS[eye]) > 30


def test_all_tokens_that_are_used_exist():
    assert set(theme.LIGHT) == set(theme.DARK)
    room = Path(assets.__file__).parents[1]
    sources = [path.read_text() for suffix in ('py', 'css', 'js') for path in room.rglob(f'*.{suffix}')]
    used = {name for text in sources for name in re.findall(r'var\(--([a-z][a-z0-9-]*[a-z0-9])\)', text)}
    assert len(used) > 10 and used - {'c', 'tone'} <= set(theme.tokens(False))
