"""Info of one key frame in mmdet3d's v2 schema, with radar.

Form of one info (matrices are 4x4 lists, ``a2b`` maps points of frame a into frame b; times in s)::

    sample_idx, token, scene_token, timestamp, ego2global          of the key LiDAR sweep
    lidar_points  {num_pts_feats, lidar_path, lidar2ego}
    lidar_sweeps  [{timestamp, sample_data_token, ego2global,
                    lidar_points {lidar_path, lidar2ego, lidar2sensor}}]
    images        {CAM: {img_path, height, width, cam2img (3x3), sample_data_token, timestamp,
                         cam2ego, lidar2cam}}
    radar_points  {RADAR: {radar_path, num_pts_feats, radar2ego, radar2lidar, timestamp, sample_data_token,
                           sweeps: [{radar_path, radar2lidar, timestamp, sample_data_token}]}}
    instances     [{bbox_label, bbox_3d, bbox_3d_isvalid, bbox_label_3d, num_lidar_pts, num_radar_pts,
                    velocity, token, instance_token}]

``lidar2cam`` and ``radar2lidar`` include the ego motion between the two sensors' times: a resting point of
the key LiDAR frame lands where the camera saw it. ``lidar2sensor`` maps the key LiDAR frame to the sweep's
sensor frame. ``bbox_3d`` is (x, y, z of the centre, l, w, h, yaw) in the LiDAR frame; the label of a category
outside the ten classes is -1. Sweeps are earlier measurements of the same channel, newest first.

Paths: as in mmdet3d, a key frame's file in ``samples/<channel>/`` is given by its bare name; every other path
is relative to the data root. :func:`resolve_path` reads both.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.poses import Matrix, inverse, pose_matrix, yaw_of
from perception_kd.datasets.nuscenes.tables import NuScenesTables, Row
from perception_kd.structures.classes import CATEGORY_TO_CLASS, NUSCENES_CLASSES

LIDAR_CHANNEL = 'LIDAR_TOP'
LIDAR_FEATURES = 5
RADAR_FEATURES = 18
MAX_VELOCITY_GAP = 1.5
"""Longest time in s between annotations that give a velocity (nuscenes-devkit's ``box_velocity``)."""


def sample_info(tables: NuScenesTables, sample: Row, *, sample_idx: int = 0, lidar_sweeps: int = 9,
                radar_sweeps: int = 6) -> dict[str, Any]:
    """Info of one key frame; see the head of this module.

    Args:
        tables: Tables of the version.
        sample: Row of ``sample``.
        sample_idx: Its place in the info file.
        lidar_sweeps: How many earlier LiDAR sweeps to list at most.
        radar_sweeps: The same for every radar.

    Raises:
        ValueError: the key frame has no LiDAR, or the tables do not fit together.
    """
    by_channel = tables.key_frames(sample['token'])
    if LIDAR_CHANNEL not in by_channel:
        raise ValueError(f'{tables.folder}: key frame {sample["token"]} has no {LIDAR_CHANNEL}, whose frame '
                         'all boxes are given in')
    lidar = by_channel[LIDAR_CHANNEL]
    global2lidar = inverse(_sensor2global(tables, lidar))
    info = {
        'sample_idx': sample_idx,
        'token': sample['token'],
        'scene_token': sample['scene_token'],
        'timestamp': lidar['timestamp'] / 1e6,
        'ego2global': _ego2global(tables, lidar).tolist(),
        'images': {},
        'lidar_points': {
            'num_pts_feats': LIDAR_FEATURES,
            'lidar_path': _key_path(lidar, LIDAR_CHANNEL),
            'lidar2ego': _sensor2ego(tables, lidar).tolist(),
        },
        'lidar_sweeps': [_lidar_sweep(tables, row, global2lidar)
                         for row in _earlier(tables, lidar, lidar_sweeps)],
        'radar_points': {},
        'instances': [_instance(tables, row, global2lidar) for row in tables.annotations(sample['token'])],
    }
    for channel, row in sorted(by_channel.items()):
        modality = tables.sensor(row)['modality']
        if modality == 'camera':
            info['images'][channel] = _image(tables, row, channel, global2lidar)
        elif modality == 'radar':
            info['radar_points'][channel] = _radar(tables, row, radar_sweeps, global2lidar)
    return info


def resolve_path(root: str | Path, channel: str, path: str) -> Path:
    """File of an info's path: bare names lie in ``samples/<channel>``, others are relative to the root."""
    place = Path(path)
    if place.is_absolute():
        return place
    return Path(root) / ('' if len(place.parts) > 1 else f'samples/{channel}') / place


def annotation_velocity(tables: NuScenesTables, annotation: Row) -> np.ndarray:
    """Velocity (3) in m/s, global frame, from the neighbouring annotations; NaN where there is none near.

    The centred difference where both neighbours exist (as nuscenes-devkit's ``box_velocity``).
    """
    neighbours = [annotation[side] for side in ('prev', 'next')]
    first, last = (tables.get('sample_annotation', token) if token else annotation for token in neighbours)
    seconds = _time_of(tables, last) - _time_of(tables, first)
    allowed = MAX_VELOCITY_GAP * sum(map(bool, neighbours))
    if not 0 < seconds <= allowed:
        return np.full(3, np.nan)
    return (np.asarray(last['translation']) - np.asarray(first['translation'])) / seconds


def _time_of(tables: NuScenesTables, annotation: Row) -> float:
    return 1e-6 * tables.get('sample', annotation['sample_token'])['timestamp']


def _image(tables: NuScenesTables, row: Row, channel: str, global2lidar: Matrix) -> dict[str, Any]:
    return {
        'img_path': _key_path(row, channel),
        'height': row['height'],
        'width': row['width'],
        'cam2img': tables.calibration(row)['camera_intrinsic'],
        'sample_data_token': row['token'],
        'timestamp': row['timestamp'] / 1e6,
        'cam2ego': _sensor2ego(tables, row).tolist(),
        'lidar2cam': inverse(global2lidar @ _sensor2global(tables, row)).tolist(),
    }


def _lidar_sweep(tables: NuScenesTables, row: Row, global2lidar: Matrix) -> dict[str, Any]:
    return {
        'timestamp': row['timestamp'] / 1e6,
        'sample_data_token': row['token'],
        'ego2global': _ego2global(tables, row).tolist(),
        'lidar_points': {
            'lidar_path': row['filename'],
            'lidar2ego': _sensor2ego(tables, row).tolist(),
            'lidar2sensor': inverse(global2lidar @ _sensor2global(tables, row)).tolist(),
        },
    }


def _radar(tables: NuScenesTables, row: Row, sweeps: int, global2lidar: Matrix) -> dict[str, Any]:
    return {
        **_radar_sweep(tables, row, global2lidar),
        'num_pts_feats': RADAR_FEATURES,
        'radar2ego': _sensor2ego(tables, row).tolist(),
        'sweeps': [_radar_sweep(tables, earlier, global2lidar) for earlier in _earlier(tables, row, sweeps)],
    }


def _radar_sweep(tables: NuScenesTables, row: Row, global2lidar: Matrix) -> dict[str, Any]:
    return {
        'radar_path': row['filename'],
        'radar2lidar': (global2lidar @ _sensor2global(tables, row)).tolist(),
        'timestamp': row['timestamp'] / 1e6,
        'sample_data_token': row['token'],
    }


def _instance(tables: NuScenesTables, row: Row, global2lidar: Matrix) -> dict[str, Any]:
    box2lidar = global2lidar @ pose_matrix(row['translation'], row['rotation'])
    velocity = annotation_velocity(tables, row)
    velocity[2] = 0.0  # boxes move in the ground plane
    name = CATEGORY_TO_CLASS.get(tables.category(row))
    label = NUSCENES_CLASSES.index(name) if name else -1
    width, length, height = row['size']
    return {
        'bbox_label': label,
        'bbox_3d': [*box2lidar[:3, 3].tolist(), length, width, height, yaw_of(box2lidar[:3, :3])],
        'bbox_3d_isvalid': row['num_lidar_pts'] + row['num_radar_pts'] > 0,
        'bbox_label_3d': label,
        'num_lidar_pts': row['num_lidar_pts'],
        'num_radar_pts': row['num_radar_pts'],
        'velocity': (global2lidar[:3, :3] @ velocity)[:2].tolist(),
        'token': row['token'],
        'instance_token': row['instance_token'],
    }


def _earlier(tables: NuScenesTables, row: Row, count: int) -> list[Row]:
    """Up to ``count`` measurements of the same channel before ``row``, newest first."""
    rows: list[Row] = []
    while row['prev'] and len(rows) < count:
        row = tables.get('sample_data', row['prev'])
        rows.append(row)
    return rows


def _key_path(row: Row, channel: str) -> str:
    path = PurePosixPath(row['filename'])
    return path.name if path.parent == PurePosixPath('samples') / channel else row['filename']


def _sensor2ego(tables: NuScenesTables, row: Row) -> Matrix:
    calibration = tables.calibration(row)
    return pose_matrix(calibration['translation'], calibration['rotation'])


def _ego2global(tables: NuScenesTables, row: Row) -> Matrix:
    pose = tables.ego_pose(row)
    return pose_matrix(pose['translation'], pose['rotation'])


def _sensor2global(tables: NuScenesTables, row: Row) -> Matrix:
    return _ego2global(tables, row) @ _sensor2ego(tables, row)
