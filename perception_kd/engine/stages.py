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

from perception_kd.engine.build import build_runner, keep_results, load_config, require
from perception_kd.engine.recipe import Stage
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint
from perception_kd.files import fingerprint, write_json

ROOT = Path(__file__).resolve().parents[2]
METRIC_PREFIXES = ('nusc/', 'stereo/', 'uav/')
RESULTS, METRICS, LAST = 'results_nusc.json', 'metrics.json', 'last.pth'


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
        loads: Setting in the config -> the run whose checkpoint it names.
    """

    name: str
    title: str
    config: str
    teachers: tuple[tuple[str, str], ...] = ()
    checkpoint: Path | None = None
    options: tuple[tuple[str, Any], ...] = ()
    loads: tuple[tuple[str, str], ...] = ()

    @property
    def sources(self) -> dict[str, str]:
        """Every setting that names the checkpoint of another run, and that run."""
        return {**{f'model.teachers.{teacher}.checkpoint': other for teacher, other in self.teachers},
                **dict(self.loads)}

    def weights(self, out: Path) -> Path:
        """The file with its weights, once it is trained under ``out``."""
        return self.checkpoint or out / self.name / LAST


def tool(name: str, *arguments: object, quiet: bool = False) -> Callable[[], None]:
    """A command line of this project as a stage's work, in a process of its own; ``quiet`` without what it prints.

    Raises (when run):
        ValueError: the tool failed.
    """
    def run() -> None:
        command = [sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, arguments)]
        done = subprocess.run(command, check=False, stdout=subprocess.DEVNULL if quiet else None)
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
    overrides = {**options, **{setting: str(out / other / LAST) for setting, other in run.sources.items()}}
    after = ('infos', *(f'train_{other}' for other in run.sources.values()))
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
    detects = _detects(cfg)
    return Stage(f'score_{run.name}', f'score {run.title}{" by nuscenes-devkit" if detects else ""}',
                 lambda: score(config, run.weights(out), folder, overrides, launcher),
                 inputs=_inputs(cfg, given), after=after, outputs=(folder / (RESULTS if detects else METRICS),))


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


def train_to_end(cfg: Config, folder: str | Path, *, what: str, hooks: Sequence[Hook] = (), **switches: Any) -> Path:
    """Train, going on from the folder's newest checkpoint where there is one; gives the last one.

    Args:
        cfg: As it was read.
        folder: Of checkpoints and logs, of this training alone.
        what: It is called, in the error.
        hooks: More hooks of this training.
        switches: Of :func:`~perception_kd.engine.build.build_runner`.

    Raises:
        FileNotFoundError: it left no checkpoint.
    """
    runner = build_runner(cfg, work_dir=folder, resume='auto', brief=True, **switches)
    for hook in hooks:
        runner.register_hook(hook)
    runner.train()
    del runner
    gc.collect()  # the next training's loaders and models should not meet this one's in memory
    barrier()
    checkpoint = find_newest_checkpoint(folder)
    if checkpoint is None:
        raise FileNotFoundError(f'training {what} left no checkpoint in {folder}')
    return checkpoint


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
    checkpoint = train_to_end(load_config(config, options), folder, what=str(config), hooks=hooks, **switches)
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
    keep_results(cfg, folder)
    runner = build_runner(cfg, work_dir=folder / 'test', launcher=launcher, brief=True, strict=True)
    metrics = runner.test()
    del runner
    gc.collect()
    plain = {_unprefixed(name): float(value) if math.isfinite(value) else None for name, value in metrics.items()}
    if is_main_process() and not _detects(cfg):
        write_json(folder / METRICS, plain)
    return plain


def _detects(cfg: Config) -> bool:
    """Whether the scores are those of detections, whose metric writes files of its own."""
    return (cfg.get('test_evaluator') or {}).get('type', 'NuScenesDetMetric') == 'NuScenesDetMetric'


def _unprefixed(name: str) -> str:
    for prefix in METRIC_PREFIXES:
        name = name.removeprefix(prefix)
    return name
