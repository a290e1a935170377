"""Ground-truth boxes: loading and selection."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures import LiDARInstance3DBoxes

from perception_kd.datasets.transforms.point_range import in_range
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadBoxes3D(BaseTransform):
    """``ann_info`` -> ``gt_bboxes_3d`` (``LiDARInstance3DBoxes``, box_dim 9), ``gt_labels_3d`` (M) int64.

    Unknown velocities stay NaN; ``BEVCenterHead`` does not train them. A sample that is not annotated gets nothing.

    Args:
        valid_only: Keep only boxes that hold a LiDAR or radar point, as nuscenes-devkit evaluates.
    """

    def __init__(self, *, valid_only: bool = True) -> None:
        self.valid_only = valid_only

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``ann_info``; writes ``gt_bboxes_3d``, ``gt_labels_3d`` (M) and ``gt_num_lidar_pts`` (M)."""
        if not results.get('annotated', True):
            return results
        truth = results['ann_info']
        points = truth['num_lidar_pts'] + truth['num_radar_pts']
        keep = points > 0 if self.valid_only else np.ones(len(points), bool)
        boxes = truth['gt_bboxes_3d'][keep]
        results['gt_bboxes_3d'] = LiDARInstance3DBoxes(boxes, box_dim=9, origin=(0.5, 0.5, 0.5))
        results['gt_labels_3d'] = truth['gt_labels_3d'][keep]
        results['gt_num_lidar_pts'] = truth['num_lidar_pts'][keep]
        return results


@TRANSFORMS.register_module()
class FilterObjects(BaseTransform):
    """Drop boxes that the network is not asked to find.

    Args:
        point_cloud_range: [x_min, y_min, z_min, x_max, y_max, z_max] in m; a box whose centre lies outside in
            x or y is dropped (its height does not count, as in CenterPoint).
        min_lidar_points: Drop boxes with fewer LiDAR points.
    """

    def __init__(self, *, point_cloud_range: list[float], min_lidar_points: int = 0) -> None:
        self.range = np.asarray(point_cloud_range, np.float32)
        self.min_lidar_points = min_lidar_points

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Selects in ``gt_bboxes_3d``, ``gt_labels_3d`` and ``gt_num_lidar_pts`` alike, where the sample has any."""
        if not results.get('annotated', True):
            return results
        boxes = results['gt_bboxes_3d']
        keep = in_range(boxes.tensor.numpy(), self.range[:2], self.range[3:5])
        keep &= results['gt_num_lidar_pts'] >= self.min_lidar_points
        results['gt_bboxes_3d'] = boxes[torch.from_numpy(keep)]
        for key in ('gt_labels_3d', 'gt_num_lidar_pts'):
            results[key] = results[key][keep]
        return results


@TRANSFORMS.register_module()
class FilterPoints(BaseTransform):
    """Drop LiDAR points outside of a range, and radar points outside of it in x and y.

    Radar points of past frames are never dropped: they may come into the range with the ego car's motion.

    Args:
        point_cloud_range: [x_min, y_min, z_min, x_max, y_max, z_max] in m, in the augmented frame.
        radar: Whether to look at the key frame's radar points; None: unless there are past frames. A network that sees
            frames again as past ones is then given the same points each time.
    """

    def __init__(self, *, point_cloud_range: list[float], radar: bool | None = None) -> None:
        self.range, self.radar = np.asarray(point_cloud_range, np.float32), radar

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Selects in ``points`` (P, 3+) and ``radar`` (M, 7), whichever are there."""
        radar = 'past' not in results if self.radar is None else self.radar
        for key, axes in (('points', 3), ('radar', 2)) if radar else (('points', 3),):
            if key in results:
                inside = in_range(results[key], self.range[:axes], self.range[3:3 + axes])
                results[key] = results[key].compress(inside, axis=0)
        return results
