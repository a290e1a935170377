"""A whole simulated data set in the nuScenes format: scenes in parallel, tables, splits, map."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tqdm import tqdm

from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.files import check_folder_target
from perception_kd.processes import run_unordered, single_threaded
from perception_kd.simulation.presets import WorldPreset, get_preset
from perception_kd.simulation.stamp import world_stamp
from perception_kd.simulation.town import map_mask
from perception_kd.simulation.writers.journal import Journal
from perception_kd.simulation.writers.nuscenes_scene import SceneJob, SceneResult, simulate_scene

VERSION = 'v1.0-sim'
SPLITS = ('sim_train', 'sim_val', 'sim_test')
_MOST_SCENES = 100_000


def simulate_nuscenes(
    out: str | Path,
    *,
    scenes: int = 12,
    seed: int = 0,
    preset: str | WorldPreset = 'tiny',
    workers: int | None = None,
    force: bool = False,
    echo: Callable[[str], None] = print,
) -> Path:
    """Write a simulated data set; ``out`` gets all of it or nothing.

    Until it is finished, scenes are kept beside ``out``; an interrupted run goes on with them when it is called
    again with the same arguments.

    Args:
        out: Data root to be; a ``v1.0-sim`` folder with the tables, ``samples``, ``sweeps`` and ``maps``.
        scenes: Number of scenes; a sixth each goes to ``sim_val`` and ``sim_test``.
        seed: Equal seeds give equal bytes, whatever the number of workers.
        preset: Its name, or a preset of one's own.
        workers: Processes; by default one for each processor. 1 stays in this process.
        force: Replace a simulated data set that is there.
        echo: Where it is said that an earlier run is continued, or not.

    Returns:
        ``out``.

    Raises:
        FileExistsError: ``out`` holds files and ``force`` is not given, or is no simulated data set.
        NotADirectoryError: ``out``, or a folder above it, is a file.
        BlockingIOError: another process is at it.
        ValueError: unknown preset, or a number out of its range.
        OSError, MemoryError: a full disk or memory, or a worker that was killed; finished scenes stay for the next
            run.
    """
    out = Path(out).absolute()
    preset = get_preset(preset) if isinstance(preset, str) else preset
    workers = workers if workers is not None else min(scenes, os.cpu_count() or 1)
    _check_numbers(scenes, seed, workers)
    _check_target(out, force)
    stamp = world_stamp(preset, seed)
    journal = Journal(out.with_name(f'.{out.name}.partial'))
    jobs = [
        SceneJob(journal.data, preset, seed, scene, split_of(scene, scenes), stamp) for scene in range(scenes)
    ]
    with journal.building(out, {'version': VERSION, 'stamp': stamp, 'scenes': scenes}, echo):
        _write_tables(journal.data, _run(jobs, workers, journal))
    return out


def split_of(scene: int, scenes: int) -> str:
    """A sixth of the scenes, one at least where there are three, goes to each of validation and test."""
    held_out = max(1, round(scenes / 6)) if scenes >= 3 else 0
    if scene < scenes - 2 * held_out:
        return SPLITS[0]
    return SPLITS[1] if scene < scenes - held_out else SPLITS[2]


def _check_numbers(scenes: int, seed: int, workers: int) -> None:
    for name, value, least in (('scenes', scenes, 1), ('seed', seed, 0), ('workers', workers, 1)):
        if value < least:
            raise ValueError(f'{name} must be at least {least}, got {value}')
    if scenes > _MOST_SCENES:
        raise ValueError(f'scenes must be at most {_MOST_SCENES}, got {scenes}')


def _check_target(out: Path, force: bool) -> None:
    check_folder_target(out)
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise FileExistsError(f'{out} is not empty; choose another folder or use --force')
    if not (out / VERSION).is_dir():
        raise FileExistsError(
            f'{out} holds no simulated data set ({VERSION}), so --force will not replace it; '
            'choose another folder'
        )


def _run(jobs: list[SceneJob], workers: int, journal: Journal) -> list[SceneResult]:
    """Results in the order of the jobs, with a progress bar on stderr."""
    due = [job for job in jobs if journal.find(job.name) is None]
    workers = min(workers, len(due))
    with single_threaded(), tqdm(total=len(jobs), initial=len(jobs) - len(due), desc='simulate', unit='scene') as bar:
        for _ in run_unordered(partial(_simulate, journal), due, workers=workers):
            bar.update()
    return [journal.find(job.name) for job in jobs]


def _simulate(journal: Journal, job: SceneJob) -> None:
    journal.add(job.name, simulate_scene(job))


def _write_tables(root: Path, results: list[SceneResult]) -> None:
    writer = NuScenesWriter(root, VERSION, force=True, salt=results[0].rows.salt)
    for split in SPLITS:
        writer.splits.setdefault(split, [])
    for result in results:
        writer.add(result.rows)
    writer.set_map_mask(map_mask([result.lot for result in results], [result.outline for result in results]))
    writer.finish()
