"""Differences from the baseline, beside SciPy over seeds and an evaluation of each draw of scenes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES
from perception_kd.visualization.report.difference_blocks import HIGHER, LOWER, difference_blocks, reading
from perception_kd.visualization.report.differences import Against, _plain, against_baseline
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.runs import DISTILLED, STUDENT, Method, Run, RunSet
from tests.tiny_world import VERSION
from tests.visualization.report.run_folders import SPLIT, write_three


@pytest.fixture(scope='module')
def three(tmp_path_factory, tiny_root) -> RunSet:
    return gather([write_three(tmp_path_factory.mktemp('three'), tiny_root)])


def seeds(name: str, role: str, values: list[float]) -> list[Run]:
    return [Run(f'{name}, seed {seed}', role, Path('.'), name, seed, metrics=dict(mAP=value, NDS=value / 2))
            for seed, value in enumerate(values)]


def test_the_interval_of_scenes_spans_what_draws_of_scenes_give(three, tiny_root):
    """Two scenes can be drawn in three ways; the ends of 95 % are the extremes of them.

    A scene that is drawn twice is scored here once: the places of recall fall a little otherwise.
    """
    found, = against_baseline(three, ('mAP', 'NDS'))
    assert found.method.title == 'kd' and found.scenes == 2
    values = {}
    for name in ('student', 'kd'):
        path = three.runs[0].folder.parent / name / 'results_nusc.json'
        tokens = list(json.loads(path.read_text())['results'])
        values[name] = [evaluate_fast(path, tiny_root, VERSION, SPLIT, sample_tokens=part)['mean_ap']
                        for part in (tokens[:3], tokens[3:], tokens)]
    drawn = np.subtract(values['kd'], values['student'])
    assert found.metrics['mAP'].difference == pytest.approx(drawn[2])
    assert found.interval('mAP') == pytest.approx((drawn.min(), drawn.max()), abs=2e-3)
    assert reading(found, 'mAP') == 'too few scenes'


def test_result_files_that_do_not_fit_the_metrics_give_no_interval(three):
    other = replace(three, runs=tuple(replace(run, metrics={**run.metrics, 'mAP': 0.5 + 0.1 * (run.title == 'kd')})
                                      for run in three.runs))
    found, = against_baseline(other, ('mAP',))
    assert found.metrics['mAP'].difference == pytest.approx(0.1) and found.interval('mAP') is None


def test_over_seeds_the_interval_is_students_and_wins_over_that_of_scenes():
    none, kd = [0.10, 0.20, 0.15], [0.13, 0.22, 0.14]
    runs = RunSet((*seeds('none', STUDENT, none), *seeds('kd', DISTILLED, kd)), 'none')
    found, = against_baseline(runs, ('mAP',))
    expected = stats.ttest_rel(kd, none).confidence_interval(0.95)
    assert found.interval('mAP') == pytest.approx((expected.low, expected.high))
    assert found.metrics['mAP'].difference == pytest.approx(np.mean(kd) - np.mean(none))
    assert reading(found, 'mAP') == 'within the noise'


@pytest.mark.parametrize('ends, scenes, expected', [
    ((0.01, 0.03), FEW_SCENES, HIGHER), ((-0.05, -0.01), FEW_SCENES, LOWER),
    ((-0.01, 0.03), FEW_SCENES, 'within the noise'),
    ((0.01, 0.03), FEW_SCENES - 1, 'too few scenes'), (None, FEW_SCENES, 'no interval')])
def test_a_difference_is_called_by_its_interval(ends, scenes, expected):
    methods = [Method(name, STUDENT, tuple(seeds(name, STUDENT, [value])))
               for name, value in (('kd', 0.2 + sum(ends or (0, 0))), ('none', 0.2))]
    plain = {metric: replace(_plain(*methods, metric), interval=ends) for metric in ('mAP', 'NDS')}
    assert reading(Against(methods[0], plain, {}, scenes), 'mAP') == expected


def test_many_methods_get_bars_in_the_order_of_their_gains():
    gains = dict(a=0.0, b=0.03, c=-0.02, d=0.01)
    others = [run for name, gain in gains.items() for run in seeds(name, DISTILLED, [0.1 + gain])]
    runs = RunSet((*seeds('none', STUDENT, [0.1]), *others), 'none')
    table, chart = difference_blocks(against_baseline(runs, ('mAP', 'NDS')), 'mAP', 'none')
    assert [row[1] for row in table.rows] == ['+0.000', '+0.030', '−0.020', '+0.010']
    assert {row[-1] for row in table.rows} == {'no interval'} and 'no interval' in table.caption
    assert chart.figure['data'][0]['y'] == ['b', 'd', 'a', 'c']
    assert difference_blocks([], 'mAP', 'none') == []
