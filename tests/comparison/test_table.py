"""Means, paired differences and their intervals, beside SciPy and hand-computed values."""

import math

import pytest
from scipy import stats

from perception_kd.comparison.table import check_paired, paired, report, table


def result(name: str, seed: int, value: float | None, init: str = 'a', world: str = 'tiny', **more) -> dict:
    return dict(dict(name=name, seed=seed, metrics=dict(mAP=value, NDS=0.5), seconds=dict(train=10.0 * (seed + 1)),
                     student_init=init, world=world, differs=[]), **more)


NONE, KD = (0.10, 0.20, 0.15), (0.13, 0.22, 0.14)
RESULTS = [result(name, seed, value) for name, values in (('none', NONE), ('kd', KD))
           for seed, value in enumerate(values)]


def test_differences_are_paired_and_their_interval_is_students() -> None:
    found = paired(RESULTS, 'none', 'kd', 'mAP')
    assert found.differences == pytest.approx((0.03, 0.02, -0.01))
    expected = stats.ttest_rel(KD, NONE).confidence_interval(0.95)
    assert found.interval == pytest.approx((expected.low, expected.high))
    assert str(found).startswith('+0.013 [') and str(found).endswith('2 of 3 up')


def test_only_seeds_that_both_have_count() -> None:
    some = [*RESULTS[:2], RESULTS[4], result('kd', 2, None)]
    assert paired(some, 'none', 'kd', 'mAP').differences == pytest.approx((0.02,))
    assert paired(some, 'none', 'kd', 'mAP').interval is None
    assert str(paired(some, 'none', 'absent', 'mAP')) == '-'
    assert math.isnan(paired(some, 'none', 'absent', 'mAP').mean)


def test_the_table_is_markdown() -> None:
    lines = table(RESULTS, ['none', 'kd'], ['mAP', 'NDS'], dict(lidar=dict(mAP=0.5, NDS=None))).splitlines()
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip('|').split('|')] for line in lines]
    assert cells[2] == ['teacher lidar', '', '0.500', '-', '', '']
    assert cells[3] == ['none', '3', '0.150 ± 0.050', '0.500 ± 0.000', '', '20 ± 10']
    assert cells[4][:4] == ['kd', '3', '0.163 ± 0.049', '0.500 ± 0.000']


def test_the_report_says_what_the_figures_are_worth() -> None:
    text = report(RESULTS, ['none', 'kd'], ['mAP'], dict(lidar=dict(mAP=0.5)))
    assert 'Teacher lidar leads none by +0.350 mAP.\n' in text and 'no gain to expect' not in text
    both = report(RESULTS, ['none', 'kd'], ['mAP', 'mATE', 'NDS'], dict(lidar=dict(mAP=0.19, NDS=0.6, mATE=0.1)))
    assert 'leads none by +0.040 mAP, +0.100 NDS. Less than 5 points: no gain to expect.' in both
    erring = [{**one, 'metrics': {**one['metrics'], 'mATE': 0.5}} for one in RESULTS]
    errors = [report(erring, ['none', 'kd'], ['mATE', 'NDS'], dict(lidar=dict(mATE=value, NDS=0.6)))
              for value in (0.4, 0.7)]
    assert 'leads none by +0.100 mATE, +0.100 NDS.\n' in errors[0]
    assert 'leads none by -0.200 mATE, +0.100 NDS. It does not lead: no gain to expect.' in errors[1]
    assert 'Simulated world tiny' in text and 'One seed' not in text
    one = report([RESULTS[0], result('kd', 0, 0.2, differs=['train_cfg.max_epochs'], world='other')], ['none', 'kd'],
                 ['mAP'], {})
    assert 'One seed' in one and 'different data' in one
    assert '* kd differs from none in more than its distillation: train_cfg.max_epochs' in one and '| kd *' in one


def test_unequal_seeds_and_origins_are_told() -> None:
    text = report([*RESULTS, result('none', 3, 0.3)], ['none', 'kd'], ['mAP'], {})
    assert '+0.013 [' in text and '0.188 ± 0.085' in text and 'it is not the difference of the means above' in text
    same = report(RESULTS, ['none', 'kd'], ['mAP'], {})
    assert 'difference of the means' not in same and 'Runs of' not in same
    origins = [dict(machine=dict(processor='cpu', threads=one), commit=commit) for one, commit in ((1, 'a'), (2, 'b'))]
    text = report([{**one, **origins[one['seed'] % 2]} for one in RESULTS], ['none', 'kd'], ['mAP'], {})
    assert 'Runs of different machines, whose seconds must not be compared: cpu, 1 threads; cpu, 2 threads.' in text
    assert 'Runs of different commits: a, b.' in text


def test_students_that_began_differently_are_not_paired() -> None:
    check_paired(RESULTS)
    with pytest.raises(ValueError, match='seed 1: the student of kd began with other weights than that of none'):
        check_paired([*RESULTS[:4], result('kd', 1, 0.2, init='b')])
    check_paired([*RESULTS[:4], result('kd', 1, 0.2, init='b', differs=['model.trunk'])])
