"""Metrics on a part of the boxes: near ones, ones that the LiDAR sees, ones of some slices; for both engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, LABELS, BoxArrays, Mask
from perception_kd.evaluation.fast.truth import Truth, load_truth
from perception_kd.evaluation.slices.sectors import ego_frame
from perception_kd.evaluation.slices.slice import Slice, inherit, owners

if TYPE_CHECKING:
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval


@dataclass(frozen=True)
class BoxSubset:
    """Which boxes count; the filter of either engine, which calls it after the devkit's own filters.

    Args:
        max_forward: Keep true and predicted boxes whose centre lies less than this many metres ahead in the
            ego frame (x forward).
        max_reach: Keep true and predicted boxes whose centre lies less than this many metres away along both
            axes of the ego frame: for a model whose grid is smaller than the devkit's class ranges.
        min_lidar_points: A true box with fewer LiDAR points is ignored: it is no miss, and a prediction of
            its class that belongs to it (nearest true centre, within 2 m) is no false alarm.
        slices: A box counts where it is in one of the slices of every family that is named here.

    Raises:
        ValueError: impossible limits.
    """

    max_forward: float | None = None
    max_reach: float | None = None
    min_lidar_points: int = 0
    slices: tuple[Slice, ...] = ()

    def __post_init__(self) -> None:
        if self.max_forward is not None and np.isnan(self.max_forward):
            raise ValueError('max_forward must be a number of metres, got nan')
        if self.max_reach is not None and not self.max_reach > 0:
            raise ValueError(f'max_reach must be above 0, got {self.max_reach:g}')
        if self.min_lidar_points < 0:
            raise ValueError(f'min_lidar_points must be at least 0, got {self.min_lidar_points}')

    def __str__(self) -> str:
        """In words."""
        words = [f'less than {self.max_forward:g} m ahead'] if self.max_forward is not None else []
        words += [f'less than {self.max_reach:g} m away along both axes'] if self.max_reach is not None else []
        words += [f'at least {self.min_lidar_points} LiDAR points'] if self.min_lidar_points > 0 else []
        words += [f'{one.family} {one.name}' for one in self.slices]
        return ', '.join(words)

    def masks(self, truth: Truth, predicted: BoxArrays) -> tuple[Mask, Mask]:
        """Which true boxes count ``(N,)``, and which predicted ones ``(M,)``."""
        owner = owners(truth.boxes, predicted)
        seen = truth.num_lidar_pts >= self.min_lidar_points
        found = inherit(seen, owner, np.ones(len(predicted), bool))
        for family in {one.family for one in self.slices}:
            parts = [one.masks(truth, predicted, owner) for one in self.slices if one.family == family]
            seen &= np.any([true for true, _ in parts], axis=0)
            found &= np.any([other for _, other in parts], axis=0)
        return seen & self._in_area(truth, truth.boxes), found & self._in_area(truth, predicted)

    def subset(self, truth: Truth, predictions: BoxArrays) -> tuple[Truth, BoxArrays]:
        """The boxes that count."""
        seen, found = self.masks(truth, predictions)
        return truth.take(seen), predictions.take(found)

    def __call__(self, evaluation: DetectionEval) -> None:
        """Thin out ``gt_boxes`` and ``pred_boxes`` of a devkit evaluation in place."""
        boxes = {name: [evaluation_boxes[token] for token in evaluation.sample_tokens]
                 for name, evaluation_boxes in (('gt', evaluation.gt_boxes), ('pred', evaluation.pred_boxes))}
        truth = _same_truth(evaluation, boxes['gt'])
        masks = self.masks(truth, _arrays(boxes['pred']))
        for kept, mask, frames in zip((evaluation.gt_boxes, evaluation.pred_boxes), masks, boxes.values()):
            chosen = iter(mask.tolist())
            for token, frame in zip(evaluation.sample_tokens, frames):
                kept.boxes[token] = [box for box in frame if next(chosen)]

    def _in_area(self, truth: Truth, boxes: BoxArrays) -> Mask:
        if self.max_forward is None and self.max_reach is None:
            return np.ones(len(boxes), bool)
        there = ego_frame(truth, boxes)
        ahead, reach = there[:, 0], np.abs(there[:, :2]).max(axis=1)
        return ((ahead < (np.inf if self.max_forward is None else self.max_forward))
                & (reach < (np.inf if self.max_reach is None else self.max_reach)))


def _same_truth(evaluation: DetectionEval, frames: Sequence[Sequence[DetectionBox]]) -> Truth:
    """What the tables say about the true boxes that the devkit has left, which are in their order."""
    truth = load_truth(evaluation.nusc.dataroot, evaluation.nusc.version, evaluation.sample_tokens)
    keys = zip(truth.boxes.frame.tolist(), map(tuple, truth.boxes.translation.tolist()), truth.boxes.label.tolist(),
               truth.boxes.num_pts.tolist())
    places, wanted = [], ((number, tuple(box.translation), LABELS[box.detection_name], box.num_pts)
                          for number, frame in enumerate(frames) for box in frame)
    rows = enumerate(keys)
    for box in wanted:
        places.append(next(place for place, row in rows if row == box))
    return truth.take(np.array(places, np.int64))


def _arrays(frames: Sequence[Sequence[DetectionBox]]) -> BoxArrays:
    boxes = [(number, box) for number, frame in enumerate(frames) for box in frame]
    if not boxes:
        return BoxArrays.empty()
    return BoxArrays(
        frame=np.array([number for number, _ in boxes]), num_pts=np.array([box.num_pts for _, box in boxes]),
        label=np.array([LABELS[box.detection_name] for _, box in boxes]),
        attribute=np.array([ATTRIBUTE_CODES[box.attribute_name] for _, box in boxes]),
        score=np.array([box.detection_score for _, box in boxes]),
        **{name: np.array([getattr(box, name) for _, box in boxes])
           for name in ('translation', 'size', 'rotation', 'velocity', 'ego_translation')})
