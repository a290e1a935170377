"""Which files of a folder belong to one moment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.inference.calibration import STAMPS, Rig
from perception_kd.inference.trajectory import seconds

TIMES_FILE = 'times.txt'
NEAREST, OLDEST = 0.1, 1.5
"""Seconds: how far a file may lie from the moment that it is of, and how old an earlier radar sweep may be."""
SWEEPS = 6
"""How many earlier sweeps of a radar a moment has at most, as info files."""
_ENDINGS = ('.pcd.bin', '.pcd', '.jpg', '.jpeg', '.png', '.bmp', '.webp')


@dataclass(frozen=True)
class Measurement:
    """One file, and when it was measured (s; None: not known)."""

    path: Path
    time: float | None = None


@dataclass(frozen=True)
class Moment:
    """What belongs together.

    Args:
        name: Token of the sample.
        time: Seconds; None: not known.
        files: Sensor -> its file.
        sweeps: Radar -> its earlier files, newest first.
    """

    name: str
    time: float | None
    files: Mapping[str, Measurement]
    sweeps: Mapping[str, Sequence[Measurement]]


def find_moments(rig: Rig, *, sweeps: bool) -> list[Moment]:
    """The moments of a folder in their order.

    With time stamps (``stamps`` in ``calib.yaml``) a moment has the nearest file of each sensor. Moments are those of
    ``times.txt``, one a line, or of the first camera's files (the first radar's without cameras). Otherwise the files
    of a moment have the same name but for their endings, or every sensor has one file.

    Args:
        rig: Of the folder.
        sweeps: Whether earlier radar files count as sweeps: only where the vehicle's motion is known.

    Raises:
        FileNotFoundError: a camera has no file, or none of a moment.
        ValueError: a name is no time stamp, or two files are of one moment.
    """
    patterns = {name: one.files for name, one in {**rig.cameras, **rig.radars}.items()}
    if rig.lidar is not None and rig.lidar.files:
        patterns[LIDAR_CHANNEL] = rig.lidar.files
    found = {name: _files(rig, name, pattern) for name, pattern in patterns.items()}
    return _by_time(rig, found, sweeps) if rig.stamps else _by_name(rig, found)


def stem(path: Path) -> str:
    """Name of a sensor file without its ending."""
    ending = next((end for end in _ENDINGS if path.name.lower().endswith(end)), '')
    return path.name.removesuffix(path.name[len(path.name) - len(ending):]) if ending else path.name


def _files(rig: Rig, name: str, pattern: str) -> list[Path]:
    try:
        paths = sorted(path for path in rig.path.parent.glob(pattern)
                       if path.name.lower().endswith(_ENDINGS) and not path.name.startswith('.'))
    except ValueError as error:
        raise ValueError(f'{rig.path}: {name}: files: {error}') from None
    if not paths:
        raise FileNotFoundError(f'{rig.path.parent}: no file of {name} matches {pattern!r}; name them by "files" in '
                                f'{rig.path.name}')
    return paths


def _by_name(rig: Rig, found: Mapping[str, list[Path]]) -> list[Moment]:
    if all(len(paths) == 1 for paths in found.values()):
        files = {name: Measurement(paths[0]) for name, paths in found.items()}
        return [Moment(rig.path.parent.resolve().name, None, files, {})]
    by_stem = {name: {stem(path): Measurement(path) for path in paths} for name, paths in found.items()}
    twice = next((name for name in found if len(by_stem[name]) < len(found[name])), None)
    if twice:
        raise ValueError(f'{rig.path.parent}: two files of {twice} have one name but for their endings')
    moments = []
    for name in by_stem[_leader(rig)]:
        files = {sensor: of_sensor[name] for sensor, of_sensor in by_stem.items() if name in of_sensor}
        _check_cameras(rig, files, f'called {name}', f'say "stamps: {next(iter(STAMPS))}" where names are times')
        moments.append(Moment(name, None, files, {}))
    return moments


def _by_time(rig: Rig, found: Mapping[str, list[Path]], sweeps: bool) -> list[Moment]:
    stamped = {name: _Stamped(rig, name, paths) for name, paths in found.items()}
    moments = []
    for text, time in _times(rig, stamped):
        near = {name: files.nearest(time) for name, files in stamped.items()}
        files = {name: file for name, file in near.items() if abs(file.time - time) <= NEAREST}
        _check_cameras(rig, files, f'within {NEAREST} s of {text}', f'or leave that moment out of {TIMES_FILE}')
        earlier = {name: stamped[name].before(files[name].time) for name in rig.radars if sweeps and name in files}
        moments.append(Moment(text, time, files, earlier))
    return moments


class _Stamped:
    """Files of a sensor in the order of their times."""

    def __init__(self, rig: Rig, name: str, paths: Sequence[Path]) -> None:
        self.stamps = {path: _stamp(rig, path) for path in paths}
        files = [Measurement(path, _time(str(path), text, rig.stamps)) for path, text in self.stamps.items()]
        self.files = sorted(files, key=lambda file: file.time)
        self.times = np.array([file.time for file in self.files])
        same = np.flatnonzero(np.diff(self.times) == 0)
        if len(same):
            first, second = self.files[same[0]], self.files[same[0] + 1]
            raise ValueError(f'{rig.path.parent}: {first.path.name} and {second.path.name} of {name} have one '
                             'time stamp')

    def nearest(self, time: float) -> Measurement:
        return self.files[int(np.abs(self.times - time).argmin())]

    def before(self, time: float) -> list[Measurement]:
        place = int(np.searchsorted(self.times, time))
        earlier = self.files[max(place - SWEEPS, 0):place][::-1]
        return [file for file in earlier if time - file.time <= OLDEST]


def _stamp(rig: Rig, path: Path) -> str:
    number = re.search(r'\d+(\.\d+)?$' if rig.stamps == 'seconds' else r'\d+$', stem(path))
    if number is None:
        raise ValueError(f'{path}: its name ends in no time stamp, and {rig.path} says that names are {rig.stamps}')
    return number.group()


def _time(where: str, text: str, unit: str) -> float:
    try:
        return seconds(text, STAMPS[unit])
    except ValueError as error:
        raise ValueError(f'{where}: {error}') from None


def _times(rig: Rig, stamped: Mapping[str, _Stamped]) -> list[tuple[str, float]]:
    path = rig.path.parent / TIMES_FILE
    if path.is_file():
        texts = path.read_text(errors='replace').split()
    else:
        leader = stamped[_leader(rig)]
        texts = [leader.stamps[file.path] for file in leader.files]
    times = [(text, _time(f'{path}: one time a line, in {rig.stamps}', text, rig.stamps)) for text in texts]
    wrong = next((later for (_, before), (later, time) in pairwise(times) if time <= before), None)
    if wrong is not None:
        raise ValueError(f'{path}: times must rise, {wrong} is not after the one before')
    return times


def _leader(rig: Rig) -> str:
    """The sensor whose files say which moments there are."""
    return next(iter({**rig.cameras, **rig.radars}))


def _check_cameras(rig: Rig, files: Mapping[str, Measurement], which: str, cure: str) -> None:
    missing = next((name for name in rig.cameras if name not in files), None)
    if missing:
        raise FileNotFoundError(f'{rig.path.parent}: no picture of {missing} {which}; add it, take the camera out of '
                                f'{rig.path.name}, {cure}')
