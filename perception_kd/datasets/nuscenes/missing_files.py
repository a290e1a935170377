"""Sensor files that are not there: taken out of the infos, and told.

Radars fail, and partial downloads of nuScenes lack sweeps; a key frame with four radars of five, or with fewer sweeps,
is still good for training. One without its LiDAR or a picture is not. A silent gap is never good, so every missing file
is counted and named.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.sensor_files import SensorFile, sensor_files

NAMED = 3
"""How many missing files of a channel are named in a line."""
_CHUNK = 256  # infos whose files are looked for together


class MissingFiles:
    """Takes missing sensor files out of infos and keeps account.

    Files are looked for in listings of their folders: one listing costs less than a million questions.

    Args:
        root: Data root.
        radars: Channels that every key frame should have.
    """

    def __init__(self, root: str | Path, radars: Iterable[str] = ()) -> None:
        self.root, self.radars = Path(root), tuple(radars)
        self.files: dict[str, dict[str, None]] = defaultdict(dict)
        """Channel -> missing files, from the root on."""
        self.left_out: dict[str, list[str]] = {}
        """Token of a key frame that cannot be used -> why."""
        self._listings: dict[str, NDArray[np.int64]] = {}

    def none_of(self, files: dict[str, list[str]]) -> bool:
        """Whether none of these files is missing (channel -> paths); those that are count."""
        return not self._gone(SensorFile(channel, '', path, key=True) for channel in files for path in files[channel])

    def close(self, infos: Sequence[dict[str, Any]], cameras: Iterable[str]) -> list[dict[str, Any]]:
        """The infos (N) of a split that can be used, each changed in place.

        Args:
            infos: All of the split, or a part of it.
            cameras: Those that key frames of the split have.

        A sweep without a file leaves the list of sweeps, a radar whose key file is missing leaves the key frame, and a
        key frame without its LiDAR, or without a camera that others have, is left out.
        """
        cameras = sorted(cameras)
        kept = []
        for start in range(0, len(infos), _CHUNK):
            chunk = infos[start:start + _CHUNK]
            gone = self._gone(file for info in chunk for file in sensor_files(info))
            kept += [info for info in chunk if self._usable(info, cameras, gone)]
        return kept

    @property
    def count(self) -> int:
        """Distinct missing files so far."""
        return sum(map(len, self.files.values()))

    def __str__(self) -> str:
        """One line: how many files of which sensors, and the first of each by name."""
        parts = []
        for channel, names in sorted(self.files.items()):
            named = ', '.join(list(names)[:NAMED]) + (', ...' if len(names) > NAMED else '')
            parts.append(f'{channel} {len(names)} ({named})')
        return f'{self.count} sensor file{"s" * (self.count != 1)} missing: ' + '; '.join(parts)

    def report(self) -> dict[str, Any]:
        """All that is missing, for a JSON file."""
        return {'missing_files': {channel: list(names) for channel, names in sorted(self.files.items())},
                'left_out_key_frames': [{'token': token, 'why': why} for token, why in self.left_out.items()]}

    def _usable(self, info: dict[str, Any], cameras: Sequence[str], gone: set[str]) -> bool:
        why = [f'{file.channel} {file.path}' for file in sensor_files(info)
               if file.key and file.modality != 'radar' and file.path in gone]
        why += [self._no_row(channel, info) for channel in cameras if channel not in info['images']]
        info['lidar_sweeps'] = [sweep for sweep in info['lidar_sweeps']
                                if sweep['lidar_points']['lidar_path'] not in gone]
        info['radar_points'] = self._radars(info, gone)
        if why:
            self.left_out[info['token']] = why
        return not why

    def _radars(self, info: dict[str, Any], gone: set[str]) -> dict[str, Any]:
        kept = {}
        for channel in sorted({*self.radars, *info['radar_points']}):
            radar = info['radar_points'].get(channel)
            if radar is None:
                self._no_row(channel, info)
                continue
            radar['sweeps'] = [sweep for sweep in radar['sweeps'] if sweep['radar_path'] not in gone]
            if radar['radar_path'] not in gone:
                kept[channel] = radar
        return kept

    def _no_row(self, channel: str, info: dict[str, Any]) -> str:
        self.files[channel][f'no row for key frame {info["token"]}'] = None
        return f'{channel}: no row'

    def _gone(self, files: Iterable[SensorFile]) -> set[str]:
        """Those of the files that are not there."""
        wanted: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
        for file in files:
            folder, _, name = file.path.rpartition('/')
            wanted[file.channel, folder][file.path] = hash(name)
        gone: set[str] = set()
        for (channel, folder), names in wanted.items():
            there = _among(np.fromiter(names.values(), np.int64, len(names)), self._listing(folder))
            for path in (path for path, found in zip(names, there) if not found):
                self.files[channel][path] = None
                gone.add(path)
        return gone

    def _listing(self, folder: str) -> NDArray[np.int64]:
        """Hashes of the names in a folder: the names themselves, millions in the full data set, need 20 times more."""
        if folder not in self._listings:
            place = self.root / folder
            names = os.listdir(place) if place.is_dir() else []
            self._listings[folder] = np.sort(np.fromiter(map(hash, names), np.int64, len(names)))
        return self._listings[folder]


def _among(values: NDArray[np.int64], sorted_values: NDArray[np.int64]) -> NDArray[np.bool_]:
    if not len(sorted_values):
        return np.zeros(len(values), bool)
    place = np.searchsorted(sorted_values, values)
    return sorted_values[np.minimum(place, len(sorted_values) - 1)] == values


def holds_sensor_files(root: str | Path) -> bool:
    """Whether a root holds more than tables."""
    return any((Path(root) / name).is_dir() for name in ('samples', 'sweeps'))
