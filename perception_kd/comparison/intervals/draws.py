"""Metrics of a result file in every resample of its frames: the same resamples for every file, so that they pair."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from perception_kd.comparison.intervals.units import Units, find_units
from perception_kd.comparison.place import Place
from perception_kd.datasets.nuscenes.tables import read_rows, table_folder
from perception_kd.evaluation.fast.boxes import Floats
from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.predictions import load_predictions
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.frames import key_frames, version_tokens
from perception_kd.evaluation.resampling.bootstrap import draw_scenes, sampled_metrics
from perception_kd.evaluation.resampling.ranking import rank
from perception_kd.evaluation.token_owner import naming_owner


class FrameDraws:
    """Resamples of the key frames that runs are scored on.

    Args:
        place: The data.
        frames: Sample tokens of the key frames; None: all of the split.
        resamples: How many.
        block_frames: As for :func:`~perception_kd.comparison.intervals.units.find_units`.
        seed: Of the drawing.

    Raises:
        OSError, ValueError: No such data.
    """

    def __init__(self, place: Place, frames: Sequence[str] | None, *, resamples: int, block_frames: int,
                 seed: int = 0) -> None:
        self.settings, self._root = OfficialSettings(), place.root
        tokens = key_frames(place.root, place.version, place.split, frames)
        self._whole = load_truth(place.root, place.version, tokens)
        self._known = version_tokens(place.root, place.version)
        self.truth = filter_truth(self._whole, self.settings.class_range)
        rows = read_rows(table_folder(place.root, place.version) / 'sample.json', ('token', 'timestamp'))
        times = {row['token']: row['timestamp'] for row in rows}
        self.units: Units = find_units(self.truth.scene, np.array([times[token] for token in self.truth.tokens]),
                                       block_frames)
        self.weights = np.vstack([np.ones((1, self.units.count), np.int64),
                                  draw_scenes(self.units.count, resamples, seed)])

    def metrics(self, results: Path, names: Sequence[str]) -> dict[str, Floats]:
        """Each ``(1 + R,)``: of the key frames as they are, then of every resample.

        Raises:
            OSError, ValueError: The result file is broken or of other key frames.
        """
        with naming_owner(self._root):
            predicted = load_predictions(results, self._whole, self._known)
        predicted = filter_boxes(predicted, self._whole.racks, self.settings.class_range)
        rankings = rank(self.truth.boxes, predicted, self.units.of_frame, self.settings)
        found = sampled_metrics(rankings, self.weights, self.settings)
        return {name: found[name] for name in names}
