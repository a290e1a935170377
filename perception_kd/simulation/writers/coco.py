"""A whole simulated drone data set as COCO-video JSON: sequences in parallel, resumable."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from perception_kd.files import check_folder_target, write_bytes, write_json
from perception_kd.processes import run_unordered, single_threaded
from perception_kd.simulation.uav.casting import CATEGORIES
from perception_kd.simulation.uav.presets import UAVPreset, get_preset
from perception_kd.simulation.uav.sensor import encode
from perception_kd.simulation.uav.sequence import Sequence, draw_sequence
from perception_kd.simulation.uav.stamp import uav_stamp
from perception_kd.simulation.uav.truth import Sight
from perception_kd.simulation.writers.journal import Journal

INFO = 'uav_simulation.json'
"""What the data set was made with; tells that a folder holds one."""
SPLITS = ('train', 'val', 'test')
_MOST = 100_000
_TRACKS = 100
"""Instance ids that each sequence has for itself."""


@dataclass(frozen=True)
class _Job:
    root: Path
    split: str
    preset: UAVPreset
    seed: int
    index: int

    @property
    def entry(self) -> Path:
        """What the journal counts."""
        return self.root.parent / 'scenes' / f'{self.index:06d}.json'


def simulate_uav(
    out: str | Path,
    *,
    scenes: int = 60,
    seed: int = 0,
    preset: str | UAVPreset = 'tiny',
    workers: int | None = None,
    force: bool = False,
    echo: Callable[[str], None] = print,
) -> Path:
    """Write simulated sequences with drones, birds and aircraft; ``out`` gets all of them or nothing.

    Pictures are ``images/SPLIT/NNNNNN/FFFF.jpg``, truth is ``annotations/SPLIT.json`` (see :func:`sequence_rows`).
    Until all are finished they are kept beside ``out``; an interrupted run goes on with them when it is called again
    with the same arguments.

    Args:
        out: Data root to be.
        scenes: Number of sequences; of every six four are for training, one for validation, one for test.
        seed: Equal seeds give equal sequences, whatever the number of workers.
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
        OSError, MemoryError: a full disk or memory, or a worker that was killed; finished sequences stay.
    """
    out = Path(out).absolute()
    preset = get_preset(preset) if isinstance(preset, str) else preset
    workers = workers if workers is not None else min(max(scenes, 1), os.cpu_count() or 1)
    _check_numbers(scenes, seed, workers)
    _check_target(out, force)
    journal = Journal(out.with_name(f'.{out.name}.partial'), 'sequences')
    stamp = uav_stamp(preset, seed)
    arguments = {'stamp': stamp, 'scenes': scenes}
    jobs = [_Job(journal.data, split_of(index, scenes), preset, seed, index) for index in range(scenes)]
    with journal.building(out, arguments, echo):
        due = [job for job in jobs if not _finished(job)]
        with single_threaded(), tqdm(total=scenes, initial=scenes - len(due), desc='simulate', unit='sequence') as bar:
            for _ in run_unordered(_work, due, workers=min(workers, max(len(due), 1))):
                bar.update()
        for split in SPLITS:
            rows = [json.loads(job.entry.read_bytes()) for job in jobs if job.split == split]
            write_json(journal.data / 'annotations' / f'{split}.json', coco_video(rows, stamp), indent=None)
        write_json(journal.data / INFO, {**arguments, 'seed': seed, 'preset': asdict(preset)})
    return out


def split_of(index: int, scenes: int) -> str:
    """Of every six four are for training, the next for validation, the last for test; so are the last two of three to
    five."""
    if scenes < 6:
        left = scenes - index if scenes >= 3 else 3
        return {2: 'val', 1: 'test'}.get(left, 'train')
    return {4: 'val', 5: 'test'}.get(index % 6, 'train')


def sequence_rows(sequence: Sequence, sights: list[tuple[Sight, ...]], split: str) -> dict[str, Any]:
    """What the tables say of one sequence: ``video``, ``images`` and ``annotations``, these without ``id``.

    Targets to be ignored (see ``uav.truth``) have ``iscrowd`` 1. Beside COCO's fields an annotation has ``visible``
    (share of the target that is seen), ``contrast`` (Weber) and ``distance`` in m.
    """
    preset, index = sequence.preset, sequence.index
    video = {'id': index + 1, 'name': f'{index:06d}', 'width': preset.width, 'height': preset.height,
             'fps': preset.rate, 'weather': sequence.weather.name, 'camera': sequence.camera}  # fmt: skip
    images, annotations = [], []
    for frame, seen in enumerate(sights):
        image = index * preset.frames + frame + 1
        images.append({'id': image, 'file_name': file_name(split, index, frame), 'width': preset.width,
                       'height': preset.height, 'video_id': index + 1, 'frame_id': frame})  # fmt: skip
        annotations += [
            {'image_id': image, 'category_id': CATEGORIES.index(sight.category) + 1, 'bbox': list(sight.box),
             'area': sight.box[2] * sight.box[3], 'iscrowd': int(sight.ignored),
             'instance_id': _TRACKS * index + sight.track + 1, 'visible': round(sight.visible, 3),
             'contrast': round(sight.contrast, 3), 'distance': round(sight.distance, 2)} for sight in seen]  # fmt: skip
    return {'video': video, 'images': images, 'annotations': annotations}


def coco_video(rows: list[dict[str, Any]], stamp: str) -> dict[str, Any]:
    """The tables of a split from :func:`sequence_rows`; annotations are numbered from 1."""
    annotations = [row for sequence in rows for row in sequence['annotations']]
    return {
        'info': {'source': 'perception_kd, tools/simulate.py uav', 'licence': 'Apache-2.0', 'stamp': stamp},
        'categories': [{'id': number, 'name': name} for number, name in enumerate(CATEGORIES, 1)],
        'videos': [sequence['video'] for sequence in rows],
        'images': [row for sequence in rows for row in sequence['images']],
        'annotations': [{'id': number, **row} for number, row in enumerate(annotations, 1)],
    }


def file_name(split: str, index: int, frame: int) -> str:
    """Path of a picture below the data root."""
    return f'images/{split}/{index:06d}/{frame:04d}.jpg'


def _work(job: _Job) -> None:
    sequence, sights = draw_sequence(job.preset, job.seed, job.index), []
    for number, frame in enumerate(sequence.frames()):
        write_bytes(job.root / file_name(job.split, job.index, number), encode(frame.picture, sequence.sensor))
        sights.append(frame.sights)
    write_json(job.entry, sequence_rows(sequence, sights, job.split), indent=None)


def _finished(job: _Job) -> bool:
    if not job.entry.is_file():
        return False
    files = (job.root / file_name(job.split, job.index, frame) for frame in range(job.preset.frames))
    return all(file.is_file() and file.stat().st_size for file in files)


def _check_numbers(scenes: int, seed: int, workers: int) -> None:
    for name, value, least in (('scenes', scenes, 1), ('seed', seed, 0), ('workers', workers, 1)):
        if value < least:
            raise ValueError(f'{name} must be at least {least}, got {value}')
    if scenes > _MOST:
        raise ValueError(f'scenes must be at most {_MOST}, got {scenes}')


def _check_target(out: Path, force: bool) -> None:
    check_folder_target(out)
    if not out.exists() or not any(out.iterdir()):
        return
    if not force:
        raise FileExistsError(f'{out} is not empty; choose another folder or use --force')
    if not (out / INFO).is_file():
        raise FileExistsError(f'{out} holds no simulated drone sequences ({INFO}), so --force will not replace it; '
                              'choose another folder')
