"""Running sums of resamples against adding up the repeated ranking."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.evaluation.resampling.running import Amounts, Running


@pytest.mark.parametrize('length', [1, 9, 1024, 3001, 20_000])
def test_sums_and_places(length: int) -> None:
    rng = np.random.default_rng(length)
    scene, amount = rng.integers(0, 7, length), rng.integers(0, 4, length)
    weights = rng.integers(0, 3, (5, 7)).astype(float)
    running = Running(Amounts.make(scene, amount, 7), weights)
    sums = np.cumsum(weights[:, scene] * amount, axis=1)
    np.testing.assert_array_equal(running.total, sums[:, -1])
    count = np.column_stack([rng.integers(0, length + 1, (5, 40)), np.full(5, 0), np.full(5, length)])
    np.testing.assert_array_equal(running.at(count), np.take_along_axis(np.pad(sums, ((0, 0), (1, 0))), count, axis=1))
    wanted = np.column_stack([rng.integers(0, sums.max() + 2, (5, 40)), sums[:, 0], sums[:, -1], np.zeros(5)])
    for side in ('left', 'right'):
        expected = [np.searchsorted(row, value, side) for row, value in zip(sums, wanted)]
        np.testing.assert_array_equal(running.search(wanted, side), expected)


def test_broken_amounts_are_summed_up_to_rounding() -> None:
    rng = np.random.default_rng(0)
    scene, amount = rng.integers(0, 3, 5000), rng.normal(size=5000)
    running = Running(Amounts.make(scene, amount, 3), np.array([[2.0, 0, 1]]))
    sums = np.cumsum(np.array([2.0, 0, 1])[scene] * amount)
    np.testing.assert_allclose(running.at(np.array([[1, 2000, 5000]]))[0], sums[[0, 1999, 4999]], atol=1e-11)
