"""The picture of differences says what the numbers say."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from perception_kd.comparison.differences.chart import BETTER, MOST_NAME, WORSE, Row, draw_differences
from perception_kd.comparison.differences.section import Differences
from perception_kd.comparison.table import Paired
from perception_kd.visualization.palette import FAINT_INK

UP, DOWN, BOTH = Paired((0.03, 0.028, 0.04)), Paired((-0.01, -0.018, -0.014)), Paired((0.01, 0.018, -0.004))


def result(name: str, seed: int, value: float) -> dict:
    return dict(name=name, seed=seed, metrics=dict(mAP=value, EPE=value), differs=[])


@pytest.mark.parametrize(('row', 'side'), [
    (Row('a', UP), 1), (Row('a', DOWN), -1), (Row('a', BOTH), 0), (Row('a', UP, (-0.01, 0.05)), 0),
    (Row('a', UP, (0.01, 0.05)), 1), (Row('a', DOWN, (-0.02, -0.001)), -1), (Row('a', DOWN, (-0.02, 0.001)), 0),
    (Row('a', Paired((0.3,)), (0.2, 0.4)), 0)])
def test_a_side_needs_all_that_is_known(row, side):
    assert row.side() == side


def test_what_is_drawn():
    rows = [Row('good', UP, (0.02, 0.05)), Row('unclear', BOTH), Row('bad', DOWN), Row('single', Paired((0.1,)))]
    sheet = draw_differences(rows, 'mAP', 'none')
    axes = sheet.figure.axes[0]
    drawn = [(line.get_color(), *np.asarray(line.get_xdata(), float)) for line in axes.lines]
    for row, colour in zip(rows[:3], (BETTER, FAINT_INK, WORSE)):
        assert (colour, *row.paired.interval) in drawn, 'over seeds'
        assert any(line.get_marker() == 'D' and line.get_color() == colour
                   and line.get_xdata()[0] == pytest.approx(row.paired.mean) for line in axes.lines)
    assert (BETTER, 0.02, 0.05) in drawn, 'over frames'
    seeds = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == 'o']
    assert seeds == [row.paired.differences for row in rows]
    low, high = axes.get_xlim()
    assert low < min(DOWN.interval[0], BOTH.interval[0]) and high > 0.1
    texts = [text.get_text() for text in sheet.figure.texts]
    assert {'good', 'unclear', 'bad', 'single', '+0.033', '\N{MINUS SIGN}0.014', '+0.100'} < set(texts)
    assert any('thin line over frames' in text for text in texts)


def test_nothing_is_written_over_the_edge_or_over_another():
    rows = [Row('a method whose name says all that there is to say about it, and then some', UP, (0.02, 0.05)),
            Row('x', Paired((-12345.678, 3.0)))]
    for chosen in (rows, rows[:1], [Row('zero', Paired((0.0, 0.0)))], [Row('one', Paired((0.1,)))]):
        sheet = draw_differences(chosen, 'car_AP', 'the reference')
        renderer = sheet.canvas.get_renderer()
        sheet.canvas.draw()
        boxes = [text.get_window_extent(renderer) for text in sheet.figure.texts]
        assert all(box.x0 >= 0 and box.x1 <= sheet.width for box in boxes)
        axes = sheet.figure.axes[0].get_window_extent(renderer)
        assert axes.width > 200
        for box, text in zip(boxes, sheet.figure.texts):
            assert not (box.overlaps(axes)), text.get_text()
    assert sheet.width / 2 > MOST_NAME


def test_of_an_unknown_quantity_nobody_says_which_way_is_better():
    sheet = draw_differences([Row('a', UP), Row('b', DOWN)], 'EPE', 'none')
    axes = sheet.figure.axes[0]
    assert not {BETTER, WORSE} & {line.get_color() for line in axes.lines} and not axes.get_xlabel()
    assert draw_differences([Row('a', UP)], 'mAP', 'none').figure.axes[0].get_xlabel() == 'higher is better'


def test_section_draws_each_group_and_reads_the_frames_of_its_pair(tmp_path: Path):
    results = [result(name, seed, value + 0.01 * seed)
               for name, value in dict(none=0.2, kd=0.3).items() for seed in (0, 1)]
    frames = [dict(method='kd', reference='none', metric='NDS', over_frames=[0, 1]),
              dict(method='kd', reference='none', metric='mAP', over_frames=[0.05, 0.15])]
    section = Differences('mAP', tmp_path, SimpleNamespace(rows=frames))
    assert section.section(results, ['none'], {}) == [] and not list(tmp_path.iterdir())
    assert section.section(results, ['none', 'kd', 'late'], {})[-1] == 'Differences in mAP, drawn: differences.png'
    assert section.section(results, ['none', 'kd'], {})[-1].endswith('differences-2.png')
    assert section._over_frames('none', 'kd') == [0.05, 0.15] and section._over_frames('none', 'late') is None
    for name in ('differences.png', 'differences-2.png'):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 1000
    blank = [result('none', 0, 0.2), result('kd', 0, float('nan')), result('late', 0, 0.3)]
    assert Differences('mAP', tmp_path).section(blank, ['none', 'kd'], {}) == []
    assert Differences('mAP', tmp_path).section(blank, ['none', 'kd', 'late'], {})
    frames[1]['over_frames'] = None
    assert json.dumps(Differences('mAP', tmp_path, SimpleNamespace(rows=frames)).section(results, ['none', 'kd'], {}))
