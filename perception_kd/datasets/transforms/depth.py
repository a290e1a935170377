"""Depth targets for the camera branch, from LiDAR points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LidarDepthTarget(BaseTransform):
    """``depth_target`` (N, H / stride, W / stride) float32: the smallest LiDAR depth per block, 0 where none.

    Depth is the camera's z in metres, not scaled by the BEV augmentation. Works before and after ``BEVAug``.

    Args:
        stride: Side of a block in pixels of the augmented picture.
        depth_range: (nearest, farthest) depth that counts, in m; a view transform's ``depth_bound``, which
            adds a step, will do too.
        key_only: Use the key sweep only; older points of moving objects are in wrong places.
    """

    def __init__(self, *, stride: int, depth_range: Sequence[float], key_only: bool = True) -> None:
        self.stride, self.key_only = stride, key_only
        self.nearest, self.farthest = depth_range[:2]

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``points`` (P, 5), ``img`` and all matrices; writes ``depth_target``."""
        points = results['points']
        if self.key_only:
            points = points[points[:, 4] == 0]
        undo = np.linalg.inv(results.get('lidar_aug_matrix', np.eye(4)))
        intrinsics = results['img_aug_matrix'] @ results['cam2img']
        projections = (intrinsics @ results['lidar2cam'][:, :3] @ undo).astype(np.float32)
        pixels = points[:, :3] @ projections[:, :, :3].transpose(0, 2, 1) + projections[:, None, :, 3]
        results['depth_target'] = np.stack([
            self._smallest(pixel, image.shape[:2]) for pixel, image in zip(pixels, results['img'])])
        return results

    def _smallest(self, pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Smallest depth per block from (P, 3) of (u * depth, v * depth, depth)."""
        rows, columns = size[0] // self.stride, size[1] // self.stride
        depth = pixels[:, 2]
        pixels = pixels[(depth > self.nearest) & (depth < self.farthest)]
        depth = pixels[:, 2]
        column, row = np.floor((pixels[:, :2] / depth[:, None] + 0.5) / self.stride).T
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        # From far to near: the nearest point of a block is written last and stays.
        order = np.flatnonzero(inside)[np.argsort(-depth[inside], kind='stable')]
        target = np.zeros((rows, columns), np.float32)
        target[row[order].astype(np.int64), column[order].astype(np.int64)] = depth[order]
        return target
