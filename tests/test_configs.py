"""Every config that a user may name reads and builds: model, transforms and hooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

import perception_kd.compat  # noqa: F401
from perception_kd.engine.build import load_config
from perception_kd.engine.recipe_config import read_runs
from perception_kd.registry import HOOKS, MODELS, TRANSFORMS

ROOT = Path(__file__).parents[1]
FILES = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if path.parent.name != '_base_')
CONFIGS = [path for path in FILES if not path.stem.startswith('recipe_')]
RECIPES = [path for path in FILES if path not in CONFIGS]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_builds(path: Path) -> None:
    cfg = load_config(path)
    init_default_scope(cfg.default_scope)
    for teacher in cfg.model.get('teachers', {}).values():
        if teacher.type == 'FrozenTeacher':
            teacher.allow_random = True
    model = MODELS.build(cfg.model)
    for name, pair in getattr(model, 'pairs', {}).items():
        reached = pair.connector.result(pair.student).grid
        assert reached is None or pair.teacher.grid.same_as(reached), name
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)
    hooks = [*cfg.default_hooks.values(), *cfg.get('custom_hooks', [])]
    assert sum('EMA' in hook.type for hook in hooks if hook) <= 1, 'one moving average'


@pytest.mark.parametrize('path', RECIPES, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_recipe_names_stages_that_fit(path: Path) -> None:
    """Every stage's config has the teachers that the recipe gives it weights for."""
    runs, compared = read_runs(load_config(path))
    assert len(compared) > 1
    for run in runs:
        teachers = load_config(run.config).model.get('teachers', {})
        trained = {name for name, teacher in teachers.items() if 'checkpoint' in teacher}
        assert dict(run.teachers).keys() == trained, run.name


def test_there_are_configs() -> None:
    assert {path.parent.name for path in CONFIGS} == {'demo', 'imkd'}
