"""The model of a config before and after its training."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import set_random_seed
from torch import nn

from perception_kd.distill.checkpoint_origin import check_origin
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.foreign_checkpoint import load_model_file
from perception_kd.engine.quiet_log import quiet_log
from perception_kd.registry import MODELS


def build_pair_of_models(
    cfg: Config, checkpoint: str | Path, before: str | Path | None = None
) -> tuple[nn.Module, nn.Module, tuple[str, ...]]:
    """The model before and after training; frozen teachers are shared.

    Args:
        cfg: Of a distiller or a bare student. Cached teachers are asked live: a cache is for training samples.
        checkpoint: After training.
        before: Before it; None: the weights that the config's seed draws, over which its ``load_from`` goes.

    Returns:
        Both models in eval mode, and the names of pairs whose connectors the weights after training lack.

    Raises:
        FileNotFoundError, ValueError: a checkpoint is missing or does not fit, or a teacher has none.
    """
    require(cfg, 'model')
    cfg = _with_live_teachers(cfg)
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    set_random_seed((cfg.get('randomness') or {}).get('seed') or 0)
    with naming_config(cfg), quiet_log():  # mmengine writes a page on every weight that it draws
        first = MODELS.build(cfg.model)
        after = copy.deepcopy(first)
        if before is None:
            first.init_weights()
            before = cfg.get('load_from')
        if before:
            load_model(first, before)
        unlearned = load_model(after, checkpoint)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    return first.to(device).eval(), after.to(device).eval(), unlearned


def load_model(model: nn.Module, path: str | Path) -> tuple[str, ...]:
    """Load a checkpoint: of a distiller or of a student alone, for either kind of model.

    Returns:
        Names of a distiller's pairs with connectors that stay as they are built, since a student alone has none.

    Raises:
        FileNotFoundError, ValueError: no such file, or it does not fit.
    """
    file, who, unlearned = load_model_file(path), f'checkpoint {path}', ()
    weights = file.weights
    inside = {name.removeprefix('student.'): value for name, value in weights.items() if name.startswith('student.')}
    student = getattr(model, 'student', None)
    if student is None:
        weights = inside or weights
    elif not inside or not any(name.startswith('pairs.') for name in weights):
        unlearned = tuple(name for name, pair in model.pairs.items() if any(True for _ in pair.parameters()))
        model, weights = student, inside or weights
    load_strictly(model, weights, who=who)
    check_origin(model, file.origin, who)
    return unlearned


def _with_live_teachers(cfg: Config) -> Config:
    cfg = copy.deepcopy(cfg)
    for teacher in (cfg.model.get('teachers') or {}).values():
        if teacher.get('type') == 'CachedTeacher':
            teacher.type = 'FrozenTeacher'
            teacher.pop('cache', None)
    return cfg
