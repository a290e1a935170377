"""NDS and mAP of a result file for scenes drawn with replacement: the same draws for every cell, so that they pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.predictions import load_predictions
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.resampling.bootstrap import draw_scenes, sampled_metrics
from perception_kd.evaluation.resampling.ranking import rank

SCORES = ('NDS', 'mAP')


class SceneDraws:
    """Draws of the scenes of one data set; see :mod:`perception_kd.evaluation.resampling.bootstrap`.

    Args:
        data_root: nuScenes-format root.
        version: For example ``v1.0-mini``.
        tokens: The key frames that are scored.
        resamples: How many draws.
        seed: Of the draws.
    """

    def __init__(self, *, data_root: Path, version: str, tokens: Sequence[str], resamples: int, seed: int = 0) -> None:
        self.settings = OfficialSettings()
        self.truth = filter_truth(load_truth(data_root, version, tokens), self.settings.class_range)
        self.weights = draw_scenes(len(self.truth.scenes), resamples, seed)

    def scores(self, results: Path) -> dict[str, list[float]]:
        """NDS and mAP of each draw; none where there is one scene only, of which nothing can be drawn.

        Args:
            results: A result file of the key frames.
        """
        if not len(self.weights):
            return {name: [] for name in SCORES}
        predicted = filter_boxes(load_predictions(results, self.truth), self.truth.racks, self.settings.class_range)
        rankings = rank(self.truth.boxes, predicted, self.truth.scene, self.settings)
        found = sampled_metrics(rankings, self.weights, self.settings)
        return {name: found[name].tolist() for name in SCORES}
