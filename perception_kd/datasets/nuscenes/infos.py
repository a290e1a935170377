"""Infos of key frames in mmdet3d's v2 schema, with radar.

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

from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.info_boxes import instances_of
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables
from perception_kd.datasets.nuscenes.poses import inverses, pose_matrices
from perception_kd.datasets.nuscenes.table_arrays import LOST

LIDAR_CHANNEL = 'LIDAR_TOP'
LIDAR_FEATURES = 5
RADAR_FEATURES = 18

_Info = dict[str, Any]
_Chains = dict[str, list[int]]  # channel -> rows of a key frame's measurement and its earlier sweeps, newest first


def scene_infos(tables: NuScenesTables, scene: str, *, lidar_sweeps: int = 9, radar_sweeps: int = 6) -> list[_Info]:
    """Infos of the key frames of a scene in time order; see the head of this module.

    Args:
        tables: Tables of the version.
        scene: Its name.
        lidar_sweeps: How many earlier LiDAR sweeps to list at most.
        radar_sweeps: The same for every radar.

    Returns:
        N infos; ``sample_idx`` counts from 0.

    Raises:
        ValueError: no such scene, a key frame without LiDAR, or tables that do not fit together.
    """
    samples = tables.samples_of_scene(scene)
    counts = {'camera': 0, 'lidar': lidar_sweeps, 'radar': radar_sweeps}
    frames = [_chains(tables, sample, counts) for sample in samples]
    if not frames:
        return []
    views = _Views(tables, frames)
    boxes = instances_of(tables, samples, views.global2lidar)
    return [{
        'sample_idx': number,
        'token': tables.samples.tokens[sample],
        'scene_token': tables.samples.scene_tokens[sample],
        **views.of_frame(number),
        'instances': boxes[number],
    } for number, sample in enumerate(samples)]


def resolve_path(root: str | Path, channel: str, path: str) -> Path:
    """File of an info's path: bare names lie in ``samples/<channel>``, others are relative to the root."""
    return Path(root, root_path(channel, path))


def root_path(channel: str, path: str) -> str:
    """The same from the data root on; an absolute path stays what it is."""
    return path if '/' in path else f'samples/{channel}/{path}'


def _chains(tables: NuScenesTables, sample: int, counts: dict[str, int]) -> _Chains:
    rows, modality = tables.key_frames(sample), tables.calibrations.sensors
    if LIDAR_CHANNEL not in rows:
        raise ValueError(f'{tables.folder}: key frame {tables.samples.tokens[sample]} has no {LIDAR_CHANNEL}, whose '
                         'frame all boxes are given in')
    return {channel: [row, *_earlier(tables, row, counts.get(modality[channel], 0))] for channel, row in rows.items()}


def _earlier(tables: NuScenesTables, row: int, count: int) -> list[int]:
    """Up to ``count`` measurements of the same channel before ``row``, newest first."""
    rows, previous = [], tables.measurements.previous
    while len(rows) < count and (before := int(previous[row])) >= 0:
        row = before
        rows.append(row)
    if len(rows) < count and previous[row] == LOST:
        (name,) = tables.measurements.filenames.take(np.array([row]))
        raise ValueError(f'{tables.folder}/sample_data.json has no row before the one of {name}, which names one; are '
                         'all tables of one version and complete?')
    return rows


class _Views:
    """What the sensors of a scene measured, with all matrices of the scene made at once.

    A view is a measurement as a key frame sees it, numbered through the key frames and their chains.

    Attributes:
        global2lidar: (N, 4, 4) of the N key frames.
    """

    def __init__(self, tables: NuScenesTables, frames: list[_Chains]) -> None:
        self._frames, self._modality = frames, tables.calibrations.sensors
        sizes = [sum(map(len, chains.values())) for chains in frames]
        self._first_view = np.cumsum([0, *sizes]).tolist()
        rows = np.array([row for chains in frames for chain in chains.values() for row in chain])
        known, place = np.unique(rows, return_inverse=True)
        self._place = place.tolist()
        sensor2global = self._read(tables, known)
        lidars = np.searchsorted(known, [chains[LIDAR_CHANNEL][0] for chains in frames])
        self.global2lidar = inverses(sensor2global[lidars])
        sensor2lidar = np.repeat(self.global2lidar, sizes, axis=0) @ sensor2global[place]
        self._sensor2lidar, self._lidar2sensor = sensor2lidar.tolist(), inverses(sensor2lidar).tolist()

    def of_frame(self, number: int) -> _Info:
        """The sensors' part of a key frame's info."""
        view, info = self._first_view[number], {'images': {}, 'radar_points': {}}
        for channel, chain in self._frames[number].items():
            views = range(view, view + len(chain))
            view += len(chain)
            modality = self._modality[channel]
            if channel == LIDAR_CHANNEL:
                info.update(self._lidar(views))
            elif modality == 'camera':
                info['images'][channel] = self._image(views[0], channel)
            elif modality == 'radar':
                info['radar_points'][channel] = self._radar(views)
        return info

    def _read(self, tables: NuScenesTables, known: np.ndarray) -> np.ndarray:
        """Keep what infos say of the measurements ``known`` (K); returns the sensors' poses (K, 4, 4) in the world."""
        measurements, calibrations = tables.measurements, tables.calibrations
        pose, calibration = measurements.pose[known], measurements.calibration[known]
        ego2global = pose_matrices(tables.poses.translation[pose], tables.poses.rotation[pose])
        sensor2ego = pose_matrices(calibrations.translation[calibration], calibrations.rotation[calibration])
        self._ego2global, self._sensor2ego = ego2global.tolist(), sensor2ego.tolist()
        self._tokens, self._filenames = measurements.tokens.take(known), measurements.filenames.take(known)
        self._times = (measurements.timestamp[known] / 1e6).tolist()
        self._heights, self._widths = measurements.height[known].tolist(), measurements.width[known].tolist()
        self._intrinsics = [calibrations.intrinsics[row] for row in calibration.tolist()]
        return ego2global @ sensor2ego

    def _image(self, view: int, channel: str) -> _Info:
        place = self._place[view]
        return {
            'img_path': _key_path(self._filenames[place], channel),
            'height': self._heights[place],
            'width': self._widths[place],
            'cam2img': self._intrinsics[place],
            'sample_data_token': self._tokens[place],
            'timestamp': self._times[place],
            'cam2ego': self._sensor2ego[place],
            'lidar2cam': self._lidar2sensor[view],
        }

    def _lidar(self, views: range) -> _Info:
        place = self._place[views[0]]
        return {
            'timestamp': self._times[place],
            'ego2global': self._ego2global[place],
            'lidar_points': {
                'num_pts_feats': LIDAR_FEATURES,
                'lidar_path': _key_path(self._filenames[place], LIDAR_CHANNEL),
                'lidar2ego': self._sensor2ego[place],
            },
            'lidar_sweeps': list(map(self._lidar_sweep, views[1:])),
        }

    def _lidar_sweep(self, view: int) -> _Info:
        place = self._place[view]
        return {
            'timestamp': self._times[place],
            'sample_data_token': self._tokens[place],
            'ego2global': self._ego2global[place],
            'lidar_points': {
                'lidar_path': self._filenames[place],
                'lidar2ego': self._sensor2ego[place],
                'lidar2sensor': self._lidar2sensor[view],
            },
        }

    def _radar(self, views: range) -> _Info:
        return {
            **self._radar_sweep(views[0]),
            'num_pts_feats': RADAR_FEATURES,
            'radar2ego': self._sensor2ego[self._place[views[0]]],
            'sweeps': list(map(self._radar_sweep, views[1:])),
        }

    def _radar_sweep(self, view: int) -> _Info:
        place = self._place[view]
        return {
            'radar_path': self._filenames[place],
            'radar2lidar': self._sensor2lidar[view],
            'timestamp': self._times[place],
            'sample_data_token': self._tokens[place],
        }


def _key_path(filename: str, channel: str) -> str:
    folder, _, name = filename.rpartition('/')
    return name if folder == f'samples/{channel}' else filename
