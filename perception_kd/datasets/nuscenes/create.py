"""Makes the info files of a root: in parallel, scene by scene, and going on where it was interrupted."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, track

from perception_kd.datasets.nuscenes.info_writer import InfoWriter, open_info_file, pack, unpack
from perception_kd.datasets.nuscenes.infos import scene_infos
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables, bytes_to_read
from perception_kd.datasets.nuscenes.missing_files import MissingFiles, holds_sensor_files
from perception_kd.datasets.nuscenes.sensor_files import sensor_files
from perception_kd.datasets.nuscenes.stamp import load_plain_pickle, load_stamp, make_stamp
from perception_kd.datasets.nuscenes.tables import simulated_world, split_scenes, table_folder
from perception_kd.files import check_folder_target, write_bytes, write_json
from perception_kd.processes import collection_paused, run_unordered

PARTS = '.nuscenes_infos_parts-'
_FINGERPRINT_BYTES = 1 << 20


@dataclass(frozen=True)
class InfoJob:
    """What to make. ``out`` is the folder of the info files and of the unfinished parts."""

    root: Path
    version: str
    out: Path
    lidar_sweeps: int = 9
    radar_sweeps: int = 6

    def stamp(self, split: str, missing_files: int | None = 0, left_out: int = 0) -> dict[str, Any]:
        """Stamp of one split's file; a file with the stamp of a whole data set need not be made again.

        Args:
            split: Its name.
            missing_files: Sensor files that were not there; None: they were not looked for.
            left_out: Key frames that were left out for it.
        """
        return make_stamp(version=self.version, split=split, lidar_sweeps=self.lidar_sweeps,
                          radar_sweeps=self.radar_sweeps, tables=self.fingerprint,
                          world=simulated_world(self.root, self.version), missing_files=missing_files,
                          left_out=left_out)

    @cached_property
    def fingerprint(self) -> str:
        """Changes when the tables change: names, sizes, first and last megabyte of each."""
        digest = hashlib.sha256()
        for path in sorted(table_folder(self.root, self.version).glob('*.json')):
            size = path.stat().st_size
            digest.update(f'{path.name} {size}'.encode())
            with path.open('rb') as file:
                digest.update(file.read(_FINGERPRINT_BYTES))
                file.seek(max(size - _FINGERPRINT_BYTES, 0))
                digest.update(file.read(_FINGERPRINT_BYTES))
        return digest.hexdigest()[:16]

    def info_file(self, split: str) -> Path:
        """Where the infos of a split go."""
        return self.out / f'nuscenes_infos_{split}.pkl'

    def missing_file(self, split: str) -> Path:
        """Where the list of what is missing goes, if anything is."""
        return self.out / f'nuscenes_infos_{split}_missing.json'

    @property
    def parts(self) -> Path:
        """Folder of finished scenes; its name changes with everything that decides their content."""
        name = f'{self.version}-{self.fingerprint}-{self.lidar_sweeps}-{self.radar_sweeps}'
        return self.out / f'{PARTS}{name}'


def create_infos(job: InfoJob, *, splits: list[str] | None = None, workers: int = 0, force: bool = False,
                 strict: bool = False, max_missing: int = 0,
                 echo: Callable[[str], None] = print) -> dict[str, Path]:
    """Write ``nuscenes_infos_<split>.pkl`` for the splits of a version.

    Files that are up to date are kept. An interrupted run leaves its finished scenes, and the next one
    goes on from them. Sweeps and radar files that are not there are left out and told, and so are key frames
    without their LiDAR or a picture, if they may be missing; infos with such gaps are made again by the next
    run, which may find more. In a root of tables alone no sensor file is looked for.

    Args:
        job: What to make and where.
        splits: Names; default all splits of the version that have scenes in the tables.
        workers: Processes; 0 or 1 works in this one.
        force: Make files and parts again.
        strict: A missing sensor file is an error.
        max_missing: So many key frames of all splits together may be left out.
        echo: Where report lines go.

    Returns:
        Split -> its file.

    Raises:
        FileNotFoundError: root, version or a table is missing; with ``strict``, a sensor file; the LiDAR or a picture
            of more than ``max_missing`` key frames. Nothing is written then.
        NotADirectoryError: the output folder, or one above it, is a file.
        ValueError: an unknown split, or one without a scene in the tables.
    """
    check_folder_target(job.out)
    scenes = _wanted(split_scenes(job.root, job.version), splits, job)
    if force:
        shutil.rmtree(job.parts, ignore_errors=True)
    due = [name for name in scenes if not _up_to_date(job, name) or force]
    for name in [name for name in scenes if name not in due]:
        echo(f'{job.info_file(name)}: up to date')
    if due:
        chosen = {name: scenes[name] for name in due}
        with collection_paused():  # which would look at millions of objects again and again, and find nothing
            _make(job, chosen, explicit=splits is not None, workers=workers, most=-1 if strict else max_missing,
                  echo=echo)
    return {name: job.info_file(name) for name in scenes if job.info_file(name).is_file()}


def _make(job: InfoJob, scenes: dict[str, list[str]], *, explicit: bool, workers: int, most: int,
          echo: Callable[[str], None]) -> None:
    tables = _read_tables(job)
    known = set(tables.scene_names)
    chosen = {name: [scene for scene in listed if scene in known] for name, listed in scenes.items()}
    for name in [name for name, found in chosen.items() if not found]:
        if explicit:
            raise ValueError(f'split {name}: none of its {len(scenes[name])} scenes is in {tables.folder}')
        echo(f'split {name}: skipped, none of its {len(scenes[name])} scenes is in {tables.folder}')
        del chosen[name]
    for name, found in chosen.items():
        if len(found) < len(scenes[name]):
            echo(f'split {name}: only {len(found)} of its {len(scenes[name])} scenes are in {tables.folder}; what is '
                 'made from them, a result file for the server too, is not complete')
    due = dict.fromkeys(scene for found in chosen.values() for scene in found)
    missing = [scene for scene in due if _load_part(job, scene) is None]
    for _ in track(_run(job, tables, missing, workers), 'scenes', len(missing), console=Console(stderr=True)):
        pass
    _assemble(job, tables, chosen, most=most, echo=echo)
    for parts in job.out.glob(f'{PARTS}{job.version}-*'):  # of earlier settings and tables too
        shutil.rmtree(parts, ignore_errors=True)


def _read_tables(job: InfoJob) -> NuScenesTables:
    with Progress(*Progress.get_default_columns(), console=Console(stderr=True)) as progress:
        task = progress.add_task('tables', total=bytes_to_read(job.root, job.version))
        return NuScenesTables(job.root, job.version, lambda count: progress.advance(task, count))


def _assemble(job: InfoJob, tables: NuScenesTables, chosen: dict[str, list[str]], *, most: int,
              echo: Callable[[str], None]) -> None:
    """Put the info files of all splits together; none is there before all are whole."""
    looked = holds_sensor_files(job.root)
    gaps = {name: MissingFiles(job.root, tables.radar_channels) for name in chosen}
    lines: list[str] = []
    with ExitStack() as stack:
        for name, found in chosen.items():
            out = stack.enter_context(open_info_file(job.info_file(name)))
            boxes = _add_scenes(job, tables, found, out, gaps[name] if looked else None)
            out.finish(job.stamp(name, gaps[name].count if looked else None, len(gaps[name].left_out)))
            lines.append(f'{job.info_file(name)}: {len(found)} scenes, {out.count} key frames, {boxes} boxes')
        _check_gaps(gaps, most)
    for name, line in zip(chosen, lines):
        echo(line)
        _report_gaps(job, name, gaps[name], echo)
    if not looked:
        echo(f'{job.root} has neither samples/ nor sweeps/: no sensor file was looked for')


def _add_scenes(job: InfoJob, tables: NuScenesTables, scenes: list[str], out: InfoWriter,
                gaps: MissingFiles | None) -> int:
    """Add the infos of a split's scenes, those with gaps in their sensor files closed; returns the number of boxes."""
    cameras, boxes = tables.channels_of(scenes, 'camera'), 0
    wanted = {*cameras, *tables.radar_channels}
    for scene in track(scenes, out.path.name, console=Console(stderr=True)):
        part = _load_part(job, scene)
        packed = part['infos']
        if gaps and not (gaps.none_of(part['files']) and all(wanted <= set(one) for one in part['channels'])):
            infos = gaps.close(list(map(unpack, packed)), cameras)
            packed = list(map(pack, infos))
            boxes += sum(len(info['instances']) for info in infos)
        else:
            boxes += part['boxes']
        for one in packed:
            out.add(one)
    return boxes


def _check_gaps(gaps: dict[str, MissingFiles], most: int) -> None:
    """``most``: key frames that may be left out; -1: not a file may be missing."""
    left_out = sum(len(one.left_out) for one in gaps.values())
    for name, one in gaps.items():
        if one.count and most < 0:
            raise FileNotFoundError(f'split {name}: {one}; fetch them, or run without --strict to leave them out')
        if one.left_out and left_out > most:
            raise FileNotFoundError(f'split {name}: {len(one.left_out)} key frames lack their LiDAR or a picture, '
                                    f'and {one}; fetch them, or leave such key frames out with '
                                    f'--max-missing {left_out} (now {most})')


def _report_gaps(job: InfoJob, split: str, gaps: MissingFiles, echo: Callable[[str], None]) -> None:
    if not gaps.count:
        job.missing_file(split).unlink(missing_ok=True)
        return
    write_json(job.missing_file(split), gaps.report())
    frames = f'{len(gaps.left_out)} key frames without LiDAR or a picture; ' if gaps.left_out else ''
    echo(f'left out: {frames}{gaps} (all in {job.missing_file(split).name})')


def _wanted(available: dict[str, list[str]], splits: list[str] | None, job: InfoJob) -> dict[str, list[str]]:
    unknown = sorted(set(splits or ()) - set(available))
    if unknown:
        raise ValueError(f'{job.version} has no split {", ".join(unknown)}; it has {", ".join(available)}')
    return {name: scenes for name, scenes in available.items() if splits is None or name in splits}


def _up_to_date(job: InfoJob, split: str) -> bool:
    stamp = job.stamp(split)  # reads a table: a root without it is refused before any work
    try:
        return load_stamp(job.info_file(split)) == stamp
    except (FileNotFoundError, ValueError):
        return False


def _part(job: InfoJob, scene: str) -> Path:
    return job.parts / f'{scene}.pkl'


def _load_part(job: InfoJob, scene: str) -> dict[str, Any] | None:
    """What :func:`_write_part` wrote; None where it is not there, not whole, or of an older form."""
    try:
        part = load_plain_pickle(_part(job, scene))
    except (FileNotFoundError, ValueError):
        return None
    return part if isinstance(part, dict) else None


# Read-only in the workers: forked processes share the tables' memory with their parent.
_shared: dict[str, Any] = {}


def _run(job: InfoJob, tables: NuScenesTables, scenes: list[str], workers: int) -> Iterator[None]:
    """Write the part of every scene; yields after each."""
    _shared.update(job=job, tables=tables, parts=job.parts)
    job.parts.mkdir(parents=True, exist_ok=True)
    try:
        workers = min(workers, len(scenes)) if hasattr(os, 'fork') else 1
        yield from run_unordered(_write_part, scenes, workers=workers, method='fork')
    finally:
        _shared.clear()


def _write_part(scene: str) -> None:
    """The infos of a scene, ready for the info file, and what is asked of them before they go there."""
    job, tables = _shared['job'], _shared['tables']
    infos = scene_infos(tables, scene, lidar_sweeps=job.lidar_sweeps, radar_sweeps=job.radar_sweeps)
    files: dict[str, dict[str, None]] = defaultdict(dict)
    for file in (file for info in infos for file in sensor_files(info)):
        files[file.channel][file.path] = None
    part = {'infos': list(map(pack, infos)), 'boxes': sum(len(info['instances']) for info in infos),
            'channels': [[*info['images'], *info['radar_points']] for info in infos],
            'files': {channel: list(paths) for channel, paths in files.items()}}
    write_bytes(_shared['parts'] / f'{scene}.pkl', pickle.dumps(part, protocol=4))
