"""A whole simulated stereo data set in Middlebury's layout: pairs in parallel, resumable."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from perception_kd.datasets.stereo.pfm import write_pfm
from perception_kd.files import check_folder_target, write_bytes, write_json
from perception_kd.processes import run_unordered, single_threaded
from perception_kd.simulation.stereo.pair import StereoPair, simulate_pair
from perception_kd.simulation.stereo.presets import StereoPreset, get_preset
from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.stamp import stereo_stamp
from perception_kd.simulation.writers.journal import Journal
from perception_kd.visualization.movie import png_bytes

INFO = 'stereo_simulation.json'
"""What the data set was made with; tells that a folder holds one."""
SPLITS = ('train', 'val', 'test')
FILES = ('im0.png', 'im1.png', 'disp0.pfm', 'disp1.pfm', 'mask0nocc.png', 'mask1nocc.png', 'calib.txt')
_MOST = 1_000_000


@dataclass(frozen=True)
class _Job:
    folder: Path
    preset: StereoPreset
    seed: int
    index: int


def simulate_stereo(
    out: str | Path,
    *,
    count: int = 100,
    seed: int = 0,
    preset: str | StereoPreset = 'tiny',
    workers: int | None = None,
    force: bool = False,
    echo: Callable[[str], None] = print,
) -> Path:
    """Write simulated stereo pairs; ``out`` gets all of them or nothing.

    Each pair is a folder ``SPLIT/NNNNNN`` with ``FILES``: pictures, disparity in px of both views, masks (255: visible
    in both views, 128: in this one only) and the calibration. Until all are finished they are kept beside ``out``; an
    interrupted run goes on with them when it is called again with the same arguments.

    Args:
        out: Data root to be.
        count: Number of pairs; a tenth each, one at least where there are three, goes to ``val`` and ``test``.
        seed: Equal seeds give equal pairs, whatever the number of workers.
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
        OSError, MemoryError: a full disk or memory, or a worker that was killed; finished pairs stay for the next run.
    """
    out = Path(out).absolute()
    preset = get_preset(preset) if isinstance(preset, str) else preset
    workers = workers if workers is not None else min(count, os.cpu_count() or 1)
    _check_numbers(count, seed, workers)
    _check_target(out, force)
    journal = Journal(out.with_name(f'.{out.name}.partial'), 'pairs')
    arguments = {'stamp': stereo_stamp(preset, seed), 'count': count}
    jobs = [_Job(journal.data / split_of(index, count) / f'{index:06d}', preset, seed, index) for index in range(count)]
    with journal.building(out, arguments, echo):
        due = [job for job in jobs if not _finished(job.folder)]
        with single_threaded(), tqdm(total=count, initial=count - len(due), desc='simulate', unit='pair') as bar:
            for _ in run_unordered(_work, due, workers=min(workers, max(len(due), 1))):
                bar.update()
        write_json(journal.data / INFO, {**arguments, 'seed': seed, 'preset': asdict(preset)})
    return out


def split_of(index: int, count: int) -> str:
    """The last tenth is for testing, the tenth before it for validation."""
    held_out = max(1, round(count / 10)) if count >= 3 else 0
    if index < count - 2 * held_out:
        return SPLITS[0]
    return SPLITS[1] if index < count - held_out else SPLITS[2]


def write_pair(folder: str | Path, pair: StereoPair) -> None:
    """Write ``FILES`` of a pair, each atomically; the calibration last."""
    folder = Path(folder)
    for number, picture in enumerate((pair.left, pair.right)):
        write_bytes(folder / f'im{number}.png', png_bytes(picture))
        truth = pair.truth[number]
        write_pfm(folder / f'disp{number}.pfm', truth.disparity)
        mask = np.where(truth.noc, 255, 128).astype(np.uint8)
        write_bytes(folder / f'mask{number}nocc.png', cv2.imencode('.png', mask)[1].tobytes())
    most = max(float(truth.disparity.max()) for truth in pair.truth)
    least = min(float(truth.disparity.min()) for truth in pair.truth)
    write_bytes(folder / 'calib.txt', calibration_text(pair.rig, least, most).encode())


def calibration_text(rig: Rig, least: float, most: float) -> str:
    """Middlebury's calib.txt (baseline in mm) of a rig, for disparity from ``least`` to ``most`` px."""
    (x, y), f = rig.centre, rig.focal
    lines = {'cam0': f'[{f:.6f} 0 {x:.6f}; 0 {f:.6f} {y:.6f}; 0 0 1]',
             'cam1': f'[{f:.6f} 0 {x + rig.doffs:.6f}; 0 {f:.6f} {y:.6f}; 0 0 1]',
             'doffs': f'{rig.doffs:.6f}', 'baseline': f'{1000 * rig.baseline:.6f}', 'width': rig.width,
             'height': rig.height, 'ndisp': int(np.ceil(most)) + 1, 'isint': 0, 'vmin': int(least),
             'vmax': int(np.ceil(most)), 'dyavg': 0, 'dymax': 0}  # fmt: skip
    return ''.join(f'{name}={value}\n' for name, value in lines.items())


def _work(job: _Job) -> None:
    write_pair(job.folder, simulate_pair(job.preset, job.seed, job.index))
    write_json(job.folder.parents[2] / 'scenes' / f'{job.index:06d}.json', {})  # what the journal counts


def _finished(folder: Path) -> bool:
    done = (folder.parents[2] / 'scenes' / f'{folder.name}.json').is_file()
    return done and all((folder / name).is_file() for name in FILES)


def _check_numbers(count: int, seed: int, workers: int) -> None:
    for name, value, least in (('count', count, 1), ('seed', seed, 0), ('workers', workers, 1)):
        if value < least:
            raise ValueError(f'{name} must be at least {least}, got {value}')
    if count > _MOST:
        raise ValueError(f'count must be at most {_MOST}, got {count}')


def _check_target(out: Path, force: bool) -> None:
    check_folder_target(out)
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise FileExistsError(f'{out} is not empty; choose another folder or use --force')
    if not (out / INFO).is_file():
        raise FileExistsError(f'{out} holds no simulated stereo pairs ({INFO}), so --force will not replace it; '
                              'choose another folder')
