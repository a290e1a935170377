"""Rows of the nuScenes tables, collected scene by scene.

A ``SceneRows`` is plain data, so a worker process can fill one and send it back. Tokens are hashes of what a
row says, never of a counter: the order of the workers does not matter.
"""

import hashlib
from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES, TABLES, VISIBILITY_LEVELS

MODALITIES = ('camera', 'lidar', 'radar')


def make_token(*parts: object) -> str:
    """32 hexadecimal digits that depend on ``parts`` only."""
    return hashlib.md5('\x1f'.join(map(str, parts)).encode(), usedforsecurity=False).hexdigest()


class SceneRows:
    """Collects rows; every ``add_*`` returns the row's token, and adding the same row twice is harmless.

    Args:
        salt: Mixed into every token of a scene, so that two data sets (two seeds, say) share none.

    Raises:
        ValueError: from any ``add_*``, for a bad value, or when a token comes back with other content.
    """

    def __init__(self, *, salt: str = '') -> None:
        self.salt = salt
        self.tables: dict[str, dict[str, dict]] = {table: {} for table in TABLES}
        self.splits: dict[str, list[str]] = {}

    def add_log(self, *, logfile: str, vehicle: str = '', date_captured: str = '1970-01-01',
                location: str = '') -> str:
        """A drive; scenes name one."""
        return self._put('log', self._token('log', logfile), logfile=logfile, vehicle=vehicle,
                         date_captured=date_captured, location=location)

    def add_scene(self, *, name: str, description: str, split: str | Sequence[str], location: str = '',
                  log: str = '') -> str:
        """A scene of one or more splits; without ``log`` it gets a log of its own name."""
        log = log or self.add_log(logfile=name, location=location)
        for one in [split] if isinstance(split, str) else split:
            names = self.splits.setdefault(one, [])
            if name not in names:
                names.append(name)
        return self._put('scene', self._token('scene', name), log_token=log, name=name,
                         description=description)

    def add_sensor(self, *, channel: str, modality: str) -> str:
        """A sensor place such as ``CAM_FRONT``; ``modality`` is camera, lidar or radar."""
        if modality not in MODALITIES:
            raise ValueError(f'sensor {channel}: modality must be one of {MODALITIES}, got {modality!r}')
        return self._put('sensor', self._token('sensor', channel), channel=channel, modality=modality)

    def add_calibrated_sensor(self, *, channel: str, translation: Sequence[float], rotation: Sequence[float],
                              camera_intrinsic: Sequence = (), scene: str = '') -> str:
        """Sensor to ego: translation (3) in m, rotation (w, x, y, z), pixels (3, 3) for cameras.

        Equal calibrations of one channel share a row unless ``scene`` tells them apart.
        """
        where = f'calibration of {channel}'
        row = {
            'sensor_token': self._token('sensor', channel),
            'translation': _floats(translation, (3,), where),
            'rotation': _quaternion(rotation, where),
            'camera_intrinsic': _floats(camera_intrinsic, (3, 3), where) if len(camera_intrinsic) else [],
        }
        return self._put('calibrated_sensor', self._token('calibrated_sensor', scene, *row.values()), **row)

    def add_sample(self, *, scene: str, timestamp_us: int) -> str:
        """A key frame of ``scene`` (token) at a time in microseconds."""
        return self._put('sample', self._token('sample', scene, int(timestamp_us)),
                         timestamp=int(timestamp_us), scene_token=scene)

    def add_ego_pose(self, *, timestamp_us: int, translation: Sequence[float], rotation: Sequence[float],
                     scene: str = '') -> str:
        """Ego to global at a time in microseconds: translation (3) in m, rotation (w, x, y, z)."""
        row = {
            'timestamp': int(timestamp_us),
            'translation': _floats(translation, (3,), 'ego pose'),
            'rotation': _quaternion(rotation, 'ego pose'),
        }
        return self._put('ego_pose', self._token('ego_pose', scene, *row.values()), **row)

    def add_sample_data(self, *, sample: str, channel: str, calibrated_sensor: str, ego_pose: str,
                        timestamp_us: int, filename: str, is_key_frame: bool, width: int = 0,
                        height: int = 0) -> str:
        """One measurement; ``filename`` is relative to the root, a sweep names its nearest key frame."""
        if filename.startswith('/'):
            raise ValueError(f'{channel}: filename must be relative to the data root, got {filename}')
        calibration = self.tables['calibrated_sensor'].get(calibrated_sensor)
        if calibration and calibration['sensor_token'] != self._token('sensor', channel):
            raise ValueError(f'{filename}: its calibration belongs to another channel than {channel}')
        return self._put('sample_data', self._token('sample_data', filename), sample_token=sample,
                         ego_pose_token=ego_pose, calibrated_sensor_token=calibrated_sensor,
                         timestamp=int(timestamp_us), fileformat=PurePosixPath(filename).suffix[1:] if width else 'pcd',
                         is_key_frame=bool(is_key_frame), height=int(height), width=int(width),
                         filename=filename)

    def add_instance(self, *, category_name: str, key: str) -> str:
        """An object through time; ``key`` is unique in the data set (``scene name/actor``, say)."""
        if category_name not in CATEGORIES:
            raise ValueError(f'unknown category {category_name!r}; nuScenes has {", ".join(CATEGORIES)}')
        return self._put('instance', self._token('instance', key),
                         category_token=make_token('category', category_name))

    def add_annotation(self, *, sample: str, instance: str, translation: Sequence[float],
                       size: Sequence[float], rotation: Sequence[float],
                       attribute_names: Sequence[str] = (), visibility_level: int = 4,
                       num_lidar_pts: int = 0, num_radar_pts: int = 0) -> str:
        """A box in the global frame: centre (3) in m, size (w, l, h) in m, rotation (w, x, y, z).

        The devkit refuses more than one attribute, and evaluates no box that holds no point.
        """
        where = f'annotation of instance {instance}'
        unknown = [name for name in attribute_names if name not in ATTRIBUTES]
        if unknown or len(attribute_names) > 1:
            raise ValueError(f'{where}: one known attribute at most, got {list(attribute_names)}')
        if str(visibility_level) not in VISIBILITY_LEVELS:
            raise ValueError(f'{where}: visibility level must be 1..4, got {visibility_level}')
        extent = _floats(size, (3,), where)
        if min(extent) <= 0:
            raise ValueError(f'{where}: size must be positive, got {extent}')
        return self._put('sample_annotation', self._token('sample_annotation', sample, instance),
                         sample_token=sample, instance_token=instance,
                         visibility_token=str(visibility_level),
                         attribute_tokens=[make_token('attribute', name) for name in attribute_names],
                         translation=_floats(translation, (3,), where), size=extent,
                         rotation=_quaternion(rotation, where),
                         num_lidar_pts=int(num_lidar_pts), num_radar_pts=int(num_radar_pts))

    def merge(self, other: 'SceneRows') -> None:
        """Take over all rows and splits of ``other`` (same salt)."""
        if other.salt != self.salt:
            raise ValueError(f'rows made with salt {other.salt!r} cannot join rows with {self.salt!r}')
        for table, rows in other.tables.items():
            for token, row in rows.items():
                self._put(table, token, **{key: value for key, value in row.items() if key != 'token'})
        for split, names in other.splits.items():
            mine = self.splits.setdefault(split, [])
            mine.extend(name for name in names if name not in mine)

    def _token(self, *parts: object) -> str:
        return make_token(self.salt, *parts)

    def _put(self, table: str, token: str, **row: object) -> str:
        row = {'token': token, **row}
        known = self.tables[table].setdefault(token, row)
        if known != row:
            raise ValueError(f'table {table}: two different rows for one thing: {known} and {row}')
        return token


def _floats(values: Sequence, shape: tuple[int, ...], where: str) -> list:
    array = np.asarray(values, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f'{where}: expected finite numbers of shape {shape}, got {values}')
    return array.tolist()


def _quaternion(values: Sequence[float], where: str) -> list[float]:
    """(w, x, y, z), normalised; lengths off by more than 1 % are a mistake elsewhere."""
    array = np.asarray(_floats(values, (4,), where))
    norm = float(np.linalg.norm(array))
    if abs(norm - 1) > 0.01:
        raise ValueError(f'{where}: rotation must be a unit quaternion (w, x, y, z), length is {norm:.3f}')
    return (array / norm).tolist()
