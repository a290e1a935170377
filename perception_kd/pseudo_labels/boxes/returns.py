"""Boxes of a result file in the frame of an info file, and how much LiDAR and radar measured of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.box_tests import points_of_boxes
from perception_kd.datasets.nuscenes.formats import read_lidar_bin, read_radar_pcd
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, resolve_path
from perception_kd.datasets.nuscenes.poses import inverse, move, pose_matrices, yaws_of


def boxes_in_lidar(rows: Sequence[Mapping[str, Any]], info: Mapping[str, Any]) -> NDArray[np.float64]:
    """Rows of a result file as the boxes of an info file are given.

    Args:
        rows: N boxes in the global frame, see ``evaluation.submission``.
        info: Of the key frame.

    Returns:
        (N, 9) x, y, z of the centre, length, width, height in m, yaw in rad, vx, vy in m/s; LiDAR frame.
    """
    if not rows:
        return np.zeros((0, 9))
    columns = {key: np.array([row[key] for row in rows], np.float64)
               for key in ('translation', 'rotation', 'size', 'velocity')}
    lidar2global = np.array(info['ego2global'], np.float64) @ np.array(info['lidar_points']['lidar2ego'], np.float64)
    from_global = inverse(lidar2global)
    poses = from_global @ pose_matrices(columns['translation'], columns['rotation'])
    width, length, height = columns['size'].T
    velocity = columns['velocity'] @ from_global[:2, :2].T  # boxes move in the ground plane
    return np.column_stack([poses[:, :3, 3], length, width, height, yaws_of(poses), velocity])


def count_returns(info: Mapping[str, Any], root: str | Path,
                  boxes: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """LiDAR and radar returns of the key frame inside of each box, unfiltered, as nuScenes counts them.

    Radar knows no height: its returns count in the ground plane.

    Args:
        info: Of the key frame; without LiDAR its count is 0.
        root: Data root.
        boxes: (N, 7+), see :func:`boxes_in_lidar`.

    Returns:
        (N,) and (N,).

    Raises:
        FileNotFoundError, ValueError: a file is missing or damaged.
    """
    standing = boxes[:, :7].copy()
    standing[:, 2] -= standing[:, 5] / 2
    path = info['lidar_points'].get('lidar_path')
    lidar = read_lidar_bin(resolve_path(root, LIDAR_CHANNEL, path)) if path and len(boxes) else np.zeros((0, 3))
    flat = standing.copy()
    flat[:, 2], flat[:, 5] = -1.0, 2.0
    radar = [np.zeros((0, 3))]
    for channel, entry in info['radar_points'].items() if len(boxes) else ():
        points = read_radar_pcd(resolve_path(root, channel, entry['radar_path']))
        radar.append(move(np.array(entry['radar2lidar'], np.float64), points) * (1, 1, 0))
    return _counts(lidar, standing), _counts(np.concatenate(radar), flat)


def _counts(points: np.ndarray, boxes: np.ndarray) -> NDArray[np.int64]:
    return np.array([len(rows) for rows in points_of_boxes(points, boxes)], np.int64)
