"""The additivity check against ranks by hand."""

import math

import pytest

from perception_kd.compress.search.additivity import Additivity, draw_combinations
from perception_kd.compress.search.solve import Choice

TABLE = {block: [Choice('teacher', 0.0, 0.0), Choice('x', -1.0, 0.25), Choice('y', -2.0, 0.5)] for block in 'abc'}


def by_hand(predicted: list[float], measured: list[float]) -> float:
    """1 - 6 sum d^2 / (n^3 - n), without ties."""
    ranks = [[sorted(values).index(value) for value in values] for values in (predicted, measured)]
    n = len(predicted)
    return 1 - 6 * sum((one - other) ** 2 for one, other in zip(*ranks)) / (n**3 - n)


def test_rho_is_the_one_by_hand() -> None:
    predicted, measured = [0.1, 0.4, 0.2, 0.9, 0.5], [1.0, 3.0, 5.0, 9.0, 2.0]
    found = Additivity(predicted, measured)
    assert found.rho == pytest.approx(by_hand(predicted, measured)) == pytest.approx(0.6)
    assert found.error == pytest.approx((0.9 + 2.6 + 4.8 + 8.1 + 1.5) / 5)
    found.require(0.5)
    with pytest.raises(ValueError, match=r'rho .* 5 combinations is 0\.60, below 0\.7'):
        found.require(0.7)


def test_a_score_that_is_not_finite_ranks_last() -> None:
    found = Additivity([0.1, 0.2, 0.3], [1.0, 2.0, math.nan])
    assert found.rho == pytest.approx(1.0)
    assert found.error == pytest.approx((0.9 + 1.8) / 2)


def test_scores_that_are_all_alike_stop_a_search() -> None:
    with pytest.raises(ValueError, match=r'is nan, below 0\.5'):
        Additivity([0.1, 0.2, 0.3], [4.0, 4.0, 4.0]).require(0.5)


def test_two_pairs_say_nothing() -> None:
    Additivity([0.1, 0.2], [2.0, 1.0]).require(0.5)


def test_combinations_differ_and_exchange_two_blocks_or_more() -> None:
    found = draw_combinations(TABLE, 12, seed=3)
    names = [tuple(one.names.values()) for one in found]
    assert len(set(names)) == 12
    assert all(sum(name != 'teacher' for name in one) >= 2 for one in names)
    assert all(one.loss == pytest.approx(-0.25 * one.latency) for one in found)
    assert names == [tuple(one.names.values()) for one in draw_combinations(TABLE, 12, seed=3)]
    assert names != [tuple(one.names.values()) for one in draw_combinations(TABLE, 12, seed=4)]


def test_where_there_are_fewer_all_are_taken() -> None:
    assert len(draw_combinations(TABLE, 50)) == 27 - 1 - 6  # without the teacher and single blocks
    assert draw_combinations({'a': TABLE['a']}, 10) == []
