"""Frustums collapsed over their height: heights of their points, one point a column and depth, points into pictures."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.models.layers.frustum import DepthBins
from perception_kd.models.layers.matrices import affine_inverse, inverse3, small_product


def frustum_heights(*, cam2img: Tensor, img_aug_matrix: Tensor, cam2lidar: Tensor, bins: DepthBins, stride: int,
                    size: tuple[int, int]) -> Tensor:
    """z of all frustum cells in the frame's own LiDAR frame.

    Args:
        cam2img, img_aug_matrix: ``(B, N, 3, 3)``, as for ``frustum_points``.
        cam2lidar: ``(B, N, 4, 4)``.
        bins: Depth bins.
        stride: Pixels of the augmented image per feature pixel.
        size: ``(H, W)`` of the feature map.

    Returns:
        ``(B, N, D, H, W)`` metres, float32; NaN for a camera whose matrices are singular or not finite.
    """
    up = _ray_matrix(cam2img, img_aug_matrix, cam2lidar)[..., 2, :, None, None]  # (B, N, 3, 1, 1)
    v, u = (_pixel_centres(count, stride, cam2img.device) for count in size)
    rise = up[:, :, 0] * u + up[:, :, 1] * v[:, None] + up[:, :, 2]  # metres up per metre of depth
    start = cam2lidar[:, :, 2, 3].float()[..., None, None, None]
    return bins.centres(cam2img.device)[:, None, None] * rise[:, :, None] + start


def column_points(*, cam2img: Tensor, img_aug_matrix: Tensor, cam2lidar: Tensor, to_bev: Tensor, bins: DepthBins,
                  stride: int, size: tuple[int, int]) -> Tensor:
    """The one point that stands for a column of feature pixels at a depth: where the column meets the horizon.

    Points of one column and depth differ in x and y as soon as the camera is tilted or the picture is turned, in
    proportion to their distance. What is far away appears near the horizon of the camera, and radar returns lie near
    its plane; so the row is that in which the ray is level in the LiDAR frame, column by column. Where it lies
    outside the picture (a camera that looks down) the nearest row of the picture is taken. (CRN's code takes the
    picture's first row.)

    Args:
        cam2img, img_aug_matrix, cam2lidar, bins, stride, size: As for ``frustum_heights``.
        to_bev: ``(B, 4, 4)`` the frame's own LiDAR frame -> the BEV map.

    Returns:
        ``(B, N, W, D, 3)`` metres in the frame of the BEV map, float32; NaN as for ``frustum_heights``.
    """
    height, width = size
    to_own = _ray_matrix(cam2img, img_aug_matrix, cam2lidar)
    up = to_own[..., 2, :, None]
    u = _pixel_centres(width, stride, cam2img.device).expand(*up.shape[:2], width)
    level = -(up[:, :, 0] * u + up[:, :, 2]) / up[:, :, 1]
    last_row = height * stride - 1.0
    v = level.nan_to_num(nan=last_row / 2).clamp(0.0, last_row)  # a broken camera's rays are NaN all the same
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1)
    rays = small_product(to_own[:, :, None], pixels[..., None])[..., 0]  # (B, N, W, 3)
    own = bins.centres(cam2img.device)[:, None] * rays[..., None, :] + cam2lidar[:, :, None, None, :3, 3].float()
    turn, shift = to_bev[:, None, None, None, :3, :3], to_bev[:, None, None, None, :3, 3]
    return small_product(turn, own[..., None])[..., 0] + shift


def points_in_images(points: Tensor, *, cam2img: Tensor, img_aug_matrix: Tensor, cam2lidar: Tensor) -> Tensor:
    """Points of one sample in the augmented images of all its cameras.

    Args:
        points: ``(M, 3)`` metres, the frame's own LiDAR frame.
        cam2img, img_aug_matrix: ``(N, 3, 3)``.
        cam2lidar: ``(N, 4, 4)``.

    Returns:
        ``(N, M, 3)``: u and v in pixels (centres are integers) and depth in metres, float32. u and v of a point at
        depth 0 are not finite, behind the camera they mean nothing.
    """
    to_camera = affine_inverse(cam2lidar)[:, None]
    camera = small_product(to_camera[..., :3, :3], points[:, :, None])[..., 0] + to_camera[..., :3, 3]
    seen = small_product(small_product(img_aug_matrix, cam2img)[:, None], camera[..., None])[..., 0]
    return torch.cat([seen[..., :2] / seen[..., 2:], camera[..., 2:]], dim=-1)


def _ray_matrix(cam2img: Tensor, img_aug_matrix: Tensor, cam2lidar: Tensor) -> Tensor:
    """``(B, N, 3, 3)``: pixel (u, v, 1) -> its ray per metre of depth, in the axes of the LiDAR frame."""
    return small_product(cam2lidar[..., :3, :3], inverse3(small_product(img_aug_matrix, cam2img)))


def _pixel_centres(count: int, stride: int, device: torch.device) -> Tensor:
    return torch.arange(count, device=device) * float(stride) + (stride - 1) / 2  # pixel centres are integers
