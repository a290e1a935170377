"""Corners of boxes, and lines and points through a pinhole camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEAR = 0.1
"""Lines are cut at this distance (m) in front of the camera, so that none passes through the image plane."""

BOX_EDGES: tuple[tuple[int, int], ...] = (
    (0, 1), (1, 2), (2, 3), (3, 0),  # front
    (4, 5), (5, 6), (6, 7), (7, 4),  # back
    (0, 4), (1, 5), (2, 6), (3, 7),
)  # fmt: skip
"""Pairs of corners that an edge joins; the first four are the front face."""

_SIGNS = np.array([
    [1, 1, 1], [1, -1, 1], [1, -1, -1], [1, 1, -1],
    [-1, 1, 1], [-1, -1, 1], [-1, -1, -1], [-1, 1, -1],
], np.float64)  # fmt: skip
_GROUND = [3, 2, 6, 7]


def box_corners(centres: Array, sizes: Array, yaws: Array) -> Array:
    """Corners of upright boxes.

    Args:
        centres: (N, 3) centres of gravity, m.
        sizes: (N, 3) length (along the heading), width, height, m.
        yaws: (N,) heading counter-clockwise from +x, rad.

    Returns:
        (N, 8, 3). The first four face forward (left top, right top, right bottom, left bottom), the last
        four lie behind them.
    """
    offsets = _SIGNS[None] * np.asarray(sizes, np.float64)[:, None] / 2
    cosine, sine = np.cos(yaws)[:, None], np.sin(yaws)[:, None]
    x = cosine * offsets[..., 0] - sine * offsets[..., 1]
    y = sine * offsets[..., 0] + cosine * offsets[..., 1]
    return np.stack([x, y, offsets[..., 2]], axis=-1) + np.asarray(centres, np.float64)[:, None]


def ground_outline(corners: Array) -> Array:
    """The bottom face of (N, 8, 3) corners as (N, 4, 3): front left, front right, back right, back left."""
    return corners[:, _GROUND]


def heading_lines(corners: Array) -> Array:
    """From the middle of the bottom face to the middle of its front edge, (N, 2, 3)."""
    ground = ground_outline(corners)
    return np.stack([ground.mean(1), ground[:, :2].mean(1)], axis=1)


def edge_lines(corners: Array) -> Array:
    """The twelve edges of (N, 8, 3) corners as lines (N, 12, 2, 3); the first four bound the front face."""
    return corners[:, np.array(BOX_EDGES)]


def to_pixels(points: Array, cam2img: Array) -> Array:
    """Points (..., 3) in a camera's frame with z > 0 -> pixels (..., 2), by u = fx x / z + cx."""
    image = points @ np.asarray(cam2img, np.float64)[:3, :3].T
    return image[..., :2] / image[..., 2:]


def clip_near(lines: Array, near: float = NEAR) -> tuple[Array, NDArray[np.bool_]]:
    """Cut lines (M, 2, 3) of a camera's frame at z = ``near``.

    Returns:
        Lines (M, 2, 3) and whether anything of each lies in front. Lines that do not are left as they are.
    """
    depth = lines[..., 2]
    visible = (depth > near).any(axis=1)
    cut = lines.copy()
    for end in (0, 1):
        behind = visible & (depth[:, end] < near)
        here, there = lines[behind, end], lines[behind, 1 - end]
        share = (near - here[:, 2:]) / (there[:, 2:] - here[:, 2:])
        cut[behind, end] = here + share * (there - here)
    return cut, visible


def clip_to_image(lines: Array, width: float, height: float) -> tuple[Array, NDArray[np.bool_]]:
    """Cut lines (M, 2, 2) in pixels at the borders of an image (Liang and Barsky, 1984).

    Returns:
        Lines (M, 2, 2) and whether anything of each lies inside.
    """
    start, step = lines[:, 0], lines[:, 1] - lines[:, 0]
    low, high = np.zeros(len(lines)), np.ones(len(lines))
    inside = np.isfinite(lines).all(axis=(1, 2))
    for axis, limit in ((0, width), (1, height)):
        for direction, distance in (
            (-step[:, axis], start[:, axis]),
            (step[:, axis], limit - start[:, axis]),
        ):
            inside &= (direction != 0) | (distance >= 0)
            ratio = np.divide(distance, direction, out=np.zeros_like(distance), where=direction != 0)
            low = np.where(direction < 0, np.maximum(low, ratio), low)
            high = np.where(direction > 0, np.minimum(high, ratio), high)
    inside &= low <= high
    ends = np.stack([low, high], axis=1)[..., None]
    return start[:, None] + ends * step[:, None], inside


def project_lines(
    lines: Array, lidar2cam: Array, cam2img: Array, size: tuple[int, int]
) -> tuple[Array, NDArray[np.bool_]]:
    """Lines in space as they appear in an image.

    Args:
        lines: (..., 2, 3) in the LiDAR frame, m.
        lidar2cam: (4, 4).
        cam2img: (3, 3) or larger.
        size: Width and height of the image in pixels.

    Returns:
        Lines (..., 2, 2) in pixels, cut at the near plane and at the borders, and a mask (...) of those
        that are seen at all.
    """
    shape = lines.shape[:-2]
    flat = np.asarray(lines, np.float64).reshape(-1, 2, 3) @ lidar2cam[:3, :3].T + lidar2cam[:3, 3]
    flat, visible = clip_near(flat)
    pixels = np.full((len(flat), 2, 2), np.nan)
    pixels[visible] = to_pixels(flat[visible], cam2img)
    pixels, inside = clip_to_image(pixels, *size)
    return pixels.reshape(*shape, 2, 2), (visible & inside).reshape(shape)


def project_points(
    points: Array, lidar2cam: Array, cam2img: Array, size: tuple[int, int], nearest: float = 0.5
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """LiDAR frame points (N, 3+) -> pixels (N, 2), depth (N,) in m, and whether the image shows them."""
    camera = np.asarray(points, np.float64)[:, :3] @ lidar2cam[:3, :3].T + lidar2cam[:3, 3]
    depth = camera[:, 2]
    front = depth > nearest
    pixels = np.full((len(camera), 2), np.nan)
    pixels[front] = to_pixels(camera[front], cam2img)
    shown = np.zeros(len(camera), bool)
    shown[front] = ((pixels[front] >= 0) & (pixels[front] < np.asarray(size))).all(axis=1)
    return pixels, depth, shown
