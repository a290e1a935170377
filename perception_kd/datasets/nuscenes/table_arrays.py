"""What infos need of each nuScenes table, as arrays by row: the full data set has millions of rows.

Rows of one table that name rows of another do so by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.columns import NO_KEY, DoubleTokenError, Keys, Rows, Texts, TokenIndex, token_keys
from perception_kd.datasets.nuscenes.stream import iter_blocks
from perception_kd.datasets.nuscenes.table_numbers import checked_numbers

NONE, LOST = -1, -2
"""Instead of a row: the table names none there; the table names one that is not there."""

_Numbers = NDArray[Any]
_TEXTS = {'token', 'name', 'channel', 'modality', 'filename', 'prev', 'next'}
_NOUNS = {str: 'text', bool: 'truth value'}


@dataclass(frozen=True)
class Samples:
    """``timestamp`` in microseconds; ``row_of`` by token."""

    tokens: list[str]
    scene_tokens: list[str]
    next_tokens: list[str]
    timestamp: _Numbers
    row_of: dict[str, int]


@dataclass(frozen=True)
class Calibrations:
    """Sensor to ego: ``translation`` (N, 3) in m, ``rotation`` (N, 4: w, x, y, z); ``intrinsics`` 3x3 lists or [].

    ``sensors``: channel -> modality of all sensors, also of those without calibration.
    """

    sensors: dict[str, str]
    channels: list[str]
    modalities: list[str]
    translation: _Numbers
    rotation: _Numbers
    intrinsics: list[Any]
    row_of: dict[str, int]


@dataclass(frozen=True)
class Measurements:
    """Rows of ``sample_data``: key frames of all sensors and all of LiDARs and radars.

    ``sample`` is that of a key frame, else ``NONE``; ``previous`` of the same sensor may be ``NONE`` or ``LOST``;
    ``timestamp`` in microseconds, ``height`` and ``width`` in pixels.
    """

    tokens: Texts
    filenames: Texts
    sample: Rows
    calibration: Rows
    pose: Rows
    previous: Rows
    timestamp: _Numbers
    height: _Numbers
    width: _Numbers


@dataclass(frozen=True)
class Poses:
    """Ego to global: ``translation`` (N, 3) in m, ``rotation`` (N, 4: w, x, y, z)."""

    translation: _Numbers
    rotation: _Numbers


@dataclass(frozen=True)
class Annotations:
    """Boxes in the global frame: ``translation`` (N, 3) and ``size`` (N, 3: w, l, h) in m, ``rotation`` (N, 4)."""

    tokens: Texts
    sample: Rows
    instance: Rows
    previous: Rows
    next: Rows
    translation: _Numbers
    size: _Numbers
    rotation: _Numbers
    num_lidar_pts: _Numbers
    num_radar_pts: _Numbers


class TableReader:
    """Reads the tables of a folder, names the file in every error, and reports the bytes read.

    Args:
        folder: Of one version.
        advance: Called with a number of bytes now and then.
    """

    def __init__(self, folder: Path, advance: Callable[[int], None] | None = None) -> None:
        self.folder, self._advance = folder, advance

    def samples(self) -> Samples:
        """Of ``sample``."""
        path, made = self._path('sample'), _Gathered()
        tokens, scenes, following = [], [], []
        for token, time, scene, after in self._blocks('sample', 'token', 'timestamp', 'scene_token', 'next'):
            tokens += token
            scenes += scene
            following += after
            made.add(timestamp=checked_numbers(path, 'timestamp', token, time))
        return Samples(tokens, scenes, following, made['timestamp'], self._rows_of('sample', tokens))

    def calibrations(self) -> Calibrations:
        """Of ``calibrated_sensor`` and ``sensor``."""
        tokens, channels, modalities = self.whole('sensor', 'token', 'channel', 'modality')
        row_of = self._rows_of('sensor', tokens)
        token, sensor, translation, rotation, intrinsics = self.whole(
            'calibrated_sensor', 'token', 'sensor_token', 'translation', 'rotation', 'camera_intrinsic')
        rows, path = self.find('sensor', row_of, sensor).tolist(), self._path('calibrated_sensor')
        cameras = [intrinsic != [] for intrinsic in intrinsics]
        checked_numbers(path, 'camera_intrinsic', list(compress(token, cameras)), list(compress(intrinsics, cameras)))
        return Calibrations(dict(zip(channels, modalities)), [channels[row] for row in rows],
                            [modalities[row] for row in rows],
                            checked_numbers(path, 'translation', token, translation),
                            checked_numbers(path, 'rotation', token, rotation), list(intrinsics),
                            self._rows_of('calibrated_sensor', token))

    def measurements(self, samples: Samples, calibrations: Calibrations) -> tuple[Measurements, Poses]:
        """Of ``sample_data``, and of ``ego_pose`` what they name."""
        path, made, tokens, filenames = self._path('sample_data'), _Gathered(), Texts(), Texts()
        camera = np.array([modality == 'camera' for modality in calibrations.modalities], bool)
        numbers = ('timestamp', 'height', 'width')
        for token, sample, pose, calibration, key, filename, before, *values in self._blocks(
                'sample_data', 'token', 'sample_token', 'ego_pose_token', 'calibrated_sensor_token', 'is_key_frame',
                'filename', 'prev', *numbers):
            calibration = self.find('calibrated_sensor', calibrations.row_of, calibration)
            key = np.array(key, bool)
            kept = key | ~camera[calibration]
            of_sample = np.full(len(token), NONE)
            of_sample[key] = self.find('sample', samples.row_of, list(compress(sample, key)))
            tokens.extend(list(compress(token, kept)))
            filenames.extend(list(compress(filename, kept)))
            made.add(sample=of_sample[kept], calibration=calibration[kept], key=token_keys(list(compress(token, kept))),
                     pose=token_keys(list(compress(pose, kept))), before=token_keys(list(compress(before, kept))),
                     **{name: checked_numbers(path, name, token, column)[kept]
                        for name, column in zip(numbers, values)})
        (previous,) = self._neighbours('sample_data', made['key'], made['before'])
        poses, pose = self._poses(made['pose'])
        return Measurements(tokens.close(), filenames.close(), made['sample'], made['calibration'], pose, previous,
                            *(made[name] for name in numbers)), poses

    def _poses(self, wanted: Keys) -> tuple[Poses, Rows]:
        """The rows of ``ego_pose`` that are wanted, and which of them each of ``wanted`` (N, 2) names."""
        path, made = self._path('ego_pose'), _Gathered()
        for token, translation, rotation in self._blocks('ego_pose', 'token', 'translation', 'rotation'):
            made.add(key=token_keys(token), translation=checked_numbers(path, 'translation', token, translation),
                     rotation=checked_numbers(path, 'rotation', token, rotation))
        rows = self._index('ego_pose', made['key']).rows(wanted)
        self._require('ego_pose', rows == NONE, wanted, 'sample_data', 'ego_pose_token')
        kept, rows = np.unique(rows, return_inverse=True)
        return Poses(made['translation'][kept], made['rotation'][kept]), rows

    def instances(self) -> tuple[list[str], list[str]]:
        """Tokens of ``instance`` and the names of their categories."""
        tokens, names = self.whole('category', 'token', 'name')
        row_of = self._rows_of('category', tokens)
        instances, categories = self.whole('instance', 'token', 'category_token')
        return instances, [names[row] for row in self.find('category', row_of, categories)]

    def annotations(self, samples: Samples, instance_tokens: Sequence[str]) -> Annotations:
        """Of ``sample_annotation``."""
        path, made, tokens = self._path('sample_annotation'), _Gathered(), Texts()
        instances = self._rows_of('instance', instance_tokens)
        numbers = ('translation', 'size', 'rotation', 'num_lidar_pts', 'num_radar_pts')
        for token, sample, instance, before, after, *values in self._blocks(
                'sample_annotation', 'token', 'sample_token', 'instance_token', 'prev', 'next', *numbers):
            tokens.extend(token)
            made.add(sample=self.find('sample', samples.row_of, sample),
                     instance=self.find('instance', instances, instance),
                     key=token_keys(token), before=token_keys(before), after=token_keys(after),
                     **{name: checked_numbers(path, name, token, column) for name, column in zip(numbers, values)})
        neighbours = self._neighbours('sample_annotation', made['key'], made['before'], made['after'])
        for rows, keys, column in zip(neighbours, (made['before'], made['after']), ('prev', 'next')):
            self._require('sample_annotation', rows == LOST, keys, 'sample_annotation', column)
        return Annotations(tokens.close(), made['sample'], made['instance'], *neighbours,
                           *(made[name] for name in numbers))

    def whole(self, table: str, *columns: str) -> list[list[Any]]:
        """The columns of a table that is not large."""
        lists: list[list[Any]] = [[] for _ in columns]
        for block in self._blocks(table, *columns):
            for column, values in zip(lists, block):
                column += values
        return lists

    def find(self, table: str, row_of: dict[str, int], tokens: Sequence[str]) -> Rows:
        """Rows of tokens (N,).

        Raises:
            ValueError: a token has no row.
        """
        try:
            return np.fromiter(map(row_of.__getitem__, tokens), np.int64, len(tokens))
        except KeyError as error:
            raise self._no_row(table, error.args[0]) from None

    def _blocks(self, table: str, *columns: str) -> Iterator[list[Sequence[Any]]]:
        """The columns of one block of rows after another."""
        path, number = self._path(table), 0
        for block in iter_blocks(path, columns, advance=self._advance):
            lists = list(zip(*block))
            for column, values in zip(columns, lists):
                kind = _kind(column)
                if kind and set(map(type, values)) != {kind}:
                    place = next(place for place, value in enumerate(values) if type(value) is not kind)
                    raise ValueError(f'{path}: row {number + place}: {column} is {values[place]!r}, no '
                                     f'{_NOUNS[kind]}; unpack the data set again')
            number += len(block)
            yield lists
        if not number:
            yield [() for _ in columns]

    def _path(self, table: str) -> Path:
        return self.folder / f'{table}.json'

    def _rows_of(self, table: str, tokens: Sequence[str]) -> dict[str, int]:
        rows = {token: row for row, token in enumerate(tokens)}
        if len(rows) < len(tokens):
            raise self._double(table, next(row for row, token in enumerate(tokens) if rows[token] != row))
        return rows

    def _index(self, table: str, keys: Keys) -> TokenIndex:
        try:
            return TokenIndex(keys)
        except DoubleTokenError as error:
            raise self._double(table, error.row) from None

    def _neighbours(self, table: str, keys: Keys, *neighbours: Keys) -> list[Rows]:
        """Rows of the keys of neighbours, each (N, 2), in the table itself."""
        index = self._index(table, keys)
        rows = [index.rows(keys) for keys in neighbours]
        for found, keys in zip(rows, neighbours):
            found[(found < 0) & (keys != NO_KEY).any(1)] = LOST
        return rows

    def _require(self, table: str, lost: NDArray[np.bool_], keys: Keys, source: str, column: str) -> None:
        """Refuse keys (N, 2) that are ``lost`` (N,) and name the first, which is in this column of ``source``."""
        if not lost.any():
            return
        wanted = keys[np.flatnonzero(lost)[0]]
        for (tokens,) in self._blocks(source, column):
            for place in np.flatnonzero((token_keys(tokens) == wanted).all(1)):
                raise self._no_row(table, tokens[place])

    def _no_row(self, table: str, token: str) -> ValueError:
        return ValueError(f'{self._path(table)} has no row {token!r}; are all tables of one version and complete?')

    def _double(self, table: str, row: int) -> ValueError:
        return ValueError(f'{self._path(table)}: row {row} has the token of an earlier row; unpack the data set again')


def _kind(column: str) -> type | None:
    """What a column holds; None: numbers, which are looked at as arrays."""
    if column == 'is_key_frame':
        return bool
    return str if column in _TEXTS or column.endswith('_token') else None


class _Gathered:
    """Arrays that come in blocks."""

    def __init__(self) -> None:
        self._blocks: dict[str, list[_Numbers]] = {}

    def add(self, **blocks: _Numbers) -> None:
        for name, block in blocks.items():
            self._blocks.setdefault(name, []).append(block)

    def __getitem__(self, name: str) -> _Numbers:
        return np.concatenate(self._blocks[name])
