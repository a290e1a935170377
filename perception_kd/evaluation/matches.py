"""Average precision of one slice, and of many resamples of its scenes from matches that are made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.detection.data_classes import DetectionBox, DetectionConfig

Array = NDArray[np.float64]
RECALLS = np.linspace(0, 1, 101)


def class_ap(truth: EvalBoxes, predicted: EvalBoxes, name: str, cfg: DetectionConfig) -> float:
    """AP of one class, mean over the matching distances, by the devkit's own functions."""
    from nuscenes.eval.detection.algo import accumulate, calc_ap

    curves = (accumulate(truth, predicted, name, cfg.dist_fcn_callable, distance) for distance in cfg.dist_ths)
    return float(np.mean([calc_ap(curve, cfg.min_recall, cfg.min_precision) for curve in curves]))


@dataclass(frozen=True)
class Matches:
    """The predictions of one class in the order of falling score, scene by scene resampled.

    Args:
        hits: ``(distances, N)`` bool: which have met a true box of their own.
        scenes: ``(N,)`` number of the scene that each is in.
        truth: ``(S,)`` true boxes in each scene.
    """

    hits: NDArray[np.bool_]
    scenes: NDArray[np.int64]
    truth: NDArray[np.int64]

    @classmethod
    def make(cls, truth: EvalBoxes, predicted: EvalBoxes, name: str, cfg: DetectionConfig,
             scene_of: Mapping[str, int]) -> Matches:
        """Match as the devkit does: predictions by falling score, each with the nearest true box that is left.

        Args:
            truth, predicted: All classes.
            name: The class.
            cfg: Gives the matching distances.
            scene_of: Number of the scene of each sample token.
        """
        boxes = [box for box in predicted.all if box.detection_name == name]
        order = sorted(range(len(boxes)), key=lambda place: (boxes[place].detection_score, place), reverse=True)
        ranked = [boxes[place] for place in order]
        in_frame: dict[str, list[int]] = {}
        for place, box in enumerate(ranked):
            in_frame.setdefault(box.sample_token, []).append(place)
        hits = np.zeros((len(cfg.dist_ths), len(ranked)), bool)
        for token, places in in_frame.items():
            true_boxes = [box for box in truth[token] if box.detection_name == name]
            if true_boxes:
                distance = _distances([ranked[place] for place in places], true_boxes)
                for row, limit in enumerate(cfg.dist_ths):
                    hits[row, places] = _greedy(distance, limit)
        counts = Counter(scene_of[box.sample_token] for box in truth.all if box.detection_name == name)
        return cls(hits, np.array([scene_of[box.sample_token] for box in ranked], int),
                   np.array([counts[number] for number in range(max(scene_of.values()) + 1)]))

    def average_precision(self, weights: Array, cfg: DetectionConfig) -> Array:
        """AP of each resample, mean over the distances; NaN where it has no true box.

        Args:
            weights: ``(R, S)``: how often each scene has been drawn.
            cfg: Gives least recall and least precision.
        """
        areas = [self._area(drawn[self.scenes], float(drawn @ self.truth), cfg) for drawn in weights]
        return np.array(areas)

    def _area(self, drawn: Array, total: float, cfg: DetectionConfig) -> float:
        """AP of one resample, in which each prediction occurs ``drawn`` times; the devkit's 101 recalls."""
        if total == 0:
            return np.nan
        kept = drawn > 0
        counted, areas = np.cumsum(drawn[kept]), []
        for hit in self.hits[:, kept]:
            found = np.cumsum(drawn[kept] * hit)
            if not found.size or found[-1] == 0:
                areas.append(0.0)
                continue
            precision = np.interp(RECALLS, found / total, found / counted, right=0)[round(100 * cfg.min_recall) + 1:]
            areas.append(np.clip(precision - cfg.min_precision, 0, None).mean() / (1 - cfg.min_precision))
        return float(np.mean(areas))


def _distances(predicted: Sequence[DetectionBox], truth: Sequence[DetectionBox]) -> Array:
    ours, theirs = (np.array([box.translation[:2] for box in boxes]) for boxes in (predicted, truth))
    return np.linalg.norm(ours[:, None] - theirs[None], axis=2)


def _greedy(distance: Array, limit: float) -> list[bool]:
    """Which rows, taken in order, find a column nearer than ``limit``; a column is found once."""
    left, hits = distance.copy(), []
    for row in left:
        nearest = int(row.argmin())
        hits.append(bool(row[nearest] < limit))
        if hits[-1]:
            left[:, nearest] = np.inf
    return hits

