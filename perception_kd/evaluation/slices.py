"""Parts of a split that are scored on their own: night, rain, distance, class, LiDAR points."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from perception_kd.evaluation.subsets import annotations_of, owners
from perception_kd.structures.classes import NUSCENES_CLASSES

if TYPE_CHECKING:
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

_NIGHT, _RAIN = re.compile(r'\bnight', re.IGNORECASE), re.compile(r'\brain', re.IGNORECASE)


def _every(*_: object) -> bool:
    return True


@dataclass(frozen=True)
class Slice:
    """Which boxes of a split count; another kind of slice is three functions, or fewer.

    A true box that does not count is ignored. A predicted box counts where the true box that it belongs to counts
    (nearest centre of its class within 2 m), so that a border between two slices makes no false alarms; one that
    belongs to none is a false alarm where ``predicted`` says so. What a prediction does not have (LiDAR points) cannot
    be asked of it: its false alarms then count in every slice of the family.

    Args:
        family: What is varied: ``light``, ``distance``, ...
        name: Which value.
        scene: Whether a scene counts, by its row of the table ``scene``.
        truth: Whether a true box counts, by the devkit's box (``ego_dist`` in m, ``ego_translation``, ``velocity``,
            ``detection_name``) and its row of ``sample_annotation`` (``num_lidar_pts``, ``visibility_token``, ...).
        predicted: Whether a false alarm counts, by the devkit's box.
    """

    family: str
    name: str
    scene: Callable[[Mapping[str, Any]], bool] = _every
    truth: Callable[[DetectionBox, Mapping[str, Any]], bool] = _every
    predicted: Callable[[DetectionBox], bool] = _every


def default_slices(*, distances: Sequence[float] = (20.0, 30.0), points: Sequence[int] = (5, 20, 100)) -> list[Slice]:
    """The whole split (``all``), light, weather, distance, class and LiDAR points on the box.

    Night and rain are what the scene's description says, as in nuScenes ("Night, after rain, ..."); a scene that
    does not say is by day, or dry.

    Args:
        distances: Borders of the rings around the ego car in m.
        points: Borders of the numbers of LiDAR points.

    Raises:
        ValueError: borders that do not rise from above 0.
    """
    rings, counts = _ranges('distances', distances), _ranges('points', points)
    return [
        Slice('all', 'all'),
        Slice('light', 'day', scene=lambda row: not _NIGHT.search(row['description'])),
        Slice('light', 'night', scene=lambda row: bool(_NIGHT.search(row['description']))),
        Slice('weather', 'dry', scene=lambda row: not _RAIN.search(row['description'])),
        Slice('weather', 'rain', scene=lambda row: bool(_RAIN.search(row['description']))),
        *(_ring(low, high) for low, high in rings),
        *(_points(low, high) for low, high in counts),
        *(_one_class(name) for name in NUSCENES_CLASSES)]


def _ranges(what: str, borders: Sequence[float]) -> list[tuple[float, float]]:
    edges = [0.0, *borders, float('inf')]
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f'slices: {what} must rise from above 0, got {list(borders)}')
    return list(pairwise(edges))


def _label(low: float, high: float, unit: str) -> str:
    return f'{low:g}+ {unit}' if high == float('inf') else f'{low:g}-{high:g} {unit}'


def _ring(low: float, high: float) -> Slice:
    return Slice('distance', _label(low, high, 'm'), truth=lambda box, row: low <= box.ego_dist < high,
                 predicted=lambda box: low <= box.ego_dist < high)


def _points(low: float, high: float) -> Slice:
    last = high if high == float('inf') else high - 1
    return Slice('LiDAR points', _label(low, last, 'points'), truth=lambda box, row: low <= row['num_lidar_pts'] < high)


def _one_class(name: str) -> Slice:
    return Slice('class', name, truth=lambda box, row: box.detection_name == name,
                 predicted=lambda box: box.detection_name == name)


class SlicedEvaluation:
    """A devkit evaluation whose boxes can be had slice by slice.

    Args:
        evaluation: With the devkit's own filters applied.
    """

    def __init__(self, evaluation: DetectionEval) -> None:
        self.evaluation, nusc = evaluation, evaluation.nusc
        self.scenes = {token: nusc.get('scene', nusc.get('sample', token)['scene_token'])
                       for token in evaluation.sample_tokens}
        self._rows, self._owners = {}, {}
        for token in evaluation.sample_tokens:
            truth = evaluation.gt_boxes[token]
            self._rows[token] = annotations_of(evaluation, token, truth)
            self._owners[token] = owners(truth, evaluation.pred_boxes[token])

    def boxes(self, chosen: Slice) -> tuple[EvalBoxes, EvalBoxes]:
        """True and predicted boxes that count."""
        from nuscenes.eval.common.data_classes import EvalBoxes

        truth, predicted = EvalBoxes(), EvalBoxes()
        for token, scene in self.scenes.items():
            if chosen.scene(scene):
                true_boxes, boxes = self.evaluation.gt_boxes[token], self.evaluation.pred_boxes[token]
                counts = [chosen.truth(box, row) for box, row in zip(true_boxes, self._rows[token])]
                truth.add_boxes(token, [box for box, good in zip(true_boxes, counts) if good])
                predicted.add_boxes(token, [
                    box for box, owner in zip(boxes, self._owners[token])
                    if (counts[owner] if owner >= 0 else chosen.predicted(box))])
        return truth, predicted
