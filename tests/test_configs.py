"""Every config that a user may name reads and builds: model, transforms and hooks; methods differ in nothing else."""

from __future__ import annotations

from contextlib import nullcontext
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

import perception_kd.compat  # noqa: F401
from perception_kd.distill import TeacherGroup
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.engine.build import load_config
from perception_kd.engine.recipe_config import read_runs
from perception_kd.registry import HOOKS, MODELS, PRUNERS, TRANSFORMS
from perception_kd.structures import TapSpec

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
RECIPES = [path for path in FILES if path.stem.startswith('recipe_')]
STUDENTS = dict(sim=ROOT / 'configs/demo/sim_student.py', astyx=ROOT / 'configs/demo/astyx_student.py',
                r50=ROOT / 'configs/imkd/student_r50_256x704.py')
METHODS = [path for path in FILES
           if path.parent.name in ('competitors', 'methods') and path.stem.partition('_')[0] in STUDENTS]
WHOLE = [path for path in FILES if path not in (*RECIPES, *METHODS)]
BUDGET = ('train_dataloader', 'val_dataloader', 'test_dataloader', 'test_evaluator', 'train_cfg', 'param_scheduler',
          'optim_wrapper', 'learning_rate', 'max_epochs', 'randomness')
OTHER_OPTIMISER = ('sam',)
_teachers: dict[str, dict[str, TapSpec]] = {}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT / 'configs').with_suffix(''))


@cache
def student_of(size: str) -> tuple[Config, dict[str, TapSpec]]:
    """The config that all methods of a size share, and its student's taps; built once."""
    cfg = load_config(STUDENTS[size])
    return cfg, MODELS.build(cfg.model).tap_specs()


def teacher_specs(teachers: dict[str, Config]) -> dict[str, TapSpec]:
    """Taps of teachers, each built once however many methods share it."""
    found = {}
    for name, teacher in teachers.items():
        if teacher.type == 'FrozenTeacher':
            teacher.allow_random = True
        if (key := f'{name} {teacher}') not in _teachers:
            _teachers[key] = TeacherGroup.build({name: teacher}).tap_specs()
        found.update(_teachers[key])
    return found


def pipelines(dataset: ConfigDict) -> list[list[dict]]:
    """Of a data set, of the one inside of a wrapper, or of all that are concatenated."""
    return [part.pipeline for part in dataset.get('datasets', [dataset.get('dataset', dataset)])]


def check_rest(cfg: Config) -> None:
    """Transforms, hooks and a pruner build, and there is one moving average."""
    loaders = [cfg.get(key) for key in ('train_dataloader', 'test_dataloader')]  # half a model is not tested
    for loader in filter(None, loaders):
        for transform in chain(*pipelines(loader.dataset)):
            TRANSFORMS.build(transform)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    if 'prune' in cfg:
        PRUNERS.build(cfg.prune)
    hooks = [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]
    assert sum('EMA' in hook.type for hook in hooks if hook) <= 1, 'one moving average'


@pytest.mark.parametrize('path', WHOLE, ids=name_of)
def test_builds(path: Path, tmp_path: Path) -> None:
    cfg = load_config(path)
    init_default_scope(cfg.default_scope)
    for teacher in cfg.model.get('teachers', {}).values():
        if teacher.type in ('FrozenTeacher', 'CachedTeacher'):
            teacher.allow_random = True
        if 'cache' in teacher:
            teacher.cache.folder = str(tmp_path)
    shapes_alone = path.stem.startswith('paper_') or 'uav' in path.parts  # large, or many
    with torch.device('meta') if shapes_alone else nullcontext():
        model = MODELS.build(cfg.model)
    for name, pair in getattr(model, 'pairs', {}).items():
        reached = pair.connector.result(pair.student).grid
        assert reached is None or pair.teacher.grid.same_as(reached), name
    check_rest(cfg)


@pytest.mark.parametrize('path', METHODS, ids=name_of)
def test_a_method_is_the_same_student_budget_and_data_with_pairs(path: Path) -> None:
    """Student and teachers are built once for all methods: a method's own are its pairs, losses and hooks."""
    size, _, method = path.stem.partition('_')
    cfg = load_config(path)
    init_default_scope(cfg.default_scope)
    base, specs = student_of(size)
    assert cfg.model.type == 'Distiller' and cfg.model.student == base.model
    for key in BUDGET:
        assert cfg.get(key) == base.get(key) or (key == 'optim_wrapper' and method in OTHER_OPTIMISER), key
    pairs = build_pairs(cfg.model.pairs, specs, teacher_specs(cfg.model.teachers))
    assert pairs and all(pair.schedule for pair in pairs.values())
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)


@pytest.mark.parametrize('path', RECIPES, ids=name_of)
def test_recipe_names_stages_that_fit(path: Path) -> None:
    """Every stage's config has the teachers that the recipe gives it weights for."""
    runs, compared = read_runs(load_config(path))
    assert len(compared) > 1
    for run in runs:
        teachers = load_config(run.config).model.get('teachers', {})
        trained = {name for name, teacher in teachers.items() if 'checkpoint' in teacher}
        assert dict(run.teachers).keys() == trained, run.name


def test_there_are_configs() -> None:
    folders = {'competitors', 'compress', 'demo', 'imkd', 'methods', 'stereo', 'students', 'tj4d', 'uav', 'vod'}
    assert {path.relative_to(ROOT / 'configs').parts[0] for path in FILES} == folders
    sim, r50, astyx = ({path.stem.removeprefix(size) for path in METHODS if path.stem.startswith(size)}
                       for size in ('sim_', 'r50_', 'astyx_'))
    competitors = {'bevdistill', 'crkd', 'feature_mse', 'imkd', 'labeldistill', 'unidistill', 'x3kd'}
    assert sim >= competitors == astyx
    assert sim - r50 <= {'imkd'}  # imkd/imkd_r50_256x704
