"""Which frame a model sees as "the LiDAR frame": the LiDAR's, as mmdet3d, or the ego car's, as CRN and BEVDepth."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform

from perception_kd.datasets.nuscenes.poses import Matrix, inverse, level_map, move
from perception_kd.registry import TRANSFORMS

BEV_FRAMES = ('lidar', 'ego')


@TRANSFORMS.register_module()
class ToBEVFrame(BaseTransform):
    """Rewrite a sample so that its LiDAR frame is the ego frame at the key LiDAR's time, past frames alike.

    Belongs after loading and before every augmentation. ``points``, ``radar`` and ``gt_bboxes_3d`` are moved, whichever
    are there; ``lidar2cam`` starts from the ego frame and ``lidar2ego`` becomes the identity, so that whoever reads the
    sample or what a model predicts for it needs to know nothing of this. Boxes stay upright in the world: headings
    and velocities are mapped as vectors that are level there (:func:`level_map`), not as ones in the LiDAR's plane.

    Args:
        frame: ``lidar``: nothing happens; ``ego``.
    """

    def __init__(self, *, frame: str) -> None:
        if frame not in BEV_FRAMES:
            raise ValueError(f'the BEV frame must be one of {", ".join(BEV_FRAMES)}, got {frame!r}')
        self.frame = frame

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Moves ``points``, ``radar`` and ``gt_bboxes_3d``; replaces ``lidar2cam``, ``images`` and ``lidar_points``."""
        if self.frame == 'ego':
            for sample in (results, *results.get('past', ())):
                _to_ego(sample)
        return results


def _to_ego(sample: dict[str, Any]) -> None:
    lidar2ego, ego2global = sample['lidar_points']['lidar2ego'], sample['ego2global']
    turn = level_map(ego2global @ lidar2ego, ego2global)
    for key in ('points', 'radar'):
        if key in sample:
            sample[key][:, :3] = move(lidar2ego, sample[key])
    if 'radar' in sample:
        sample['radar'][:, 4:6] = sample['radar'][:, 4:6] @ turn.T.astype(np.float32)
    if 'gt_bboxes_3d' in sample:
        _move_boxes(sample['gt_bboxes_3d'].tensor, lidar2ego, turn)
    ego2lidar = inverse(lidar2ego)
    sample['images'] = {channel: {**image, 'lidar2cam': image['lidar2cam'] @ ego2lidar}
                        for channel, image in sample['images'].items()}
    if 'lidar2cam' in sample:
        sample['lidar2cam'] = sample['lidar2cam'] @ ego2lidar
    sample['lidar_points'] = {**sample['lidar_points'], 'lidar2ego': np.eye(4)}


def _move_boxes(boxes: torch.Tensor, motion: Matrix, turn: np.ndarray) -> None:
    """Boxes (M, 9: x, y, z_bottom, l, w, h, yaw, vx, vy) in place; an unknown (NaN) velocity stays unknown."""
    table = boxes.double().numpy()
    half = np.array([0, 0, 0.5]) * table[:, 3:6]
    # It is the centre that moves rigidly: the bottom is straight below it in the new frame, too.
    table[:, :3] = move(motion, table[:, :3] + half) - half
    heading = np.stack([np.cos(table[:, 6]), np.sin(table[:, 6])], axis=1) @ turn.T
    table[:, 6] = np.arctan2(heading[:, 1], heading[:, 0])
    table[:, 7:9] = table[:, 7:9] @ turn.T
    boxes.copy_(torch.from_numpy(table))
