"""Errors of one map: hand-computed, and a loop over pixels that knows no array."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception_kd.evaluation.stereo.errors import measure, region_masks


def test_hand_computed() -> None:
    """An error of exactly 3 px is not above 3, one of exactly 5 % is no outlier, and what is invalid is not seen."""
    truth = np.array([[10, 100, 80], [60, 50, 7], [20, 4, 1]], np.float32)
    predicted = np.array([[13, 103.5, 84], [63.5, 50.5, 9], [20, np.nan, 500]], np.float32)
    valid = np.ones((3, 3), bool)
    valid[2, 2] = False
    found = measure(predicted, truth, valid, thresholds=(0.5, 1, 2, 3))
    assert (found.pixels, found.predicted) == (8, 7)
    assert found.error == pytest.approx(3 + 3.5 + 4 + 3.5 + 0.5 + 2 + 0)
    assert found.bad == (6, 6, 5, 4)  # the missing one is always bad; 0.5 px is not above 0.5, 2 px not above 2
    assert found.outliers == 2  # 63.5 for 60 (5.8 %) and the missing one; 84 for 80 is 5 % exactly


def test_range_and_a_d1_without_its_share() -> None:
    """Truth below ``max_disp`` alone counts; RAFT-Stereo's D1 needs no 5 %."""
    truth = np.array([[10, 192, 191.5]], np.float32)
    found = measure(truth + np.float32(3.5), truth, np.ones((1, 3), bool), max_disp=192, d1_share=0.0)
    assert (found.pixels, found.outliers) == (2, 2)
    assert measure(truth + np.float32(3.5), truth, np.ones((1, 3), bool)).outliers == 1


def _by_loop(predicted: np.ndarray, truth: np.ndarray, pixels: np.ndarray, limit: float) -> tuple:
    count = known = outliers = 0
    total, bad = 0.0, [0, 0]
    for row in range(truth.shape[0]):
        for column in range(truth.shape[1]):
            expected, answer = float(truth[row, column]), float(predicted[row, column])
            if not pixels[row, column] or expected >= limit:
                continue
            count += 1
            error = abs(answer - expected) if math.isfinite(answer) else math.inf
            if math.isfinite(error):
                known, total = known + 1, total + error
            bad = [number + (error > limit_) for number, limit_ in zip(bad, (1.0, 2.5))]
            outliers += error > 3 and (not math.isfinite(error) or error / expected > 0.05)
    return count, known, total, tuple(bad), outliers


@pytest.mark.parametrize('seed', range(5))
def test_equals_a_loop(seed: int) -> None:
    """Random maps with holes, in all three regions, within a range."""
    random = np.random.default_rng(seed)
    truth = random.uniform(0.5, 120, (9, 14)).astype(np.float32)
    predicted = (truth + random.normal(0, 4, truth.shape)).astype(np.float32)
    predicted[random.random(truth.shape) < 0.1] = random.choice([np.nan, np.inf])
    valid, noc = random.random(truth.shape) < 0.8, random.random(truth.shape) < 0.7
    masks = region_masks(valid, noc)
    for name, expected in {'all': valid, 'noc': valid & noc, 'occ': valid & ~noc}.items():
        np.testing.assert_array_equal(masks[name], expected)
        found = measure(predicted, truth, masks[name], thresholds=(1.0, 2.5), max_disp=100)
        count, known, total, bad, outliers = _by_loop(predicted, truth, expected, 100)
        assert (found.pixels, found.predicted, found.bad, found.outliers) == (count, known, bad, outliers)
        assert found.error == pytest.approx(total, rel=1e-12)


def test_nothing_to_count() -> None:
    """An empty mask gives sums of 0, whatever lies below it."""
    nothing = np.full((2, 2), np.nan, np.float32)
    found = measure(nothing, nothing, np.zeros((2, 2), bool))
    assert (found.pixels, found.predicted, found.error, sum(found.bad)) == (0, 0, 0.0, 0)


def test_bad_maps_are_refused() -> None:
    """Sizes are told as pictures have them; a sentinel in the truth does not become an error of infinity."""
    with pytest.raises(ValueError, match='disparity is 5 x 4 px, its truth 5 x 3'):
        measure(np.zeros((4, 5)), np.zeros((3, 5)), np.ones((3, 5), bool))
    with pytest.raises(ValueError, match='not finite at a pixel that is called valid'):
        measure(np.zeros((1, 2)), np.array([[1, np.inf]]), np.ones((1, 2), bool))
