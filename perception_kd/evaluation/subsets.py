"""Official metrics on a part of the boxes: near ones, or ones that the LiDAR sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perception_kd.datasets.nuscenes.poses import pose_matrix

if TYPE_CHECKING:
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

_NEAR = 2.0
"""A prediction belongs to the true box whose centre is nearest, when it lies within this many metres, the largest
distance at which the devkit matches."""


@dataclass(frozen=True)
class BoxSubset:
    """Which boxes count; call it with a devkit evaluation, whose boxes it thins out.

    Args:
        max_forward: Keep true and predicted boxes whose centre lies less than this many metres ahead in the
            ego frame (x forward).
        max_reach: Keep true and predicted boxes whose centre lies less than this many metres away along both
            axes of the ego frame: for a model whose grid is smaller than the devkit's class ranges.
        min_lidar_points: A true box with fewer LiDAR points is ignored: it is no miss, and a prediction of
            its class that belongs to it (nearest true centre, within 2 m) is no false alarm.
    """

    max_forward: float | None = None
    max_reach: float | None = None
    min_lidar_points: int = 0

    def __call__(self, evaluation: DetectionEval) -> None:
        """Thin out ``gt_boxes`` and ``pred_boxes`` in place."""
        for token in evaluation.sample_tokens:
            truth, predicted = evaluation.gt_boxes[token], evaluation.pred_boxes[token]
            if self.min_lidar_points > 0:
                truth, predicted = self._ignore_unseen(evaluation, token, truth, predicted)
            axes = _ego_axes(evaluation, token)
            truth, predicted = ([box for box in boxes if self._in_area(axes @ box.ego_translation)]
                                for boxes in (truth, predicted))
            evaluation.gt_boxes.boxes[token] = truth
            evaluation.pred_boxes.boxes[token] = predicted

    def _in_area(self, centre: np.ndarray) -> bool:
        ahead, reach = centre[0], np.abs(centre).max()
        return ((self.max_forward is None or ahead < self.max_forward)
                and (self.max_reach is None or reach < self.max_reach))

    def _ignore_unseen(self, evaluation: DetectionEval, token: str, truth: list[DetectionBox],
                       predicted: list[DetectionBox]) -> tuple[list[DetectionBox], list[DetectionBox]]:
        rows = annotations_of(evaluation, token, truth)
        seen = [row['num_lidar_pts'] >= self.min_lidar_points for row in rows]
        kept = [box for box, owner in zip(predicted, owners(truth, predicted)) if owner < 0 or seen[owner]]
        return [box for box, ok in zip(truth, seen) if ok], kept


def owners(truth: Sequence[DetectionBox], predicted: Sequence[DetectionBox]) -> list[int]:
    """The place in ``truth`` of the box that each predicted box of a key frame belongs to; -1 where to none.

    That is the nearest centre in the plane among the boxes of its class, if it is within 2 m.
    """
    found = np.full(len(predicted), -1)
    for name in {box.detection_name for box in predicted}:
        ours = [place for place, box in enumerate(predicted) if box.detection_name == name]
        theirs = np.array([place for place, box in enumerate(truth) if box.detection_name == name], int)
        if len(theirs):
            centres = np.array([predicted[place].translation[:2] for place in ours])
            true_centres = np.array([truth[place].translation[:2] for place in theirs])
            distance = np.linalg.norm(centres[:, None] - true_centres[None], axis=2)
            found[ours] = np.where(distance.min(axis=1) <= _NEAR, theirs[distance.argmin(axis=1)], -1)
    return found.tolist()


def annotations_of(evaluation: DetectionEval, token: str, truth: Sequence[DetectionBox]) -> list[dict[str, Any]]:
    """The row of ``sample_annotation`` of each true box: the devkit's boxes keep only LiDAR plus radar points."""
    nusc = evaluation.nusc
    rows = (nusc.get('sample_annotation', one) for one in nusc.get('sample', token)['anns'])
    by_centre = {tuple(row['translation']): row for row in rows}
    return [by_centre[tuple(box.translation)] for box in truth]


def _ego_axes(evaluation: DetectionEval, token: str) -> np.ndarray:
    """The ego's x and y axes (2, 3) in the global frame at the LiDAR sweep of a key frame."""
    nusc = evaluation.nusc
    data = nusc.get('sample_data', nusc.get('sample', token)['data']['LIDAR_TOP'])
    pose = nusc.get('ego_pose', data['ego_pose_token'])
    return pose_matrix(pose['translation'], pose['rotation'])[:3, :2].T
