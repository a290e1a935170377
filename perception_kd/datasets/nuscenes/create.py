"""Makes the info files of a root: in parallel, scene by scene, and going on where it was interrupted."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from perception_kd.datasets.nuscenes.infos import sample_info
from perception_kd.datasets.nuscenes.missing_radar import RadarGaps
from perception_kd.datasets.nuscenes.stamp import load_infos, load_plain_pickle, make_stamp, save_infos
from perception_kd.datasets.nuscenes.tables import NuScenesTables, simulated_world, split_scenes, table_folder
from perception_kd.files import check_folder_target, write_bytes
from perception_kd.processes import run_unordered

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

    def stamp(self, split: str, missing_radar: int = 0) -> dict[str, Any]:
        """Stamp of one split's file; a file with the stamp of a whole data set need not be made again."""
        return make_stamp(version=self.version, split=split, lidar_sweeps=self.lidar_sweeps,
                          radar_sweeps=self.radar_sweeps, tables=self.fingerprint,
                          world=simulated_world(self.root, self.version), missing_radar=missing_radar)

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

    @property
    def parts(self) -> Path:
        """Folder of finished scenes; its name changes with everything that decides their content."""
        name = f'{self.version}-{self.fingerprint}-{self.lidar_sweeps}-{self.radar_sweeps}'
        return self.out / f'{PARTS}{name}'


def create_infos(job: InfoJob, *, splits: list[str] | None = None, workers: int = 0, force: bool = False,
                 strict: bool = False, echo: Callable[[str], None] = print) -> dict[str, Path]:
    """Write ``nuscenes_infos_<split>.pkl`` for the splits of a version.

    Files that are up to date are kept. An interrupted run leaves its finished scenes, and the next one
    goes on from them. Radar files that are not there are left out and told; infos with such gaps are made
    again by the next run, which may find more.

    Args:
        job: What to make and where.
        splits: Names; default all splits of the version that have scenes in the tables.
        workers: Processes; 0 or 1 works in this one.
        force: Make files and parts again.
        strict: A missing radar file is an error.
        echo: Where report lines go.

    Returns:
        Split -> its file.

    Raises:
        FileNotFoundError: root, version or a table is missing; with ``strict``, a radar file.
        NotADirectoryError: the output folder, or one above it, is a file.
        ValueError: an unknown split, or one without a scene in the tables.
    """
    check_folder_target(job.out)
    scenes = _wanted(split_scenes(job.root, job.version), splits, job)
    if force:
        shutil.rmtree(job.parts, ignore_errors=True)
    due = [name for name in scenes if not _up_to_date(job, name) or force]
    for name in set(scenes) - set(due):
        echo(f'{job.info_file(name)}: up to date')
    if due:
        chosen = {name: scenes[name] for name in due}
        _make(job, chosen, explicit=splits is not None, workers=workers, strict=strict, echo=echo)
    return {name: job.info_file(name) for name in scenes if job.info_file(name).is_file()}


def _make(job: InfoJob, scenes: dict[str, list[str]], *, explicit: bool, workers: int, strict: bool,
          echo: Callable[[str], None]) -> None:
    tables = NuScenesTables(job.root, job.version)
    known = set(tables.scene_names)
    chosen = {name: [scene for scene in listed if scene in known] for name, listed in scenes.items()}
    for name in [name for name, found in chosen.items() if not found]:
        if explicit:
            raise ValueError(f'split {name}: none of its {len(scenes[name])} scenes is in {tables.folder}')
        echo(f'split {name}: skipped, none of its {len(scenes[name])} scenes is in {tables.folder}')
        del chosen[name]
    due = dict.fromkeys(scene for found in chosen.values() for scene in found)
    missing = [scene for scene in due if not _is_whole(_part(job, scene))]
    for _ in track(_run(job, tables, missing, workers), 'scenes', len(missing), console=Console(stderr=True)):
        pass
    for name, found in chosen.items():
        gaps = RadarGaps(job.root, tables.radar_channels)
        infos = _assemble(job, found, gaps)
        if strict and gaps.count:
            raise FileNotFoundError(f'split {name}: {gaps}; fetch them, or run without --strict to leave them out')
        save_infos(job.info_file(name), job.stamp(name, gaps.count), infos)
        boxes = sum(len(info['instances']) for info in infos)
        echo(f'{job.info_file(name)}: {len(found)} scenes, {len(infos)} key frames, {boxes} boxes')
        if gaps.count:
            echo(f'left out: {gaps}')
    for parts in job.out.glob(f'{PARTS}{job.version}-*'):  # of earlier settings and tables too
        shutil.rmtree(parts, ignore_errors=True)


def _is_whole(part: Path) -> bool:
    try:
        load_plain_pickle(part)
    except (FileNotFoundError, ValueError):
        return False
    return True


def _assemble(job: InfoJob, scenes: list[str], gaps: RadarGaps) -> list[dict[str, Any]]:
    infos = [info for scene in scenes for info in load_plain_pickle(_part(job, scene))]
    for index, info in enumerate(infos):
        info['sample_idx'] = index
        gaps.close(info)
    return infos


def _wanted(available: dict[str, list[str]], splits: list[str] | None, job: InfoJob) -> dict[str, list[str]]:
    unknown = sorted(set(splits or ()) - set(available))
    if unknown:
        raise ValueError(f'{job.version} has no split {", ".join(unknown)}; it has {", ".join(available)}')
    return {name: scenes for name, scenes in available.items() if splits is None or name in splits}


def _up_to_date(job: InfoJob, split: str) -> bool:
    stamp = job.stamp(split)  # reads a table: a root without it is refused before any work
    try:
        metainfo, _ = load_infos(job.info_file(split))
    except (FileNotFoundError, ValueError):
        return False
    return metainfo == stamp


def _part(job: InfoJob, scene: str) -> Path:
    return job.parts / f'{scene}.pkl'


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
    job, tables = _shared['job'], _shared['tables']
    infos = [sample_info(tables, sample, lidar_sweeps=job.lidar_sweeps, radar_sweeps=job.radar_sweeps)
             for sample in tables.samples_of_scene(scene)]
    write_bytes(_shared['parts'] / f'{scene}.pkl', pickle.dumps(infos, protocol=4))
