"""Writes a data set in the official nuScenes format: thirteen tables, ``splits.json`` and a map mask."""

import json
import shutil
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.nuscenes.rows import SceneRows, make_token
from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES, VISIBILITY_LEVELS
from perception_kd.files import write_bytes

# The devkit measures every distance from the pose of this channel.
REFERENCE_CHANNEL = 'LIDAR_TOP'

_REFERENCES = {
    'scene': {'log_token': 'log'},
    'calibrated_sensor': {'sensor_token': 'sensor'},
    'sample': {'scene_token': 'scene'},
    'sample_data': {'sample_token': 'sample', 'ego_pose_token': 'ego_pose',
                    'calibrated_sensor_token': 'calibrated_sensor'},
    'instance': {'category_token': 'category'},
    'sample_annotation': {'sample_token': 'sample', 'instance_token': 'instance'},
}  # fmt: skip


class NuScenesWriter(SceneRows):
    """Collects rows (its own ``add_*`` or ``add(scene_rows)``) and writes them with ``finish()``.

    Sensor files are written by the caller below ``root`` (``samples/CHANNEL/...``, ``sweeps/CHANNEL/...``).

    Args:
        root: Data root; ``root/version`` gets the tables, ``root/maps`` the mask.
        version: For example ``v1.0-sim``.
        force: Replace the tables of an existing version.
        salt: See ``SceneRows``.

    Raises:
        FileExistsError: ``root/version`` is there and ``force`` is not given.
    """

    def __init__(self, root: str | Path, version: str, force: bool = False, *, salt: str = '') -> None:
        super().__init__(salt=salt)
        self.root, self.version = Path(root), version
        self.table_root = self.root / version
        if self.table_root.exists() and not force:
            raise FileExistsError(f'{self.table_root} exists already; choose another folder or use --force')
        # No drivable surface unless the caller knows one. 0.1 m a pixel, origin at the lower left.
        self.map_mask = np.zeros((64, 64), np.uint8)
        self._fill_fixed_tables()

    def add(self, rows: SceneRows) -> None:
        """Take over what a worker collected."""
        self.merge(rows)

    def set_map_mask(self, mask: np.ndarray) -> None:
        """Drivable surface (H, W) uint8, 255 inside, 0.1 m a pixel, row 0 at the largest global y."""
        if mask.ndim != 2 or mask.dtype != np.uint8:
            raise ValueError(f'the map mask must be (H, W) uint8, got {mask.shape} {mask.dtype}')
        self.map_mask = mask

    def finish(self, *, check_files: bool = True) -> Path:
        """Fill the chains, check every reference (and every file), write. Returns the table folder.

        Raises:
            ValueError: a dangling reference, a scene without key frames, a key frame without LIDAR_TOP.
            FileNotFoundError: a row names a file that is not below the root.
        """
        self._check_references()
        self._chain_samples()
        self._chain_sample_data()
        self._chain_annotations()
        if check_files:
            self._check_files()
        self._write_map()
        self._write_tables()
        return self.table_root

    def _fill_fixed_tables(self) -> None:
        for name, text in CATEGORIES.items():
            self._put('category', make_token('category', name), name=name, description=text)
        for name, text in ATTRIBUTES.items():
            self._put('attribute', make_token('attribute', name), name=name, description=text)
        for token, (level, text) in VISIBILITY_LEVELS.items():
            self._put('visibility', token, level=level, description=text)

    def _check_references(self) -> None:
        for table, references in _REFERENCES.items():
            for row in self.tables[table].values():
                for field, target in references.items():
                    if row[field] not in self.tables[target]:
                        raise ValueError(f'table {table}: {field} {row[field]} is in no row of {target}')

    def _chain_samples(self) -> None:
        of_scene = defaultdict(list)
        for row in self.tables['sample'].values():
            of_scene[row['scene_token']].append(row)
        for token, scene in self.tables['scene'].items():
            rows = of_scene[token]
            if not rows:
                raise ValueError(f'scene {scene["name"]} has no key frame')
            rows.sort(key=lambda row: row['timestamp'])
            _link(rows)
            scene.update(nbr_samples=len(rows), first_sample_token=rows[0]['token'],
                         last_sample_token=rows[-1]['token'])

    def _chain_sample_data(self) -> None:
        chains, key_frames = defaultdict(list), defaultdict(set)
        for row in self.tables['sample_data'].values():
            calibration = self.tables['calibrated_sensor'][row['calibrated_sensor_token']]
            channel = self.tables['sensor'][calibration['sensor_token']]['channel']
            sample = self.tables['sample'][row['sample_token']]
            chains[sample['scene_token'], channel].append(row)
            if row['is_key_frame']:
                if channel in key_frames[sample['token']]:
                    raise ValueError(f'{row["filename"]}: its key frame has another file of {channel}')
                key_frames[sample['token']].add(channel)
        for rows in chains.values():
            rows.sort(key=lambda row: row['timestamp'])
            _link(rows)
        for token, row in self.tables['sample'].items():
            if REFERENCE_CHANNEL not in key_frames[token]:
                scene = self.tables['scene'][row['scene_token']]['name']
                raise ValueError(f'scene {scene}: key frame {token} has no {REFERENCE_CHANNEL}, which the '
                                 'devkit needs to measure distances')

    def _chain_annotations(self) -> None:
        tracks = defaultdict(list)
        samples = self.tables['sample']
        for row in self.tables['sample_annotation'].values():
            tracks[row['instance_token']].append(row)
        # An object that was never annotated has no first annotation and must not appear.
        self.tables['instance'] = {k: v for k, v in self.tables['instance'].items() if k in tracks}
        for token, rows in tracks.items():
            if len({samples[row['sample_token']]['scene_token'] for row in rows}) > 1:
                raise ValueError(f'instance {token} is annotated in more than one scene')
            rows.sort(key=lambda row: samples[row['sample_token']]['timestamp'])
            _link(rows)
            self.tables['instance'][token].update(
                nbr_annotations=len(rows), first_annotation_token=rows[0]['token'],
                last_annotation_token=rows[-1]['token'])

    def _check_files(self) -> None:
        for row in self.tables['sample_data'].values():
            if not (self.root / row['filename']).is_file():
                raise FileNotFoundError(f'{self.root / row["filename"]}: a table row names this file but it '
                                        'was not written')

    def _write_map(self) -> None:
        token = make_token('map', self.map_mask.shape, self.map_mask.tobytes())
        row = {'token': token, 'category': 'semantic_prior', 'filename': f'maps/{token}.png',
               'log_tokens': list(self.tables['log'])}
        self.tables['map'] = {token: row}
        write_bytes(self.root / row['filename'], cv2.imencode('.png', self.map_mask)[1].tobytes())

    def _write_tables(self) -> None:
        """All files into a folder beside, which then takes the place of the old one."""
        fresh = self.root / f'.{self.version}.tmp'
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            for table, rows in self.tables.items():
                lines = ',\n'.join(json.dumps(row) for row in rows.values())
                write_bytes(fresh / f'{table}.json', f'[\n{lines}\n]\n'.encode())
            write_bytes(fresh / 'splits.json', (json.dumps(self.splits, indent=1) + '\n').encode())
            if self.table_root.exists():
                shutil.rmtree(self.table_root)
            fresh.rename(self.table_root)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def _link(rows: list[dict]) -> None:
    """Set ``prev`` and ``next`` of rows that are in time order."""
    tokens = ['', *(row['token'] for row in rows), '']
    for index, row in enumerate(rows):
        row['prev'], row['next'] = tokens[index], tokens[index + 2]
