"""Depth targets for the camera branch, from LiDAR points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.transforms.point_range import in_range
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LidarDepthTarget(BaseTransform):
    """``depth_target`` (N, H / stride, W / stride) float32: the smallest LiDAR depth per block, 0 where none.

    Blocks of the black that augmentation puts beside a picture have none. Depth is the camera's z in metres, not
    scaled by the BEV augmentation. Works before and after ``BEVAug``.

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
        """Reads ``points`` (P, 5), ``images``, ``img`` and all matrices; writes ``depth_target``."""
        points = results['points']
        if self.key_only:
            points = points.compress(points[:, 4] == 0, axis=0)
        undo = np.linalg.inv(results.get('lidar_aug_matrix', np.eye(4)))
        projections = (results['cam2img'] @ results['lidar2cam'][:, :3] @ undo).astype(np.float32)
        pixels = projections[:, :, :3] @ points[:, :3].T + projections[:, :, 3:]  # (N, 3, P)
        results['depth_target'] = np.stack([
            self._smallest(*self._visible(pixel, camera), matrix.astype(np.float32), image.shape[:2])
            for pixel, camera, matrix, image in zip(pixels, results['images'].values(), results['img_aug_matrix'],
                                                    results['img'])])
        return results

    def _visible(self, pixels: np.ndarray, camera: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
        """(3, P) of (u * depth, v * depth, depth) -> pixels (V, 2) of the picture as stored, and depths (V)."""
        depth = pixels[2]
        pixels = pixels.compress((depth > self.nearest) & (depth < self.farthest), axis=1)
        depth = pixels[2]
        place = (pixels[:2] / depth + 0.5).T
        # Augmentation may put black beside the picture; a depth there would be about nothing that is seen.
        shown = in_range(place, (0, 0), (camera['width'], camera['height']))
        return place.compress(shown, axis=0) - 0.5, depth.compress(shown)

    def _smallest(self, pixels: np.ndarray, depth: np.ndarray, matrix: np.ndarray,
                  size: tuple[int, int]) -> np.ndarray:
        """Smallest depth per block of the picture that ``matrix`` (3, 3) makes."""
        rows, columns = size[0] // self.stride, size[1] // self.stride
        column, row = np.floor((pixels @ matrix[:2, :2].T + matrix[:2, 2] + 0.5) / self.stride).T
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        block = (row[inside] * columns + column[inside]).astype(np.int64)
        target = np.full(rows * columns, np.inf, np.float32)
        np.minimum.at(target, block, depth[inside])
        return np.where(np.isinf(target), np.float32(0), target).reshape(rows, columns)
