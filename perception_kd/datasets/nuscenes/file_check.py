"""Whether the sensor files that infos name are there and whole: before a training finds out in its third night."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from perception_kd.datasets.nuscenes.formats import LIDAR_FIELDS, RADAR_FIELDS, read_lidar_bin, read_radar_pcd
from perception_kd.datasets.nuscenes.sensor_files import SensorFile, sensor_files
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.nuscenes.tables import table_folder
from perception_kd.datasets.pictures import glance_at_jpeg, read_image
from perception_kd.processes import run_unordered

KINDS = ('missing', 'empty', 'truncated', 'corrupt', 'wrong size', 'not finite')
NAMED = 10
"""How many faulty files are named on the screen."""

_MEASURED = [RADAR_FIELDS.index(name) for name in ('x', 'y', 'z', 'rcs', 'vx_comp', 'vy_comp')]


@dataclass(frozen=True)
class FileFault:
    """What is wrong with one file; ``kind`` is one of ``KINDS``."""

    path: str
    channel: str
    kind: str
    detail: str


@dataclass
class FileReport:
    """What a check found.

    ``checked``: files by channel; ``key_frames``: how many there are; ``affected``: tokens of those that name a faulty
    file, which a data set would call corrupt if it reads that file.
    """

    checked: Counter[str] = field(default_factory=Counter)
    faults: list[FileFault] = field(default_factory=list)
    key_frames: int = 0
    affected: list[str] = field(default_factory=list)

    def add(self, other: FileReport) -> None:
        """Take over what was found in other scenes."""
        self.checked.update(other.checked)
        self.faults += other.faults
        self.key_frames += other.key_frames
        self.affected += other.affected

    def counts(self) -> dict[str, dict[str, int]]:
        """Channel -> kind -> number of faulty files."""
        table: dict[str, dict[str, int]] = {}
        for fault in self.faults:
            row = table.setdefault(fault.channel, {})
            row[fault.kind] = row.get(fault.kind, 0) + 1
        return table

    def as_json(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {'key_frames': self.key_frames, 'checked': dict(sorted(self.checked.items())),
                'faulty_files': len(self.faults), 'counts': self.counts(),
                'affected_key_frames': self.affected, 'faults': [asdict(fault) for fault in self.faults]}

    def lines(self) -> Iterator[str]:
        """For the screen: one line in all, one for each sensor with faults, and the first files by name."""
        yield (f'{sum(self.checked.values())} files of {self.key_frames} key frames: {len(self.faults)} faulty, '
               f'in {len(self.affected)} key frames')
        for channel, kinds in self.counts().items():
            yield f'  {channel}: ' + ', '.join(f'{count} {kind}' for kind, count in kinds.items())
        for fault in self.faults[:NAMED]:
            yield f'  {fault.kind}: {fault.detail}'
        if len(self.faults) > NAMED:
            yield f'  and {len(self.faults) - NAMED} more'


def check_info_files(root: str | Path, version: str, paths: Sequence[Path] = (), *, deep: bool = False,
                     workers: int = 0) -> FileReport:
    """:func:`check_files` of whole info files.

    Args:
        root: Data root.
        version: Of the data set; info files of others are refused.
        paths: Info files; none: all ``nuscenes_infos_*.pkl`` of the version in the root.
        deep, workers: As there.

    Raises:
        FileNotFoundError: no root, version or info file.
        ValueError: an info file that is damaged, or of another version.
    """
    table_folder(root, version)
    report, known = FileReport(), 0
    for path in paths or sorted(Path(root).glob('nuscenes_infos_*.pkl')):
        stamp, infos = load_infos(path)
        if stamp['version'] == version:
            report.add(check_files(root, infos, deep=deep, workers=workers))
            known += 1
        elif paths:
            raise ValueError(f'{path} is of version {stamp["version"]}, not {version}')
    if not known:
        raise FileNotFoundError(f'{root} has no info file of {version}; make them with: python tools/create_data.py '
                                'nuscenes, or name them with --infos')
    return report


def check_files(root: str | Path, infos: Sequence[dict[str, Any]], *, deep: bool = False,
                workers: int = 0) -> FileReport:
    """Look at every file that the infos name, once.

    A glance sees whether a file is there, whether its size fits, for a picture its beginning, end and size in pixels;
    radar files are read. A deep look reads LiDAR files for points that are not finite and decodes every picture.

    Args:
        root: Data root.
        infos: Infos of any number of scenes.
        deep: Read everything.
        workers: Processes; 0 or 1 works in this one.

    Returns:
        Faults in the order of the infos.
    """
    scenes: dict[str, list[dict[str, Any]]] = {}
    for info in infos:
        scenes.setdefault(info['scene_token'], []).append(info)
    report, found = FileReport(), {}
    _shared.update(root=Path(root), scenes=scenes, deep=deep)
    try:
        workers = min(workers, len(scenes)) if hasattr(os, 'fork') else 1
        done = run_unordered(_check_scene, scenes, workers=workers, method='fork')
        for scene, part in track(done, 'scenes', len(scenes), console=Console(stderr=True)):
            found[scene] = part
    finally:
        _shared.clear()
    for scene in scenes:
        report.add(found[scene])
    return report


def check_file(root: str | Path, file: SensorFile, *, deep: bool = False) -> FileFault | None:
    """What is wrong with a file, if anything; see :func:`check_files`."""
    path = Path(root) / file.path
    try:
        size = path.stat().st_size
        wrong = ('empty', f'{path}: empty; fetch the file again') if not size else _LOOKS[file.modality](
            path, file, size, deep)
    except FileNotFoundError:
        wrong = 'missing', f'{path}: no such file'
    except (OSError, ValueError) as error:
        cut = str(error).removeprefix(f'{path}: ').startswith('truncated')
        wrong = 'truncated' if cut else 'corrupt', str(error)
    return FileFault(file.path, file.channel, *wrong) if wrong else None


def _lidar(path: Path, file: SensorFile, size: int, deep: bool) -> tuple[str, str] | None:
    if deep or size % (4 * len(LIDAR_FIELDS)):  # the reader says what is wrong with the size
        return _finite(path, read_lidar_bin(path)[:, :4])
    return None


def _radar(path: Path, file: SensorFile, size: int, deep: bool) -> tuple[str, str] | None:
    return _finite(path, read_radar_pcd(path)[:, _MEASURED])


def _camera(path: Path, file: SensorFile, size: int, deep: bool) -> tuple[str, str] | None:
    pixels = glance_at_jpeg(path)
    if deep or pixels is None:
        pixels = read_image(path).shape[:2]
    if file.size is not None and tuple(pixels) != tuple(file.size):
        return 'wrong size', (f'{path}: the picture has {pixels[1]} x {pixels[0]} pixels, its calibration is for '
                              f'{file.size[1]} x {file.size[0]}')
    return None


_LOOKS: dict[str, Callable[[Path, SensorFile, int, bool], tuple[str, str] | None]] = {
    'lidar': _lidar, 'radar': _radar, 'camera': _camera}


def _finite(path: Path, points: np.ndarray) -> tuple[str, str] | None:
    bad = len(points) - np.count_nonzero(np.isfinite(points).all(axis=1))
    return ('not finite', f'{path}: {bad} of {len(points)} points hold NaN or infinity') if bad else None


# Read-only in the workers: forked processes share the infos' memory with their parent.
_shared: dict[str, Any] = {}


def _check_scene(scene: str) -> tuple[str, FileReport]:
    infos = _shared['scenes'][scene]
    files = {file.path: file for info in infos for file in sensor_files(info)}
    faults = {path: fault for path, file in files.items()
              if (fault := check_file(_shared['root'], file, deep=_shared['deep']))}
    affected = [info['token'] for info in infos if _names_any(info, faults)] if faults else []
    return scene, FileReport(Counter(file.channel for file in files.values()), list(faults.values()), len(infos),
                             affected)


def _names_any(info: dict[str, Any], faults: Iterable[str]) -> bool:
    return any(file.path in faults for file in sensor_files(info))
