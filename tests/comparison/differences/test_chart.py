"""The picture of differences says what the numbers say."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import Bbox
from PIL import Image

from perception_kd.comparison.differences.chart import BETTER, WORSE, Row, digits_of, draw_differences
from perception_kd.comparison.differences.section import Differences
from perception_kd.comparison.table import Paired
from perception_kd.visualization.palette import FAINT_INK, INK
from perception_kd.visualization.sheet import Sheet

UP, DOWN, BOTH = Paired((0.03, 0.028, 0.04)), Paired((-0.01, -0.018, -0.014)), Paired((0.01, 0.018, -0.004))


def result(name: str, seed: int, value: float, **more: object) -> dict:
    return dict(name=name, seed=seed, metrics=dict(mAP=value), differs=[], **more)


def texts(sheet: Sheet) -> list[str]:
    return [text.get_text() for text in sheet.figure.texts]


@pytest.mark.parametrize(('row', 'seeds', 'both'), [
    (Row('a', UP), 1, 0), (Row('a', DOWN), -1, 0), (Row('a', BOTH), 0, 0), (Row('a', UP, (-0.01, 0.05)), 1, 0),
    (Row('a', UP, (0.01, 0.05)), 1, 1), (Row('a', DOWN, (-0.02, -0.001)), -1, -1),
    (Row('a', DOWN, (-0.02, 0.1)), -1, 0),
    (Row('a', Paired((0.3,)), (0.2, 0.4)), 0, 0)])
def test_a_side_needs_every_interval_that_counts(row, seeds, both):
    assert (row.side(False), row.side(True)) == (seeds, both)


def test_what_is_drawn():
    rows = [Row('good', UP, (0.02, 0.05)), Row('unclear', BOTH, (-1e-3, 0.02)), Row('bad', DOWN, (-0.02, -0.01)),
            Row('no frames', UP), Row('single', Paired((0.1,)), differs=True)]
    sheet = draw_differences(rows, 'mAP', 'none')
    axes = sheet.figure.axes[0]
    drawn = [(line.get_color(), *np.asarray(line.get_xdata(), float)) for line in axes.lines]
    for row, colour in zip(rows[:4], (BETTER, FAINT_INK, WORSE, FAINT_INK)):
        assert (colour, *row.paired.interval) in drawn, 'over seeds'
        assert row.over_frames is None or (colour, *row.over_frames) in drawn
        assert any(line.get_marker() == 'D' and line.get_color() == colour
                   and line.get_xdata()[0] == pytest.approx(row.paired.mean) for line in axes.lines)
    seeds = [tuple(line.get_xdata()) for line in axes.lines if line.get_marker() == 'o']
    assert seeds == [row.paired.differences for row in rows]
    low, high = axes.get_xlim()
    assert low < min(DOWN.interval[0], BOTH.interval[0]) and high > 0.1
    assert {'good (3 seeds)', 'single * (1 seed)', '+0.033', '\N{MINUS SIGN}0.014', '+0.100'} < set(texts(sheet))
    assert texts(sheet)[1:3] == [
        'circles: seeds; diamond: their mean; 95% intervals: thick line over seeds, thin line over frames',
        'coloured where both are clear of 0; * differs in more than its distillation']


@pytest.mark.parametrize('values', [(0.005, 0.01), (0.0003, 0.0004), (0.0004, 0.0015), (-3.0, 12.0), (0.0, 0.0)])
def test_numbers_of_the_axis_are_where_they_say(values):
    axes = draw_differences([Row('a', Paired(values))], 'mAP', 'none').figure.axes[0]
    labels = [label.get_text().replace('\N{MINUS SIGN}', '-') for label in axes.get_xticklabels()]
    assert [float(label) for label in labels] == pytest.approx(list(axes.get_xticks()), abs=1e-12)
    assert len(set(labels)) == len(labels) >= 3 and '0' in labels


def test_a_small_difference_has_its_digits():
    sheet = draw_differences([Row('a', Paired((0.0003, 0.0004)))], 'mAP', 'none')
    assert '+0.00035' in texts(sheet) and digits_of([0.1, 0.25]) == 2 and digits_of([1 / 3]) == 6


@pytest.mark.parametrize('rows', [
    [Row('a method whose name says all that there is to say about it, and then some', UP, (0.02, 0.05)),
     Row('x', Paired((-12345.678, 3.0)))], [Row('zero', Paired((0.0, 0.0)))],
    [Row('one', Paired((0.1,)), (0.1, 0.2), True)],
    [Row('$x$ a\\frac{b}', UP), Row('b', UP, (0.01, 0.02), True)]])
def test_nothing_is_written_over_the_edge_or_over_another(rows):
    sheet = draw_differences(rows, 'car_AP', 'the reference ' * 30)
    sheet.canvas.draw()
    renderer: RendererAgg = sheet.canvas.get_renderer()
    boxes: list[Bbox] = [text.get_window_extent(renderer) for text in sheet.figure.texts]
    axes = sheet.figure.axes[0].get_window_extent(renderer)
    assert axes.width > 200 and all(box.x0 >= 0 and box.x1 <= sheet.width for box in boxes)
    assert not any(box.overlaps(axes) for box in boxes if box.width)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_of_an_unknown_quantity_nobody_says_which_way_is_better():
    sheet = draw_differences([Row('a', UP), Row('b', DOWN)], 'best_F1_score', 'none')
    axes = sheet.figure.axes[0]
    colours = {line.get_color() for line in axes.lines}
    assert not {BETTER, WORSE} & colours and INK in colours and not axes.get_xlabel()
    assert 'dark where it is clear of 0' in texts(sheet)
    assert draw_differences([Row('a', UP)], 'mAP', 'none').figure.axes[0].get_xlabel() == 'higher is better'


def test_less_of_an_error_is_better():
    axes = draw_differences([Row('a', UP), Row('b', DOWN)], 'simulated/EPE_noc', 'none').figure.axes[0]
    diamonds = [line.get_color() for line in axes.lines if line.get_marker() == 'D']
    assert diamonds == [WORSE, BETTER] and axes.get_xlabel() == 'lower is better'


def test_one_seed_says_so():
    told = texts(draw_differences([Row('a', Paired((0.1,)), (0.05, 0.15))], 'mAP', 'none'))
    assert told[1] == ('circle: the one seed, which tells nothing about another; 95% intervals: thin line over frames')


def test_section_draws_each_group_and_reads_the_frames_of_its_pair(tmp_path: Path):
    (tmp_path / 'differences-2.png').write_text('old')
    results = [result(name, seed, value + 0.01 * seed)
               for name, value in dict(none=0.2, kd=0.3).items() for seed in (0, 1)]
    frames = [dict(method='kd', reference='none', metric='NDS', over_frames=[0, 1]),
              dict(method='kd', reference='none', metric='mAP', over_frames=[0.05, 0.15])]
    section = Differences('mAP', tmp_path, SimpleNamespace(rows=frames))
    assert section.section(results, ['none'], {}) == [] and not list(tmp_path.iterdir()), 'old pictures are gone'
    assert section.section(results, ['none', 'kd', 'late'], {})[-1] == 'Differences in mAP, drawn: differences.png'
    assert section.section(results, ['none', 'kd'], {})[-1].endswith('differences-2.png')
    assert section._over_frames('none', 'kd') == [0.05, 0.15] and section._over_frames('none', 'late') is None
    for name in ('differences.png', 'differences-2.png'):
        with Image.open(tmp_path / name) as picture:
            assert picture.width > 1000


def test_section_names_who_has_no_number(tmp_path: Path):
    results = [result('none', 0, 0.2), result('kd', 0, float('nan')), result('late', 0, 0.3)]
    assert Differences('mAP', tmp_path).section(results, ['none', 'kd'], {}) == []
    assert Differences('mAP', tmp_path).section(results, ['none', 'kd', 'late'], {})[-1] == (
        'Differences in mAP, drawn: differences.png; without kd, whose mAP is not a number in every seed')
