"""Infos of our schema made through nuscenes-devkit, in the way of mmdet3d's converter: the other side of a comparison.

All tables are loaded as Python objects, every key frame asks for its boxes (``get_sample_data``) and each box for its
velocity (``box_velocity``). Kinder than that converter in two points: the boxes of a key frame are asked for once, not
again for every camera, and infos are written scene by scene, not held to the end.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.infos import LIDAR_FEATURES, RADAR_FEATURES
from perception_kd.datasets.nuscenes.poses import yaw_of
from perception_kd.datasets.nuscenes.tables import split_scenes
from perception_kd.structures.classes import CATEGORY_TO_CLASS, NUSCENES_CLASSES

_Row = dict[str, Any]


def load_devkit(root: Path, version: str) -> Any:
    """The devkit's database."""
    from nuscenes import NuScenes

    return NuScenes(version=version, dataroot=str(root), verbose=False)


def devkit_infos(root: Path, version: str, out: Path, *, lidar_sweeps: int = 9, radar_sweeps: int = 6) -> None:
    """Write ``<split>.pickles`` into ``out`` for every split: one pickle a scene, a list of infos each."""
    nusc = load_devkit(root, version)
    scenes = {scene['name']: scene for scene in nusc.scene}
    for split, names in split_scenes(root, version).items():
        found = [scenes[name] for name in names if name in scenes]
        if not found:
            continue
        with (out / f'{split}.pickles').open('wb') as file:
            for scene in found:
                infos = [_info(nusc, sample, lidar_sweeps, radar_sweeps) for sample in _samples(nusc, scene)]
                pickle.dump(infos, file, protocol=4)


def read_pickles(path: Path) -> Iterator[_Row]:
    """The infos of a file of :func:`devkit_infos`, in its order."""
    with path.open('rb') as file:
        size = path.stat().st_size
        while file.tell() < size:
            yield from pickle.load(file)


def _samples(nusc: Any, scene: _Row) -> Iterator[_Row]:
    token = scene['first_sample_token']
    while token:
        sample = nusc.get('sample', token)
        yield sample
        token = sample['next']


def _info(nusc: Any, sample: _Row, lidar_sweeps: int, radar_sweeps: int) -> _Row:
    token = sample['data']['LIDAR_TOP']
    lidar = nusc.get('sample_data', token)
    path, boxes, _ = nusc.get_sample_data(token)
    sensor2ego, ego2global = _poses(nusc, lidar)
    global2lidar = _inverse(ego2global @ sensor2ego)
    info = {
        'token': sample['token'], 'scene_token': sample['scene_token'], 'timestamp': lidar['timestamp'] / 1e6,
        'ego2global': ego2global.tolist(), 'images': {}, 'radar_points': {},
        'lidar_points': {'num_pts_feats': LIDAR_FEATURES, 'lidar_path': Path(path).name,
                         'lidar2ego': sensor2ego.tolist()},
        'lidar_sweeps': [_lidar_sweep(nusc, row, global2lidar) for row in _earlier(nusc, lidar, lidar_sweeps)],
        'instances': [_instance(nusc, box, global2lidar) for box in boxes],
    }
    for channel, token in sample['data'].items():
        row = nusc.get('sample_data', token)
        if row['sensor_modality'] == 'camera':
            info['images'][channel] = _image(nusc, row, global2lidar)
        elif row['sensor_modality'] == 'radar':
            info['radar_points'][channel] = {
                **_radar_sweep(nusc, row, global2lidar), 'num_pts_feats': RADAR_FEATURES,
                'radar2ego': _poses(nusc, row)[0].tolist(),
                'sweeps': [_radar_sweep(nusc, one, global2lidar) for one in _earlier(nusc, row, radar_sweeps)]}
    return info


def _image(nusc: Any, row: _Row, global2lidar: np.ndarray) -> _Row:
    path, _, intrinsic = nusc.get_sample_data(row['token'], selected_anntokens=[])
    sensor2ego, ego2global = _poses(nusc, row)
    return {
        'img_path': Path(path).name, 'height': row['height'], 'width': row['width'], 'cam2img': intrinsic.tolist(),
        'sample_data_token': row['token'], 'timestamp': row['timestamp'] / 1e6, 'cam2ego': sensor2ego.tolist(),
        'lidar2cam': _inverse(global2lidar @ ego2global @ sensor2ego).tolist(),
    }


def _lidar_sweep(nusc: Any, row: _Row, global2lidar: np.ndarray) -> _Row:
    sensor2ego, ego2global = _poses(nusc, row)
    return {
        'timestamp': row['timestamp'] / 1e6, 'sample_data_token': row['token'], 'ego2global': ego2global.tolist(),
        'lidar_points': {'lidar_path': str(PurePosixPath(row['filename'])), 'lidar2ego': sensor2ego.tolist(),
                         'lidar2sensor': _inverse(global2lidar @ ego2global @ sensor2ego).tolist()},
    }


def _radar_sweep(nusc: Any, row: _Row, global2lidar: np.ndarray) -> _Row:
    sensor2ego, ego2global = _poses(nusc, row)
    return {'radar_path': row['filename'], 'radar2lidar': (global2lidar @ ego2global @ sensor2ego).tolist(),
            'timestamp': row['timestamp'] / 1e6, 'sample_data_token': row['token']}


def _instance(nusc: Any, box: Any, global2lidar: np.ndarray) -> _Row:
    row = nusc.get('sample_annotation', box.token)
    velocity = global2lidar[:3, :3] @ [*nusc.box_velocity(box.token)[:2], 0.0]
    name = CATEGORY_TO_CLASS.get(box.name)
    label = NUSCENES_CLASSES.index(name) if name else -1
    width, length, height = box.wlh.tolist()
    return {
        'bbox_label': label, 'bbox_label_3d': label, 'velocity': velocity[:2].tolist(), 'token': box.token,
        'bbox_3d': [*box.center.tolist(), length, width, height, yaw_of(box.rotation_matrix)],
        'bbox_3d_isvalid': row['num_lidar_pts'] + row['num_radar_pts'] > 0, 'num_lidar_pts': row['num_lidar_pts'],
        'num_radar_pts': row['num_radar_pts'], 'instance_token': row['instance_token'],
    }


def _earlier(nusc: Any, row: _Row, count: int) -> Iterator[_Row]:
    while row['prev'] and count:
        row, count = nusc.get('sample_data', row['prev']), count - 1
        yield row


def _poses(nusc: Any, row: _Row) -> tuple[np.ndarray, np.ndarray]:
    """Sensor to ego and ego to global of a measurement, (4, 4) each."""
    from nuscenes.utils.geometry_utils import transform_matrix
    from pyquaternion import Quaternion

    records = [nusc.get(table, row[f'{table}_token']) for table in ('calibrated_sensor', 'ego_pose')]
    return tuple(transform_matrix(record['translation'], Quaternion(record['rotation'])) for record in records)


def _inverse(motion: np.ndarray) -> np.ndarray:
    return np.linalg.inv(motion)
