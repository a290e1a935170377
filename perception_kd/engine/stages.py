"""The stages that demos and comparisons are made of: make data, train, score, draw."""

from __future__ import annotations

import gc
import math
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import barrier, is_main_process
from mmengine.hooks import Hook

from perception_kd.engine.build import build_runner, load_config, require
from perception_kd.engine.recipe import Stage
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint
from perception_kd.files import fingerprint

ROOT = Path(__file__).resolve().parents[2]
METRIC_PREFIX = 'nusc/'
RESULTS, LAST = 'results_nusc.json', 'last.pth'


@dataclass(frozen=True)
class Run:
    """One model of a demo or recipe.

    Args:
        name: Of its folder.
        title: As people read it.
        config: What trains it, relative to the project or absolute.
        teachers: Teacher name in the config -> the run whose checkpoint it gets.
        checkpoint: Weights that are there already: the run is not trained.
        options: Config overrides of this run alone.
    """

    name: str
    title: str
    config: str
    teachers: tuple[tuple[str, str], ...] = ()
    checkpoint: Path | None = None
    options: tuple[tuple[str, Any], ...] = ()

    def weights(self, out: Path) -> Path:
        """The file with its weights, once it is trained under ``out``."""
        return self.checkpoint or out / self.name / LAST


def tool(name: str, *arguments: object) -> Callable[[], None]:
    """A command line of this project as a stage's work, in a process of its own.

    Raises (when run):
        ValueError: the tool failed.
    """
    def run() -> None:
        command = [sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, arguments)]
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise ValueError(f'{" ".join(command[1:])} ended with status {done.returncode}')
    return run


def simulate_stage(data: Path, version: str, scenes: int, seed: int, workers: int) -> Stage:
    """A tiny simulated world in ``data``; made again when the simulator itself has changed."""
    from perception_kd.simulation.presets import get_preset
    from perception_kd.simulation.stamp import world_stamp

    make = tool('simulate', 'nuscenes', '--out', data, '--scenes', scenes, '--seed', seed, '--preset', 'tiny',
                '--workers', workers, '--force')
    return Stage('simulate', f'simulate {scenes} scenes', make, inputs=[scenes, world_stamp(get_preset('tiny'), seed)],
                 outputs=(data / version / 'sample.json',))


def data_stages(data: Path, version: str, infos: Path, make: Stage, workers: int) -> list[Stage]:
    """``make`` and the info files of what it made."""
    create = tool('create_data', 'nuscenes', '--root', data, '--version', version, '--workers', workers)
    return [make, Stage('infos', 'prepare info files', create, after=(make.name,), outputs=(infos,))]


def model_stages(run: Run, out: Path, options: dict[str, Any]) -> list[Stage]:
    """Training and scoring of one model of a demo; stands on the stage ``infos`` and on its teachers.

    Args:
        run: The model.
        out: Folder of the demo; the model gets a folder of its own in it.
        options: Config overrides shared by all models (data root, seed).
    """
    overrides = {**options, **{f'model.teachers.{teacher}.checkpoint': str(out / other / LAST)
                               for teacher, other in run.teachers}}
    after = ('infos', *(f'train_{other}' for _, other in run.teachers))
    return [train_stage(run, out, overrides, after), score_stage(run, out, overrides, (f'train_{run.name}',))]


def train_stage(run: Run, out: Path, overrides: dict[str, Any], after: tuple[str, ...],
                **switches: Any) -> Stage:
    """Training of one model; ``switches`` are those of :func:`build_runner` (``launcher``, ``amp``, ...)."""
    config, folder = ROOT / run.config, out / run.name
    cfg = load_config(config, overrides)
    require(cfg, 'model')
    deciding = {name: value for name, value in switches.items() if value and name != 'launcher'}
    return Stage(f'train_{run.name}', f'train {run.title}', lambda: train(config, folder, overrides, **switches),
                 inputs=_inputs(cfg, deciding, _weights_from_elsewhere(cfg, out)), after=after,
                 outputs=(folder / LAST,), folder=folder)


def score_stage(run: Run, out: Path, overrides: dict[str, Any], after: tuple[str, ...], **switches: Any) -> Stage:
    """Scoring of one model on its test split; of ``switches`` only the launcher matters."""
    config, folder = ROOT / run.config, out / run.name
    cfg = load_config(config, overrides)
    require(cfg, 'model')
    given = fingerprint(run.checkpoint) if run.checkpoint else None
    launcher = switches.get('launcher', 'none')
    return Stage(f'score_{run.name}', f'score {run.title} by nuscenes-devkit',
                 lambda: score(config, run.weights(out), folder, overrides, launcher),
                 inputs=_inputs(cfg, given), after=after, outputs=(folder / RESULTS,))


def _inputs(cfg: Config, *more: Any) -> Any:
    """What decides the result of a stage."""
    more = [one for one in more if one]
    return [cfg.pretty_text, *more] if more else cfg.pretty_text


def _weights_from_elsewhere(cfg: Config, out: Path) -> dict[str, str]:
    """Fingerprints of the checkpoints that a training reads; those under ``out`` come from stages that it names."""
    teachers = cfg.model.get('teachers')
    settings = teachers.values() if isinstance(teachers, dict) else ()
    paths = [cfg.get('load_from'), *(one.get('checkpoint') for one in settings if isinstance(one, dict))]
    files = [path for path in paths if path and Path(path).is_file()]
    return {path: fingerprint(path) for path in files if not Path(path).absolute().is_relative_to(out.absolute())}


def compare_stage(out: Path, data: Path, infos: Path, runs: Sequence[Run], sample: int) -> Stage:
    """A picture of teacher, student and distilled student (``runs`` in this order) against the truth."""
    picture = out / 'pictures' / 'compare.png'
    flags = zip(('--teacher', '--student', '--student-kd'), runs)
    results = [item for flag, run in flags for item in (flag, out / run.name / RESULTS)]
    draw = tool('visualize', 'compare', '--infos', infos, '--root', data, '--sample', sample, *results,
                '--out', picture)
    return Stage('picture_compare', 'draw teacher beside students', draw, inputs=sample,
                 after=tuple(f'score_{run.name}' for run in runs), outputs=(picture,))


def train(config: Path, folder: Path, options: dict[str, Any], hooks: Sequence[Hook] = (), **switches: Any) -> str:
    """Train a config, going on from its newest checkpoint where there is one. Links ``last.pth`` to the last.

    Args:
        config, options: As for :func:`~perception_kd.engine.build.load_config`.
        folder: Of checkpoints and logs.
        hooks: More hooks of this training.
        switches: Of :func:`~perception_kd.engine.build.build_runner`.

    Returns:
        Name of the last checkpoint.
    """
    runner = build_runner(load_config(config, options), work_dir=folder, resume='auto', brief=True, **switches)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    del runner
    gc.collect()  # the next stage's loaders and models should not meet this one's in memory
    barrier()
    checkpoint = find_newest_checkpoint(folder)
    if checkpoint is None:
        raise FileNotFoundError(f'training {config} left no checkpoint in {folder}')
    if is_main_process():
        (folder / LAST).unlink(missing_ok=True)
        (folder / LAST).symlink_to(checkpoint.name)
    return checkpoint.name


def score(config: Path, checkpoint: Path, folder: Path, options: dict[str, Any],
          launcher: str = 'none') -> dict[str, float | None]:
    """Predict the test split and score it; ``folder`` gets the results and metrics.

    Returns:
        Flat metrics; NaN (a class without truth) becomes None, since JSON has no NaN.
    """
    from perception_kd.export import without_teachers  # that room builds on this one

    cfg = without_teachers(load_config(config, options))
    cfg.load_from = str(checkpoint)
    cfg.test_evaluator.jsonfile_prefix = str(folder)
    runner = build_runner(cfg, work_dir=folder / 'test', launcher=launcher, brief=True, strict=True)
    metrics = runner.test()
    del runner
    gc.collect()
    return {name.removeprefix(METRIC_PREFIX): float(value) if math.isfinite(value) else None
            for name, value in metrics.items()}
