"""What the metrics need of the tables of a nuScenes-format root, read in one pass a table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.stream import iter_blocks, iter_rows
from perception_kd.datasets.nuscenes.table_numbers import checked_numbers
from perception_kd.evaluation.fast.boxes import Floats, Ints

ANNOTATION = 'sample_annotation'
_WORDS = ('token', 'sample_token', 'instance_token', 'attribute_tokens', 'visibility_token', 'prev', 'next')
_NUMBERS = ('translation', 'size', 'rotation', 'num_lidar_pts', 'num_radar_pts')


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
    attributes: list[tuple[str, ...]]
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
        words, numbers = self._annotation_columns(times)
        own = {token: place for place, token in enumerate(words['token'])}
        stamps = np.array([times[token] for token in words['sample_token']], np.float64)
        return Annotations(
            tokens=words['token'], seconds=1e-6 * stamps,
            frame=np.array([self.frames.get(token, -1) for token in words['sample_token']], np.int64),
            category=self._categories(words['instance_token']), attributes=words['attribute_tokens'],
            visibility=np.array([_level(token) for token in words['visibility_token']], np.int64),
            previous=self._neighbours(own, words['prev']), following=self._neighbours(own, words['next']),
            translation=numbers['translation'], size=numbers['size'], rotation=numbers['rotation'],
            lidar=numbers['num_lidar_pts'], radar=numbers['num_radar_pts'])

    def _annotation_columns(self, samples: Collection[str]) -> tuple[dict[str, list[Any]], dict[str, Any]]:
        """Columns of the rows of these samples; numbers become arrays block by block, which spares memory."""
        path, names = self.path(ANNOTATION), (*_WORDS, *_NUMBERS)
        words: dict[str, list[Any]] = {name: [] for name in _WORDS}
        parts: dict[str, list[Any]] = {name: [checked_numbers(path, name, [], [])] for name in _NUMBERS}
        for block in iter_blocks(path, names):
            columns = _by_column(names, [row for row in block if row[1] in samples])
            columns['attribute_tokens'] = list(map(tuple, columns['attribute_tokens']))
            for name in _WORDS:
                words[name] += columns[name]
            for name, values in zip(_NUMBERS, self._numbers(ANNOTATION, columns, *_NUMBERS)):
                parts[name].append(values)
        return words, {name: np.concatenate(arrays) for name, arrays in parts.items()}

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
        wanted, columns = set(pose_of.values()), ('token', 'translation', 'rotation')
        found = {row[0]: row for row in self._rows('ego_pose', *columns) if row[0] in wanted}
        rows = [self._of('ego_pose', found, pose_of[token]) for token in self.tokens]
        translation, rotation = self._numbers('ego_pose', _by_column(columns, rows), 'translation', 'rotation')
        return translation, rotation

    def _numbers(self, table: str, columns: Mapping[str, list[Any]], *names: str) -> list[Floats]:
        return [checked_numbers(self.path(table), name, columns['token'], columns[name]) for name in names]

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


def _by_column(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> dict[str, list[Any]]:
    return dict(zip(names, map(list, zip(*rows)))) if rows else {name: [] for name in names}


def _level(token: Any) -> int:
    return int(token) if token in ('1', '2', '3', '4') else 0
