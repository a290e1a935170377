"""Resamples of scenes against nuscenes-devkit on the data set in which these scenes are repeated."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.resampling.bootstrap import draw_scenes, sampled_metrics
from perception_kd.evaluation.resampling.ranking import rank
from tests.evaluation.random_boxes import devkit_metrics, random_predictions, random_truth, repeat_frames

SETTINGS = OfficialSettings()


def same(found: dict[str, np.ndarray], row: int, expected: dict[str, float]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name][row] == pytest.approx(value, abs=1e-12, nan_ok=True), name


@pytest.mark.parametrize('scores', [None, 3, 1])
@pytest.mark.parametrize('seed', range(4))
def test_a_resample_is_the_data_set_with_its_scenes_repeated(seed: int, scores: int | None) -> None:
    """Also where scores are equal: three different ones, or one alone."""
    rng = np.random.default_rng(seed)
    scene = np.array([0, 0, 1, 2, 2, 2, 3])
    truth = random_truth(rng, len(scene))
    predicted = random_predictions(rng, truth, len(scene), scores)
    weights = np.vstack([np.ones(4, int), [0, 3, 1, 0], [0, 0, 0, 4], draw_scenes(4, 5, seed)])
    found = sampled_metrics(rank(truth, predicted, scene, SETTINGS), weights, SETTINGS)
    for row, weight in enumerate(weights):
        times = weight[scene]
        same(found, row, devkit_metrics(repeat_frames(truth, times), repeat_frames(predicted, times), times.sum()))
