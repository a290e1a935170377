"""Official metrics on a part of the boxes: near ones, or ones that the LiDAR sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perception_kd.datasets.nuscenes.poses import pose_matrix

if TYPE_CHECKING:
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

_NEAR = 2.0
"""A prediction belongs to the true box whose centre is nearest, when it lies within this many metres."""


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
        counts = _lidar_points(evaluation, token)
        seen = [counts[tuple(box.translation)] >= self.min_lidar_points for box in truth]
        kept = [box for box in predicted if _belongs_to_seen(box, truth, seen)]
        return [box for box, ok in zip(truth, seen) if ok], kept


def _belongs_to_seen(box: DetectionBox, truth: list[DetectionBox], seen: list[bool]) -> bool:
    """False when the nearest true box of the class is near enough and is an ignored one."""
    distances = [(np.hypot(*np.subtract(other.translation[:2], box.translation[:2])), ok)
                 for other, ok in zip(truth, seen) if other.detection_name == box.detection_name]
    if not distances:
        return True
    distance, ok = min(distances)
    return ok or distance > _NEAR


def _lidar_points(evaluation: DetectionEval, token: str) -> dict[tuple[float, ...], int]:
    """Centre of each annotation -> its LiDAR points (the devkit's boxes keep only LiDAR plus radar)."""
    nusc = evaluation.nusc
    rows = (nusc.get('sample_annotation', one) for one in nusc.get('sample', token)['anns'])
    return {tuple(row['translation']): row['num_lidar_pts'] for row in rows}


def _ego_axes(evaluation: DetectionEval, token: str) -> np.ndarray:
    """The ego's x and y axes (2, 3) in the global frame at the LiDAR sweep of a key frame."""
    nusc = evaluation.nusc
    data = nusc.get('sample_data', nusc.get('sample', token)['data']['LIDAR_TOP'])
    pose = nusc.get('ego_pose', data['ego_pose_token'])
    return pose_matrix(pose['translation'], pose['rotation'])[:3, :2].T
