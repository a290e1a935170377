"""Measures of relative inverse depth against NumPy's own fit and correlation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perception_kd.evaluation.stereo.relative_depth import RelativeDepthMetric, relative_depth_errors


def test_against_numpy() -> None:
    draw = np.random.default_rng(0)
    truth = draw.uniform(1, 30, (8, 9))
    predicted = 0.02 * truth + draw.normal(0, 0.1, truth.shape) - 4
    valid = draw.uniform(size=truth.shape) < 0.8
    found = relative_depth_errors(predicted, truth, valid)
    m, d = predicted[valid], truth[valid]
    assert found.correlation == pytest.approx(np.corrcoef(m, d)[0, 1])
    fitted = np.polyval(np.polyfit(m, d, 1), m)
    ratio = np.where(fitted > 0, np.maximum(fitted / d, d / fitted), np.inf)
    assert found.delta == pytest.approx(100 * (ratio < 1.25).mean()) and 5 < found.delta < 95
    assert relative_depth_errors(-3 * truth, truth, valid).correlation == pytest.approx(-1)


def test_what_cannot_be_fitted() -> None:
    truth = np.arange(1.0, 13).reshape(3, 4)
    all_of_it = np.ones_like(truth, bool)
    assert relative_depth_errors(truth, truth, np.zeros_like(all_of_it)) is None
    assert relative_depth_errors(np.ones_like(truth), truth, all_of_it).correlation == 0
    half = np.where(truth < 7, truth, np.nan)
    assert relative_depth_errors(half, truth, all_of_it) == pytest.approx((1.0, 50.0)), 'no number is no hit'


def test_metric_leaves_out_pictures_without_truth() -> None:
    metric = RelativeDepthMetric()
    disparity = torch.arange(1.0, 13).view(3, 4)
    maps = dict(pred_inverse_depth=2 * disparity - 1, gt_disp=disparity)
    metric.process(None, [dict(maps, gt_valid=disparity > 0), dict(maps, gt_valid=disparity < 0)])
    assert metric.evaluate(2) == {'mono/correlation': pytest.approx(1), 'mono/delta-1.25': pytest.approx(100)}
    metric.process(None, [dict(maps, gt_valid=disparity < 0)])
    assert all(np.isnan(value) for value in metric.evaluate(1).values())
