"""Every config that a user may name reads and builds: model, transforms and hooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.registry import init_default_scope

import perception_kd.compat  # noqa: F401
from perception_kd.engine.build import load_config
from perception_kd.registry import HOOKS, MODELS, TRANSFORMS

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path for path in (ROOT / 'configs').glob('*/*.py') if path.parent.name != '_base_')


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: f'{path.parent.name}/{path.stem}')
def test_builds(path: Path) -> None:
    cfg = load_config(path)
    init_default_scope(cfg.default_scope)
    for teacher in cfg.model.get('teachers', {}).values():
        teacher.allow_random = True
    model = MODELS.build(cfg.model)
    for name, pair in getattr(model, 'pairs', {}).items():
        assert pair.teacher.grid.same_as(pair.student.grid), name
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        for transform in loader.dataset.pipeline:
            TRANSFORMS.build(transform)
    for hook in cfg.get('custom_hooks', []):
        HOOKS.build(hook)


def test_there_are_configs() -> None:
    assert {path.parent.name for path in CONFIGS} == {'demo', 'imkd'}
