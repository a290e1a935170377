"""A recipe as a config: LiDAR teacher, label encoder, students in order, then one table.

``recipe = dict(stages=[...], compare=[...])`` in a file of its own. A stage has ``name`` and ``config`` (relative to
the recipe's file) and may have ``title``, ``teachers`` (name in its config -> stage that gives the checkpoint),
``loads`` (any other setting that names a checkpoint, such as ``load_from`` -> stage that gives it), ``checkpoint``
(weights that are there already, instead of training) and ``options`` (overrides of this stage alone). ``columns``
(heading -> metric) of the recipe says what the table shows; default: the metrics of nuScenes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.dist import is_main_process

from perception_kd.engine.build import load_config, require
from perception_kd.engine.closing_stages import REPORT, report, report_line
from perception_kd.engine.closing_table import format_table
from perception_kd.engine.dry_run import dry_run
from perception_kd.engine.launch import start_processes
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.stages import Run, score_stage, train_stage
from perception_kd.files import naming_full_disk, require_file, write_bytes

TABLE = 'comparison.md'
STAGE_KEYS = dict(name=str, config=str, title=str, teachers=dict, loads=dict, checkpoint=str, options=dict)
COLUMNS = {name: name for name in ('mAP', 'NDS', 'mATE', 'mASE', 'mAOE', 'mAVE', 'mAAE')}


def read_runs(cfg: Config) -> tuple[list[Run], list[str]]:
    """The models of a recipe in order, and the names of those to compare.

    Raises:
        ValueError: a key, a teacher or a name that the recipe does not know, or a name used twice.
        FileNotFoundError: a stage's config does not exist.
    """
    stages, compared = _stages_and_names(cfg)
    runs: dict[str, Run] = {}
    for number, stage in enumerate(stages, start=1):
        unknown = sorted(set(stage) - set(STAGE_KEYS))
        name = str(stage.get('name', ''))
        if unknown or not name.isidentifier() or name in runs or 'config' not in stage:
            raise ValueError(f'recipe {cfg.filename}: stage {number} ({name or "no name"}) needs a name of its own and '
                             f'a config, and may have {", ".join(sorted(STAGE_KEYS))}; got {", ".join(stage)}')
        for key, value in stage.items():
            if value is not None and not isinstance(value, STAGE_KEYS[key]):
                kind = f'a dictionary (recipe.stages.{number - 1}.{key}.NAME=VALUE)'
                raise ValueError(f'recipe {cfg.filename}: {key} of stage {name} is '
                                 f'{"text" if STAGE_KEYS[key] is str else kind}; got {value!r}')
        teachers, loads = (dict(stage.get(key) or {}) for key in ('teachers', 'loads'))
        strangers = sorted({*map(str, teachers.values()), *map(str, loads.values())} - set(runs))
        if strangers:
            raise ValueError(f'recipe {cfg.filename}: stage {name} learns from {", ".join(strangers)}, which is no '
                             f'earlier stage; these are {", ".join(runs) or "none"}')
        config = require_file(Path(cfg.filename).parent / stage['config'], f'config of stage {name}:').resolve()
        weights = stage.get('checkpoint')
        runs[name] = Run(name, stage.get('title') or name, str(config), tuple(teachers.items()),
                         Path(weights) if weights else None, tuple((stage.get('options') or {}).items()),
                         tuple(loads.items()))
    strangers = [name for name in compared if name not in runs]
    if not runs or strangers:
        raise ValueError(f'recipe {cfg.filename}: {"compares unknown stages " + ", ".join(strangers) if runs else ""}'
                         f'{"" if runs else "has no stages"}')
    return list(runs.values()), compared


def _stages_and_names(cfg: Config) -> tuple[list[dict], list[str]]:
    """Stages and names to compare as they are written; ``ValueError`` where they are of another kind."""
    recipe = cfg.recipe
    if not isinstance(recipe, dict) or set(recipe) - {'stages', 'compare', 'columns'}:
        raise ValueError(f'recipe {cfg.filename}: recipe=dict(stages=[...], compare=[...], columns=dict(...)) '
                         f'and nothing else; got '
                         f'{", ".join(recipe) if isinstance(recipe, dict) else repr(recipe)}')
    stages, compared = (recipe.get(key) or [] for key in ('stages', 'compare'))
    if not isinstance(stages, (list, tuple)) or not all(isinstance(stage, dict) for stage in stages):
        raise ValueError(f'recipe {cfg.filename}: stages are a list of dictionaries; got {stages!r}')
    if not isinstance(compared, (list, tuple)):
        raise ValueError(f'recipe {cfg.filename}: compare is a list of names of stages; got {compared!r}')
    columns = recipe.get('columns') or {}
    if not isinstance(columns, dict) or not all(isinstance(key, str) for key in columns.values()):
        raise ValueError(f'recipe {cfg.filename}: columns is a dictionary, heading to metric; got {columns!r}')
    return list(stages), list(compared)


def overrides_of(run: Run, weights: Mapping[str, Path], options: Mapping[str, Any]) -> dict[str, Any]:
    """Config overrides of a stage: its own, the command line's, and the weights it begins from; the last wins."""
    shared = {key: value for key, value in options.items() if key.partition('.')[0] != 'recipe'}
    checkpoints = {setting: str(weights[other]) for setting, other in run.sources.items()}
    return {**dict(run.options), **shared, **checkpoints}


def build_recipe(cfg: Config, out: Path, options: Mapping[str, Any], **switches: Any) -> Recipe:
    """The stages of a recipe config under ``out``.

    Args:
        cfg: With ``recipe``.
        out: Folder; every stage gets one of its own in it.
        options: ``--cfg-options`` for all stages; keys that begin with ``recipe`` are not handed on.
        switches: Of :func:`~perception_kd.engine.build.build_runner`, for every training.

    Raises:
        ValueError, FileNotFoundError: as :func:`read_runs`; or weights that should be there are not.
    """
    runs, compared = read_runs(cfg)
    weights = {run.name: run.weights(out) for run in runs}
    trained = {run.name for run in runs if run.checkpoint is None}
    stages: list[Stage] = []
    for run in runs:
        overrides = overrides_of(run, weights, options)
        below = tuple(f'train_{other}' for other in run.sources.values() if other in trained)
        if run.name not in trained:
            require_file(run.checkpoint, f'recipe {cfg.filename}: checkpoint of stage {run.name}:')
        else:
            stages.append(train_stage(run, out, overrides, below, **switches))
            below = (f'train_{run.name}',)
        if run.name in compared:
            stages.append(score_stage(run, out, overrides, below, **switches))
    if compared:
        chosen = _reported(runs, compared)
        stages.append(Stage('report', 'write the report', report(out, chosen, Path(cfg.filename).stem),
                            after=tuple(f'score_{name}' for name in compared), outputs=(out / REPORT,), optional=True))
    return Recipe(out, stages)


def _reported(runs: list[Run], compared: list[str]) -> list[Run]:
    """Models of the report: those of the table, and trainings that one of them begins from."""
    begun = {other for run in runs if run.name in compared for _, other in run.loads}
    return [run for run in runs if run.name in compared or (run.name in begun and run.checkpoint is None)]


def run_recipe(cfg: Config, out: Path, options: Mapping[str, Any], **switches: Any) -> str:
    """Run what is not done; the table, which ``comparison.md`` holds too, and where things are.

    Every process of a job calls this.
    """
    runs, compared = read_runs(cfg)
    start_processes(switches.get('launcher', 'none'), (cfg.get('env_cfg') or {}).get('dist_cfg'))
    recipe = build_recipe(cfg, out, options, **switches)
    results = recipe.run()
    titles = {run.name: run.title for run in runs}
    lines = [f'{run.title}: {run.weights(out)}' for run in runs]
    if compared:
        columns = cfg.recipe.get('columns') or COLUMNS
        table = format_table([(titles[name], results[f'score_{name}']) for name in compared], list(columns.items()))
        if is_main_process():
            write_bytes(out / TABLE, f'{table}\n'.encode())
        lines = [table, '', *lines, report_line(recipe)]
    return '\n'.join([*lines, f'time: {recipe.seconds / 60:.1f} min'])


def dry_run_recipe(cfg: Config, out: Path, options: Mapping[str, Any]) -> None:
    """Dry-run every stage; a teacher that is not trained yet teaches with random weights, which is said."""
    runs, _ = read_runs(cfg)
    weights = {run.name: run.weights(out) for run in runs}
    for run in runs:
        print(f'\n=== {run.name}: {run.title} ({run.config})')
        stage = load_config(run.config, overrides_of(run, weights, options))
        require(stage, 'model')
        teachers = stage.model.get('teachers')
        for teacher, settings in teachers.items() if isinstance(teachers, dict) else ():
            if isinstance(settings, dict) and settings.get('checkpoint') and not Path(settings.checkpoint).is_file():
                print(f"teacher '{teacher}': {settings.checkpoint} is not there yet, random weights stand in")
                settings.update(checkpoint=None, allow_random=True)
        dry_run(stage)


def train_recipe(cfg: Config, work_dir: str | None, options: Mapping[str, Any], *, resume: str | None = None,
                 dry: bool = False, **switches: Any) -> None:
    """What ``tools/train.py`` does with a recipe: run it, or dry-run it, and print what came out.

    Args:
        cfg: With ``recipe``.
        work_dir: Folder; default ``work_dirs/<recipe name>``.
        options: ``--cfg-options``.
        resume: ``--resume``; a recipe always goes on where it was.
        dry: Only dry-run every stage.
        switches: Of :func:`~perception_kd.engine.build.build_runner`.

    Raises:
        ValueError: a checkpoint to resume from; or as :func:`read_runs`.
    """
    if resume not in (None, 'auto'):
        raise ValueError('a recipe goes on by itself; leave out the path after --resume')
    out = Path(work_dir or Path('work_dirs') / Path(cfg.filename).stem)
    if dry:
        dry_run_recipe(cfg, out, options)
        return
    with naming_full_disk(out):
        closing = run_recipe(cfg, out, options, **switches)
    if is_main_process():
        print(f'\n{closing}')
