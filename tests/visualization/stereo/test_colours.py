"""Colours of disparity and of errors: by a loop over pixels, in order for every reader, the same in key and map."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.visualization.palette import luminance
from perception_kd.visualization.stereo.colours import (
    NO_PREDICTION,
    NO_TRUTH,
    colour_disparity,
    colour_errors,
    disparity_limits,
    disparity_scale,
    error_scale,
)


def test_near_is_bright_and_holes_are_grey() -> None:
    """Luminance rises with disparity within the limits and stays beyond; NaN and infinity are no disparity."""
    row = np.array([[-5, 10, 20, 30, 40, 50, 90, np.nan, np.inf]], np.float32)
    colours = colour_disparity(row, (10, 50))[0]
    assert colours.dtype == np.uint8
    light = [luminance(tuple(colour / 255)) for colour in colours[:7]]
    assert light[0] == light[1] and light[5] == light[6] and (np.diff(light[1:6]) > 0.05).all()
    assert [tuple(colour) for colour in colours[7:]] == [NO_PREDICTION] * 2
    scale = disparity_scale((10, 50))
    np.testing.assert_allclose(np.array(scale.cmap(scale.norm(30.0)))[:3] * 255, colours[3], atol=2)


def test_limits() -> None:
    """Of all maps together, without their holes; never an empty range."""
    maps = [np.array([[0, np.nan]]), np.array([[100, np.inf]])]
    assert disparity_limits(maps) == pytest.approx((1, 99))
    assert disparity_limits([np.full((2, 2), 7.0)]) == (7, 8)
    assert disparity_limits([np.full((2, 2), np.nan)]) == (0, 1)


def test_error_steps_equal_a_loop() -> None:
    """Steps double; the bound itself is still blue; occluded pixels are darker; what is not predicted is the worst."""
    random = np.random.default_rng(0)
    truth = random.uniform(10, 90, (12, 15))
    predicted = truth + random.choice([-1, 1], truth.shape) * 2.0 ** random.uniform(-6, 7, truth.shape)
    predicted[0, :3] = truth[0, :3] + [2, 2.001, 0.125]
    predicted[3, 3], truth[3, 3] = np.nan, 50
    valid, noc = random.random(truth.shape) < 0.9, random.random(truth.shape) < 0.8
    valid[0, :3] = noc[0, :3] = valid[3, 3] = noc[3, 3] = True
    found = colour_errors(predicted, truth, valid, noc=noc)
    table = (np.array(error_scale().cmap.colors) * 255).round().astype(int)
    bounds = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16, 32]
    for place in np.ndindex(truth.shape):
        error = abs(predicted[place] - truth[place])
        step = sum(error > bound for bound in bounds) if np.isfinite(error) else 9
        colour = table[step] if noc[place] else (table[step] * 0.55).astype(int)
        assert tuple(found[place]) == (tuple(colour) if valid[place] else NO_TRUTH)
    blue = [bool(colour[2] > colour[0]) for colour in found[0, :3].astype(int)]
    assert blue == [True, False, True]


def test_sparse_truth_is_drawn_larger() -> None:
    """A single pixel of a LiDAR fills its neighbours, the worse of two where they meet; dense truth stays as it is."""
    truth, valid = np.full((7, 9), 20.0), np.zeros((7, 9), bool)
    valid[3, 2] = valid[3, 4] = True
    predicted = truth.copy()
    predicted[3, 4] += 100
    found = colour_errors(predicted, truth, valid)
    known = (found != NO_TRUTH).any(2)
    assert known[2:5, 1:6].all() and known.sum() == 15
    assert tuple(found[2, 3]) == tuple(found[3, 4]) != tuple(found[3, 2])
    valid[:5] = True
    dense = colour_errors(predicted, truth, valid)
    assert (dense[5:] == NO_TRUTH).all()


def test_key_of_errors_has_the_colours_of_the_map() -> None:
    """A value lies in the key where its colour is, whatever the bound."""
    for bad in (0.5, 3.0):
        scale = error_scale(bad)
        for error in (0.01, bad * 0.7, bad * 1.5, bad * 10, bad * 99):
            drawn = colour_errors(np.full((1, 1), error), np.zeros((1, 1)), np.ones((1, 1), bool), bad=bad)[0, 0]
            place = min(float(scale.norm(error)), 1 - 1e-9)
            np.testing.assert_allclose(np.array(scale.cmap(place))[:3] * 255, drawn, atol=0.5)
