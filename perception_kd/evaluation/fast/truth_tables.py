"""What the metrics need of the tables of a nuScenes-format root, read in one pass a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.stream import iter_rows
from perception_kd.datasets.nuscenes.table_numbers import check_numbers
from perception_kd.evaluation.fast.boxes import Floats, Ints

ANNOTATION = 'sample_annotation'
_COLUMNS = ('token', 'sample_token', 'instance_token', 'attribute_tokens', 'visibility_token', 'translation', 'size',
            'rotation', 'num_lidar_pts', 'num_radar_pts', 'prev', 'next')  # fmt: skip


@dataclass(frozen=True)
class Annotations:
    """M rows of ``sample_annotation``: all of the scenes that the key frames are from, in the order of the table.

    Args:
        tokens: Of the rows.
        frame: ``(M,)`` place of the key frame; -1: one that was not asked for (neighbours give velocities).
        seconds: ``(M,)`` time of the key frame.
        category: Category names.
        attributes: Tokens of the attributes of each row.
        translation, size, rotation: ``(M, 3)``, ``(M, 3)``, ``(M, 4)``.
        lidar, radar: ``(M,)`` points.
        visibility: ``(M,)`` 1..4, or 0.
        previous, following: ``(M,)`` place of the object's neighbouring row, or the row's own.
    """

    tokens: list[str]
    frame: Ints
    seconds: Floats
    category: list[str]
    attributes: list[list[str]]
    translation: Floats
    size: Floats
    rotation: Floats
    lidar: Ints
    radar: Ints
    visibility: Ints
    previous: Ints
    following: Ints


class TruthTables:
    """Tables of one version, as far as some key frames need them.

    Args:
        folder: Folder of the version.
        tokens: Sample tokens.

    Raises:
        FileNotFoundError, ValueError: a table is missing or broken, or has no row for one of the tokens.
    """

    def __init__(self, folder: Path, tokens: Sequence[str]) -> None:
        self.folder, self.tokens = folder, tokens
        self.frames = {token: place for place, token in enumerate(tokens)}
        self._samples = {token: (time, scene)
                         for token, time, scene in self._rows('sample', 'token', 'timestamp', 'scene_token')}
        self._scene_of = [self._of('sample', self._samples, token)[1] for token in tokens]
        self._attributes = dict(self._rows('attribute', 'token', 'name'))

    def path(self, table: str) -> Path:
        """File of a table."""
        return self.folder / f'{table}.json'

    def attribute(self, token: str) -> str:
        """Name of an attribute."""
        return self._of('attribute', self._attributes, token)

    def scenes(self) -> tuple[Ints, tuple[dict[str, str], ...]]:
        """Place of each key frame's scene, and the rows (token, name, description) of these scenes."""
        wanted = dict.fromkeys(self._scene_of)
        columns = ('token', 'name', 'description')
        found = {row[0]: dict(zip(columns, row)) for row in self._rows('scene', *columns) if row[0] in wanted}
        rows = tuple(self._of('scene', found, token) for token in wanted)
        places = {token: place for place, token in enumerate(wanted)}
        return np.array([places[token] for token in self._scene_of], np.int64), rows

    def annotations(self) -> Annotations:
        """All rows of the key frames' scenes; a scene without any is no mistake."""
        near = set(self._scene_of)
        times = {token: time for token, (time, scene) in self._samples.items() if scene in near}
        rows = [row for row in self._rows(ANNOTATION, *_COLUMNS) if row[1] in times]
        columns = dict(zip(_COLUMNS, map(list, zip(*rows)))) if rows else {name: [] for name in _COLUMNS}
        numbers = self._numbers(columns)
        own = {token: place for place, token in enumerate(columns['token'])}
        stamps = np.array([times[token] for token in columns['sample_token']], np.float64)
        return Annotations(
            tokens=columns['token'], seconds=1e-6 * stamps,
            frame=np.array([self.frames.get(token, -1) for token in columns['sample_token']], np.int64),
            category=self._categories(columns['instance_token']), attributes=columns['attribute_tokens'],
            visibility=np.array([_level(token) for token in columns['visibility_token']], np.int64),
            previous=self._neighbours(own, columns['prev']), following=self._neighbours(own, columns['next']),
            **numbers)

    def ego_poses(self, channel: str) -> tuple[Floats, Floats]:
        """Translations ``(F, 3)`` and rotations ``(F, 4)`` of the ego at this sensor's key measurement."""
        sensors = {token for token, name in self._rows('sensor', 'token', 'channel') if name == channel}
        rigs = {token for token, sensor in self._rows('calibrated_sensor', 'token', 'sensor_token')
                if sensor in sensors}
        columns = ('sample_token', 'is_key_frame', 'calibrated_sensor_token', 'ego_pose_token')
        pose_of = {sample: pose for sample, key, rig, pose in self._rows('sample_data', *columns)
                   if key and rig in rigs and sample in self.frames}
        lacking = [token for token in self.tokens if token not in pose_of]
        if lacking:
            raise ValueError(f'{self.folder}: key frame {lacking[0]} has no {channel}')
        wanted, path = set(pose_of.values()), self.path('ego_pose')
        columns = ('token', 'translation', 'rotation')
        found = {row[0]: dict(zip(columns, row)) for row in self._rows('ego_pose', *columns) if row[0] in wanted}
        rows = [self._of('ego_pose', found, pose_of[token]) for token in self.tokens]
        check_numbers(path, rows)
        return (_array([row['translation'] for row in rows], 3), _array([row['rotation'] for row in rows], 4))

    def _numbers(self, columns: Mapping[str, list[Any]]) -> dict[str, Any]:
        parts = ('token', 'translation', 'size', 'rotation', 'num_lidar_pts', 'num_radar_pts')
        check_numbers(self.path(ANNOTATION), [dict(zip(parts, row)) for row in zip(*(columns[part] for part in parts))])
        return dict(translation=_array(columns['translation'], 3), size=_array(columns['size'], 3),
                    rotation=_array(columns['rotation'], 4), lidar=np.array(columns['num_lidar_pts'], np.int64),
                    radar=np.array(columns['num_radar_pts'], np.int64))

    def _categories(self, instances: Collection[str]) -> list[str]:
        names = dict(self._rows('category', 'token', 'name'))
        wanted = set(instances)
        category = {token: self._of('category', names, one)
                    for token, one in self._rows('instance', 'token', 'category_token') if token in wanted}
        return [self._of('instance', category, token) for token in instances]

    def _neighbours(self, own: Mapping[str, int], tokens: Sequence[str]) -> Ints:
        return np.array([self._of(ANNOTATION, own, token) if token else place
                         for place, token in enumerate(tokens)], np.int64)

    def _of(self, table: str, rows: Mapping[str, Any], token: str) -> Any:
        try:
            return rows[token]
        except (KeyError, TypeError):
            raise ValueError(f'{self.path(table)} has no row {token!r}; are all tables of one version and '
                             'complete?') from None

    def _rows(self, table: str, *columns: str) -> Iterator[tuple[Any, ...]]:
        return iter_rows(self.path(table), columns)


def _array(values: list[Any], width: int) -> Floats:
    return np.array(values, np.float64).reshape(len(values), width)


def _level(token: Any) -> int:
    return int(token) if token in ('1', '2', '3', '4') else 0
