"""One run: train a config with a seed, score it, and keep what came out as one file."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, get_world_size, is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.benchmark.timing import machine, versions
from perception_kd.comparison.entry import Entry, checkpoints
from perception_kd.comparison.fairness import section_hashes
from perception_kd.comparison.labels import labels_of
from perception_kd.comparison.parts import KEY_FILE
from perception_kd.datasets.nuscenes.tables import simulated_world
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.engine.stages import LAST, ROOT, score, train
from perception_kd.engine.training_data import training_data
from perception_kd.evaluation.uav.truth import simulated_drones
from perception_kd.files import fingerprint, write_bytes, write_json
from perception_kd.provenance import commit

FORMAT = 'perception_kd comparison run 1'
PARTS = dict(key=dict, name=str, seed=int, metrics=dict, seconds=dict, differs=list, student_init=str)
INIT_FILE, TIME_FILE = 'student_init.txt', 'train_seconds.json'


@dataclass(frozen=True)
class Run:
    """One entry with one seed.

    Args:
        entry: What.
        seed: Of weights, order of data and augmentation.
        cfg: Its config, with every override.
        options: These overrides.
        differs: Settings other than distillation in which it differs from the reference.
        switches: Of :func:`~perception_kd.engine.build.build_runner`, for training.
        reference: Name of the method that it is compared with.
    """

    entry: Entry
    seed: int
    cfg: Config
    options: Mapping[str, Any]
    differs: tuple[str, ...] = ()
    switches: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ''
    key: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        deciding = {name: value for name, value in self.switches.items() if value and name != 'launcher'}
        processes = f'{json.dumps(deciding, sort_keys=True)}, {get_world_size()} processes'
        object.__setattr__(self, 'key', {**section_hashes(self.cfg), 'switches': processes})

    @property
    def name(self) -> str:
        """Of its file and folder."""
        return f'{self.entry.name}-seed{self.seed}'

    def file(self, out: Path) -> Path:
        """Where its result is kept."""
        return out / f'{self.name}.json'

    def result(self, out: Path) -> dict[str, Any] | None:
        """What it gave, None if it is not finished.

        Raises:
            ValueError: The file is something else, or of a run with other settings.
        """
        path = self.file(out)
        if not path.is_file():
            return None
        found = read_result(path)
        changed = [part for part, value in self.key.items() if found['key'].get(part) != value]
        if changed:
            raise ValueError(f'{path} is of a run with other settings of {", ".join(changed)} (or other files behind '
                             'them: data, teachers); move it away to run it again, or take another --out')
        return found


def read_result(path: Path) -> dict[str, Any]:
    """A finished run's file.

    Raises:
        ValueError: It is damaged, or something else.
    """
    try:
        found = json.loads(path.read_bytes())
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get('format') != FORMAT \
            or any(not isinstance(found.get(part), kind) for part, kind in PARTS.items()) \
            or any(value is not None and not isinstance(value, float | int) for value in found['metrics'].values()):
        raise ValueError(f'{path} is damaged or not the result of a run; move it away')
    return found


def execute(run: Run, out: Path, work: Path) -> dict[str, Any]:
    """Train (going on where it was), score, and write the run's file. Every process of a job calls this.

    Args:
        run: What to do.
        out: Folder of the finished runs' files.
        work: Folder of checkpoints and logs; the run gets one of its own in it.
    """
    folder = work / run.name
    if is_main_process():
        _prepare(folder, json.dumps(run.key))
    barrier()
    clock = TrainTimeHook()
    train(run.entry.config, folder, dict(run.options), hooks=(StudentInitHook(), clock), **run.switches)
    begin = time.perf_counter()
    metrics = score(run.entry.config, folder / LAST, folder, dict(run.options), run.switches.get('launcher', 'none'))
    result = dict(
        format=FORMAT, name=run.entry.name, config=project_path(run.entry.config),
        options=portable_options(run.entry.options), seed=run.seed, key=dict(run.key), differs=list(run.differs),
        labels=labels_of(run.cfg), metrics=metrics,
        seconds=dict(train=round(clock.seconds, 1), score=round(time.perf_counter() - begin, 1)),
        student_init=(folder / INIT_FILE).read_text(), epochs=run.cfg.train_cfg.get('max_epochs'),
        teachers={name: dict(checkpoint=Path(path).name, fingerprint=fingerprint(path))
                  for name, _, path in checkpoints(run.cfg) if path},
        world=_world(run.cfg), commit=commit(), machine=machine(), versions=versions())
    if is_main_process():
        write_json(run.file(out), result)
    barrier()
    return result


class StudentInitHook(Hook):
    """Keeps a hash of the weights that the student began with: paired runs must begin alike."""

    priority = 'VERY_LOW'

    @master_only
    def before_train(self, runner: Runner) -> None:
        """Write the hash, unless training goes on from a checkpoint."""
        path = Path(runner.work_dir) / INIT_FILE
        if runner.iter or path.is_file():
            return
        model = unwrapped(runner)
        digest = hashlib.sha256()
        for name, value in getattr(model, 'student', model).state_dict().items():
            digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        write_bytes(path, digest.hexdigest()[:16].encode())


class TrainTimeHook(Hook):
    """Counts the seconds of a training with its validations, without what comes before its first step.

    Every checkpoint's are kept, so that a resumed training has those of the way that led to its weights: neither what a
    killed attempt did after its last checkpoint, nor what every attempt loads and checks before it goes on.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.seconds = 0.0
        self._begin, self._before = 0.0, 0.0

    def before_train(self, runner: Runner) -> None:
        """Start the clock at the seconds of the checkpoint that training goes on from."""
        self._before = self._kept(runner).get(str(runner.iter), 0.0) if runner.iter else 0.0
        self._begin = time.perf_counter()

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Keep the seconds by the iteration that the checkpoint goes on with; the first process alone calls this."""
        path = Path(runner.work_dir) / TIME_FILE
        write_json(path, {**self._kept(runner), str(checkpoint['meta']['iter']): self._now()})

    def after_train(self, runner: Runner) -> None:
        """Stop the clock."""
        self.seconds = self._now()

    def _now(self) -> float:
        return self._before + time.perf_counter() - self._begin

    def _kept(self, runner: Runner) -> dict[str, float]:
        path = Path(runner.work_dir) / TIME_FILE
        found = json.loads(path.read_bytes()) if path.is_file() else {}
        return found if isinstance(found, dict) else {str(runner.iter): found}  # a sum, of earlier versions


def _prepare(folder: Path, key: str) -> None:
    """Empty a folder that was begun with other settings."""
    mark = folder / KEY_FILE
    if not mark.is_file() or mark.read_text() != key:
        shutil.rmtree(folder, ignore_errors=True)
        write_bytes(mark, key.encode())


def project_path(config: Path) -> str:
    """Where a config lies in the project; its name where it lies elsewhere."""
    path = config.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def portable_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as given, but for files of this machine: of those the folder and the name."""
    return {key: '/'.join(Path(value).parts[-2:]) if isinstance(value, str) and Path(value).is_absolute() else value
            for key, value in options.items()}


def _world(cfg: Config) -> str:
    """Stamp of the simulated world that was trained on; empty for recordings."""
    data = training_data(cfg, 'data_root')
    root = Path(data.get('data_root', ''))
    if data.get('type') == 'UAVDataset':
        return simulated_drones(root / data.get('ann_file', ''))
    return next((found for folder in sorted(root.glob('v1.0*')) if (found := simulated_world(root, folder.name))), '')
