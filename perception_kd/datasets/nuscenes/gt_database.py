"""Makes a ground-truth database: the points inside of every true box of a split, for pasting into other key frames.

In parallel, scene by scene, and going on where it was interrupted. Points are those that training sees: the same
loading, sweeps and their ages included.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import track

from perception_kd.datasets.box_tests import points_of_boxes
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.gt_layouts import LAYOUTS
from perception_kd.datasets.nuscenes.gt_objects import OBJECT
from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS, load_infos, load_plain_pickle, load_stamp, make_stamp
from perception_kd.datasets.transforms.boxes import LoadBoxes3D
from perception_kd.datasets.transforms.lidar import LoadLidarSweeps
from perception_kd.files import check_folder_target, fingerprint, write_bytes, write_json
from perception_kd.processes import run_unordered
from perception_kd.structures.classes import NUSCENES_CLASSES

_PARTS = 'parts'  # unfinished work, inside of the database's folder
_FORM = 1  # of the files; another number makes old ones again


@dataclass(frozen=True)
class GTDatabaseJob:
    """What to make.

    Args:
        root: Data root.
        infos: Info file of a training split.
        out: Folder of the index file and of the folder of points.
        sweeps: Earlier LiDAR sweeps whose points are taken too; as many as the training loads.
        layout: ``packed``: one file a scene, for ``PasteObjects``; ``mmdet3d``: one file an object, for mmdet3d's
            ``ObjectSample``.
    """

    root: Path
    infos: Path
    out: Path
    sweeps: int = 9
    layout: Literal['packed', 'mmdet3d'] = 'packed'

    @cached_property
    def frames(self) -> list[tuple[str, str]]:
        """Tokens of the split's key frames and of their scenes."""
        return [(info['token'], info['scene_token']) for info in load_infos(self.infos)[1]]

    @cached_property
    def stamp(self) -> dict[str, Any]:
        """Stamp of the database, from that of the info file."""
        source = load_stamp(self.infos)
        return make_stamp(version=source['version'], split=source['split'], sweeps=self.sweeps, layout=self.layout,
                          infos=fingerprint(self.infos), world=source.get('world', ''), form=_FORM,
                          **{key: source[key] for key in (PSEUDO_LABELS,) if key in source})

    @property
    def name(self) -> str:
        """Begins the names of this layout's folders, whatever decides their content."""
        return f'nuscenes_gt_database_{self.stamp["split"]}-{self.layout}-'

    @cached_property
    def folder(self) -> Path:
        """Folder of the points; its name changes with everything that decides their content."""
        digest = hashlib.sha256(json.dumps(self.stamp, sort_keys=True).encode()).hexdigest()
        return self.out / f'{self.name}{digest[:10]}'

    @property
    def index(self) -> Path:
        """The index file."""
        return self.out / LAYOUTS[self.layout].index.format(split=self.stamp['split'])


def create_gt_database(job: GTDatabaseJob, *, workers: int = 0, force: bool = False, max_corrupt: int = 0,
                       echo: Callable[[str], None] = print) -> Path:
    """Write the database of a split.

    A database that is up to date is kept. An interrupted run leaves its finished scenes, and the next one goes on from
    them. An older database of the layout is there until the new one is whole.

    Args:
        job: What to make and where.
        workers: Processes; 0 or 1 works in this one.
        force: Remove database and parts, and make everything again.
        max_corrupt: So many key frames whose files are missing or broken may be left out; they are told.
        echo: Where report lines go.

    Returns:
        The index file.

    Raises:
        FileNotFoundError, ValueError: info file, root or version are missing or damaged; another layout; more corrupt
            key frames than may be.
    """
    if job.layout not in LAYOUTS:
        raise ValueError(f'layout must be one of {", ".join(LAYOUTS)}, got {job.layout!r}')
    check_folder_target(job.out)
    if not force and (left_out := _up_to_date(job)) is not None:
        again = f'; {left_out} corrupt key frames were left out: --force makes it again' if left_out else ''
        echo(f'{job.index}: up to date{again}')
        return job.index
    if force:
        job.index.unlink(missing_ok=True)
        shutil.rmtree(job.folder, ignore_errors=True)
    dataset = NuScenesRadarDataset(ann_file=str(job.infos), data_root=str(job.root), cameras=[], radars=[])
    scenes: dict[str, list[int]] = {}
    for row, (_, scene) in enumerate(job.frames):
        scenes.setdefault(scene, []).append(row)
    _make_parts(job, dataset, scenes, workers, max_corrupt)
    _finish(job, list(scenes), echo)
    return job.index


def _up_to_date(job: GTDatabaseJob) -> int | None:
    """How many key frames a finished database lacks; None: there is none."""
    stamp = json.loads(json.dumps(job.stamp))
    try:
        said = json.loads((job.folder / 'stamp.json').read_bytes())
        return len(said['left_out']) if job.index.is_file() and said['stamp'] == stamp else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _make_parts(job: GTDatabaseJob, dataset: NuScenesRadarDataset, scenes: dict[str, list[int]], workers: int,
                max_corrupt: int) -> None:
    """Points and part of every scene that has none yet, or one with gaps: the files may be there now."""
    due = [scene for scene in scenes if (_read_part(job, scene) or (b'', ['']))[1]]
    corrupt = 0
    for faults in track(_run(job, dataset, {scene: scenes[scene] for scene in due}, workers), 'scenes', len(due),
                        console=Console(stderr=True)):
        corrupt += len(faults)
        if corrupt > max_corrupt:
            raise ValueError(f'{faults[-1]}; {corrupt} key frames are corrupt, and at most {max_corrupt} may be '
                             '(--max-corrupt); find all such files with: python tools/create_data.py check --deep')


def _finish(job: GTDatabaseJob, scenes: list[str], echo: Callable[[str], None]) -> None:
    """Put the parts together; an older database goes only when the new one is there."""
    parts = [_read_part(job, scene) for scene in scenes]
    objects = np.concatenate([np.zeros(0, OBJECT), *(np.frombuffer(part, OBJECT) for part, _ in parts)])
    objects['scene'] = np.repeat(np.arange(len(parts)), [len(part) // OBJECT.itemsize for part, _ in parts])
    faults = [fault for _, found in parts for fault in found]
    index = LAYOUTS[job.layout].make_index(job.stamp, job.folder.name, scenes, job.frames, objects)
    write_bytes(job.index, pickle.dumps(index, protocol=4))
    for folder in job.out.glob(f'{job.name}*'):
        if folder != job.folder:
            shutil.rmtree(folder, ignore_errors=True)
    write_json(job.folder / 'stamp.json', {'stamp': job.stamp, 'left_out': faults})
    shutil.rmtree(job.folder / _PARTS)
    counts = sorted(Counter(objects['label'].tolist()).items())
    echo(f'{job.index}: {len(objects)} objects with {objects["points"].sum()} points ('
         + ', '.join(f'{NUSCENES_CLASSES[label]} {count}' for label, count in counts) + ')')
    for fault in faults:
        echo(f'left out: {fault}')


def _part(job: GTDatabaseJob, scene: str) -> Path:
    return job.folder / _PARTS / f'{scene}.pkl'


def _read_part(job: GTDatabaseJob, scene: str) -> tuple[bytes, list[str]] | None:
    """Objects of a finished scene, and what was wrong with key frames that were left out; None: not finished."""
    try:
        return load_plain_pickle(_part(job, scene))
    except (FileNotFoundError, ValueError):
        return None


# Read-only in the workers: forked processes share the infos' memory with their parent.
_shared: dict[str, Any] = {}


def _run(job: GTDatabaseJob, dataset: NuScenesRadarDataset, scenes: dict[str, list[int]],
         workers: int) -> Iterator[list[str]]:
    _shared.update(job=job, dataset=dataset, scenes=scenes)
    (job.folder / _PARTS).mkdir(parents=True, exist_ok=True)
    try:
        workers = min(workers, len(scenes)) if hasattr(os, 'fork') else 1
        yield from run_unordered(_write_scene, scenes, workers=workers, method='fork')
    finally:
        _shared.clear()


def _write_scene(scene: str) -> list[str]:
    """Write points and part of a scene; what is wrong with its corrupt key frames."""
    job, dataset = _shared['job'], _shared['dataset']
    found, faults = [], []
    for row in _shared['scenes'][scene]:
        try:
            found.append(_objects(dataset, row, job.sweeps))
        except (OSError, ValueError) as error:
            faults.append(f'key frame {row}: {error}')
    objects = np.concatenate([np.zeros(0, OBJECT), *(objects for objects, _ in found)])
    objects['start'] = np.cumsum(objects['points']) - objects['points']
    clouds = [cloud for _, clouds in found for cloud in clouds]
    LAYOUTS[job.layout].write_points(job.folder, scene, objects, clouds)
    write_bytes(_part(job, scene), pickle.dumps((objects.tobytes(), faults), protocol=4))
    return faults


def _objects(dataset: NuScenesRadarDataset, row: int, sweeps: int) -> tuple[np.ndarray, Sequence[np.ndarray]]:
    """Objects with points of a key frame, (M) ``OBJECT``, and the points of each."""
    info = dataset.get_data_info(row)
    if not info['annotated']:
        return np.zeros(0, OBJECT), []
    info = LoadBoxes3D().transform(LoadLidarSweeps(sweeps_num=sweeps).transform(info))
    boxes, points = info['gt_bboxes_3d'].tensor.numpy(), info['points']
    rows = points_of_boxes(points, boxes)
    held = [place for place, inside in enumerate(rows) if len(inside)]
    objects = np.zeros(len(held), OBJECT)
    objects['box'], objects['label'] = boxes[held], info['gt_labels_3d'][held]
    objects['frame'], objects['gt_idx'] = row, held
    objects['points'] = [len(rows[place]) for place in held]
    clouds = [points[rows[place]] for place in held]
    for cloud, place in zip(clouds, held):
        cloud[:, :3] -= boxes[place, :3]
    return objects, clouds
