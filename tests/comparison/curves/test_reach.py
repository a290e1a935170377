"""When curves reach a value, by hand."""

import pytest

from perception_kd.comparison.curves.part import _cell
from perception_kd.comparison.curves.reach import Points, reached

SLOW = Points((1, 2, 4), (0.1, 0.2, 0.4), (10.0, 20.0, 40.0))
FAST = Points((1, 2, 4), (0.3, 0.25, 0.38), (15.0, 30.0, 60.0))


@pytest.mark.parametrize(('points', 'target', 'epoch'), [
    (SLOW, 0.2, 2.0), (SLOW, 0.25, 2.5), (SLOW, 0.4, 4.0), (SLOW, 0.41, None),
    (SLOW, 0.05, 1.0),  # not before the first look
    (FAST, 0.28, 1.0), (FAST, 0.315, 3.0)])
def test_the_first_crossing_is_straight_between_looks(points: Points, target: float, epoch: float | None) -> None:
    assert points.epoch_of(target) == (None if epoch is None else pytest.approx(epoch))


def test_shares_are_of_the_reference_of_the_same_seed() -> None:
    assert reached([(SLOW, SLOW)], 1.0) == [(4.0, 40.0)]
    assert reached([(FAST, SLOW), (SLOW, SLOW)], 0.8) == [(pytest.approx(2 + 2 * 0.07 / 0.13), pytest.approx(
        30 + 30 * 0.07 / 0.13)), (pytest.approx(3.2), pytest.approx(32))]
    assert reached([(FAST, SLOW)], 1.0) == [(None, None)]
    assert reached([(SLOW, Points((1,), (0.0,), None))], 0.5) == []
    assert reached([(Points((1, 2), (0.1, 0.5), None), SLOW)], 0.5) == [(pytest.approx(1.25), None)]


def test_points_of_a_file_leave_out_what_has_no_value() -> None:
    curve = dict(epochs=[1, 2, 3], metrics=dict(mAP=[0.1, None, 0.3], NDS=[None] * 3), seconds=[5.0, 10.0, 15.0])
    assert Points.of(curve, 'mAP') == Points((1, 3), (0.1, 0.3), (5.0, 15.0))
    assert Points.of(curve, 'NDS') is None and Points.of(curve, 'AP') is None and Points.of(None, 'mAP') is None


def test_cells_say_how_many_seeds_reached_it() -> None:
    assert _cell([1.0, 2.0], 1) == '1.5 ± 0.7'
    assert _cell([1.0, None, 3.0], 1) == '2.0 ± 1.4 (2 of 3)'
    assert _cell([None], 1) == 'not reached' and _cell([], 1) == '-'
