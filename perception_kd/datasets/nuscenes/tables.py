"""The tables of a nuScenes-format root, joined as info creation needs them.

The devkit is asked for one thing only: the scenes of the official splits.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.table_numbers import check_numbers
from perception_kd.files import require_folder

Row = dict[str, Any]

SIMULATED_VEHICLE = 'simulated'
"""``vehicle`` in the log of a simulated data set, whose ``logfile`` is the stamp of its world."""

# Only these columns are kept in memory: the full data set has millions of rows.
_COLUMNS: dict[str, tuple[str, ...]] = {
    'scene': ('token', 'name', 'first_sample_token'),
    'sample': ('token', 'timestamp', 'scene_token', 'next'),
    'sample_data': ('token', 'sample_token', 'ego_pose_token', 'calibrated_sensor_token', 'timestamp',
                    'is_key_frame', 'height', 'width', 'filename', 'prev'),
    'ego_pose': ('token', 'translation', 'rotation'),
    'calibrated_sensor': ('token', 'sensor_token', 'translation', 'rotation', 'camera_intrinsic'),
    'sensor': ('token', 'channel', 'modality'),
    'instance': ('token', 'category_token'),
    'category': ('token', 'name'),
    'sample_annotation': ('token', 'sample_token', 'instance_token', 'translation', 'size', 'rotation',
                          'prev', 'next', 'num_lidar_pts', 'num_radar_pts'),
}  # fmt: skip


class NuScenesTables:
    """Reads the tables of one version and answers by token.

    Args:
        root: Data root, the folder that holds ``samples/`` and the version's folder.
        version: For example ``v1.0-mini``.

    Raises:
        FileNotFoundError: no such root, version or table; the message names the versions that are there.
        ValueError: a table that is no JSON list of rows, a row without a needed column, or with a number in it
            that is none (``check_numbers``).
    """

    def __init__(self, root: str | Path, version: str) -> None:
        self.root, self.version = Path(root), version
        self.folder = table_folder(self.root, version)
        self._rows = {name: self._read(name, columns) for name, columns in _COLUMNS.items()}
        self._key_frames: dict[str, dict[str, Row]] = defaultdict(dict)
        self._annotations: dict[str, list[Row]] = defaultdict(list)
        for row in self._rows['sample_data'].values():
            if row['is_key_frame']:
                self._key_frames[row['sample_token']][self.sensor(row)['channel']] = row
        for row in self._rows['sample_annotation'].values():
            self._annotations[row['sample_token']].append(row)

    def get(self, table: str, token: str) -> Row:
        """The row of a token.

        Raises:
            ValueError: the table has no such row (the tables do not belong together).
        """
        try:
            return self._rows[table][token]
        except KeyError:
            raise ValueError(f'{self.folder}/{table}.json has no row {token!r}; are all tables of one '
                             'version and complete?') from None

    @property
    def scene_names(self) -> list[str]:
        """Names of all scenes, in the order of the table."""
        return [row['name'] for row in self._rows['scene'].values()]

    @property
    def radar_channels(self) -> list[str]:
        """Channels of all radars of the rig, in the order of the table."""
        return [row['channel'] for row in self._rows['sensor'].values() if row['modality'] == 'radar']

    def samples_of_scene(self, name: str) -> list[Row]:
        """Key frames of a scene in time order."""
        scene = next((row for row in self._rows['scene'].values() if row['name'] == name), None)
        if scene is None:
            raise ValueError(f'{self.folder} has no scene {name!r}')
        samples, token = [], scene['first_sample_token']
        while token:
            samples.append(self.get('sample', token))
            token = samples[-1]['next']
            if len(samples) > len(self._rows['sample']):
                raise ValueError(f'{self.folder}/sample.json: the key frames of scene {name} run in a circle')
        return samples

    def key_frames(self, sample_token: str) -> dict[str, Row]:
        """Channel -> row of ``sample_data`` of a key frame."""
        return self._key_frames[sample_token]

    def annotations(self, sample_token: str) -> list[Row]:
        """Rows of ``sample_annotation`` of a key frame."""
        return self._annotations[sample_token]

    def sensor(self, sample_data: Row) -> Row:
        """The row of ``sensor`` (channel, modality) behind a measurement."""
        return self.get('sensor', self.calibration(sample_data)['sensor_token'])

    def calibration(self, sample_data: Row) -> Row:
        """The row of ``calibrated_sensor`` of a measurement."""
        return self.get('calibrated_sensor', sample_data['calibrated_sensor_token'])

    def ego_pose(self, sample_data: Row) -> Row:
        """The row of ``ego_pose`` at the time of a measurement."""
        return self.get('ego_pose', sample_data['ego_pose_token'])

    def category(self, annotation: Row) -> str:
        """Category name of an annotation, for example ``vehicle.car``."""
        instance = self.get('instance', annotation['instance_token'])
        return self.get('category', instance['category_token'])['name']

    def _read(self, name: str, columns: tuple[str, ...]) -> dict[str, Row]:
        path = self.folder / f'{name}.json'
        rows = read_rows(path, columns)
        check_numbers(path, rows)
        return {row['token']: {column: row[column] for column in columns} for row in rows}


def table_folder(root: str | Path, version: str) -> Path:
    """``root/version``, checked.

    Raises:
        FileNotFoundError: the root or the version is not there; names the versions that are.
    """
    root = require_folder(root, 'data root')
    folder = root / version
    if not (folder / 'scene.json').is_file():
        found = ', '.join(sorted(path.parent.name for path in root.glob('*/scene.json'))) or 'none'
        raise FileNotFoundError(f'{root} has no version {version!r}; versions there: {found}')
    return folder


def read_json(path: Path, cure: str = 'unpack the data set again') -> Any:
    """Content of a JSON file; ``cure`` ends the message where there is none.

    Raises:
        FileNotFoundError, ValueError: missing, or not JSON; the message names the file.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing; {cure}') from None
    except ValueError as error:
        raise ValueError(f'{path} is not valid JSON ({error}); {cure}') from None


def read_rows(path: Path, columns: Iterable[str] = ('token',)) -> list[Row]:
    """Rows of a table, each with these columns. Errors as :func:`read_json`, and ``ValueError`` for other content."""
    rows, wanted = read_json(path), set(columns)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f'{path}: not a nuScenes table, which is a list of rows; unpack the data set again')
    for number, row in enumerate(rows):
        if not wanted <= row.keys():
            lacking = ', '.join(sorted(wanted - row.keys()))
            raise ValueError(f'{path}: not a nuScenes table: row {number} lacks column {lacking}')
    return rows


def split_scenes(root: str | Path, version: str) -> dict[str, list[str]]:
    """Split name -> scene names of a version.

    From the version's ``splits.json`` where there is one; for official versions from the devkit; any other
    version has one split, ``all``.
    """
    folder = table_folder(root, version)
    if (folder / 'splits.json').is_file():
        return _read_splits(folder / 'splits.json')
    if version not in _OFFICIAL_SPLITS:
        return {'all': [scene['name'] for scene in read_rows(folder / 'scene.json', ('name',))]}
    from nuscenes.utils.splits import create_splits_scenes
    scenes = create_splits_scenes()
    return {name: scenes[name] for name in _OFFICIAL_SPLITS[version]}


def _read_splits(path: Path) -> dict[str, list[str]]:
    splits = read_json(path)
    lists = list(splits.values()) if isinstance(splits, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise ValueError(f'{path}: must name the scenes of each split: {{"train": ["scene-1", ...], ...}}')
    return splits


def simulated_world(root: str | Path, version: str) -> str:
    """Stamp of the world that a data set was simulated in (``simulation.stamp``); empty for real recordings."""
    logs = read_rows(table_folder(root, version) / 'log.json')
    return ', '.join(sorted({log['logfile'] for log in logs if log.get('vehicle') == SIMULATED_VEHICLE}))


_OFFICIAL_SPLITS = {
    'v1.0-trainval': ('train', 'val'),
    'v1.0-mini': ('mini_train', 'mini_val'),
    'v1.0-test': ('test',),
}
