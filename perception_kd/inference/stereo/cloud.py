"""Coloured point clouds from disparity, and the PLY files that viewers open."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.files import write_bytes
from perception_kd.inference.stereo.rig import depth_of, points_of

FARTHEST_PARALLAX = 2.0
"""px; where a cloud ends unless told: half a pixel of error there is a quarter of the distance."""
JUMP = 2.0
"""px between neighbours, beyond which a pixel hangs between two surfaces."""
_VERTEX = np.dtype([('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('red', 'u1'), ('green', 'u1'), ('blue', 'u1')])


def cloud_of(disparity: NDArray[np.float32], picture: NDArray[np.uint8], rig: StereoCalibration,
             far: float | None = None) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Points of the pixels that can be trusted.

    Left out are pixels without disparity, farther than ``far``, without a partner in the right picture, and those on
    the slope that networks put between a near surface and a far one.

    Args:
        disparity: ``(H, W)`` px.
        picture: ``(H, W, 3)`` RGB of the left camera.
        rig: Of pictures of this size.
        far: m; None: where disparity is down to :data:`FARTHEST_PARALLAX`.

    Returns:
        Points ``(N, 3)`` m in the left camera's frame (x right, y down, z along the view) and their colours ``(N, 3)``.
    """
    depth = depth_of(disparity, rig)
    far = rig.focal * rig.baseline / FARTHEST_PARALLAX if far is None else far
    kept = np.isfinite(depth) & (depth <= far) & ~on_edge(disparity)
    kept &= np.arange(disparity.shape[1]) - disparity >= -0.5
    return points_of(depth, rig)[kept], picture[kept]


def on_edge(disparity: NDArray[np.float32], jump: float = JUMP) -> NDArray[np.bool_]:
    """``(H, W)`` whether disparity changes by more than ``jump`` px within one pixel to any side."""
    known = np.nan_to_num(disparity, nan=0.0, posinf=0.0, neginf=0.0)
    kernel = np.ones((3, 3), np.uint8)
    return cv2.dilate(known, kernel) - cv2.erode(known, kernel) > jump


def write_ply(path: str | Path, points: NDArray[np.float32], colours: NDArray[np.uint8]) -> None:
    """Write a coloured cloud as binary little-endian PLY (Turk, 1994), atomically.

    Args:
        path: New file.
        points: ``(N, 3)`` m.
        colours: ``(N, 3)`` RGB.
    """
    table = np.empty(len(points), _VERTEX)
    for column, name in enumerate('xyz'):
        table[name] = points[:, column]
    for column, name in enumerate(('red', 'green', 'blue')):
        table[name] = colours[:, column]
    kinds = {'<f4': 'float', '|u1': 'uchar'}
    head = ['ply', 'format binary_little_endian 1.0', 'comment metres; x right, y down, z along the view',
            f'element vertex {len(table)}',
            *(f'property {kinds[_VERTEX[name].str]} {name}' for name in _VERTEX.names), 'end_header']
    write_bytes(path, '\n'.join([*head, '']).encode() + table.tobytes())
