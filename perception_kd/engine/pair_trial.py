"""Does a pair move the student, or does only its adaptor learn? Each pair alone, student learning and frozen."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import PREFIX
from perception_kd.distill.gradients import TASK, GradientProbe, task_loss
from perception_kd.distill.matchers import entry_of, expand_matchers, pair_alone
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.schedules import Progress, build_schedule
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import load_config, naming_config, require
from perception_kd.engine.dry_run import LATE
from perception_kd.registry import MODELS

ENDS = 5  # steps whose losses are averaged
TINY = 1e-12
COLUMNS = ('fall', 'frozen_fall', 'gain', 'gradient', 'weights_moved', 'tap_moved')


def try_pairs(
    config: str | Path,
    pair: str = 'all',
    steps: int = 50,
    batches: int = 20,
    learning_rate: float = 2e-3,
    options: dict[str, Any] | None = None,
) -> dict[str, dict[str, Any]]:
    """Train the student by one pair's loss alone, at weight 1, on a few batches; then the same with a frozen student.

    Args:
        config: A config whose model is a ``Distiller``.
        pair: Name of a pair, or ``all``.
        steps: Optimiser steps of either run.
        batches: Number of batches that are held in memory and used in turn; of a few, adaptors know every sample.
        learning_rate: Of Adam, without weight decay: nothing moves that has no gradient.
        options: As ``--cfg-options``.

    Returns:
        By pair: ``losses`` and ``frozen_losses`` of every step; ``first`` and ``last`` (means of five);
        ``fall`` = (first - last) / abs(first), ``frozen_fall`` the same while only connector and loss learn,
        ``gain``: how much lower than with the frozen student the loss ends, over abs(first) (of a game it says little);
        ``gradient``: norm of the pair's gradient at the student's parameters before training, at the ``weight`` of
        late training, over that of the task's; ``weights_moved`` and ``tap_moved``: change of the student's
        parameters and of the pair's student tap over their norm.

    Raises:
        ValueError: fewer than one step or batch, or no such pair.
    """
    for what, number in dict(steps=steps, batches=batches).items():
        if number < 1:
            raise ValueError(f'{what} must be at least 1, got {number}')
    cfg = load_config(config, options)
    require(cfg, 'model', 'train_dataloader')
    pairs = expand_matchers(cfg.model.get('pairs') or {}, {}, {})
    names = [name for name, one in pairs.items() if one is not None]
    if not names or pair not in ('all', *names):
        raise ValueError(f'{config} has no pair {pair!r}; it has {", ".join(names) or "none"}')
    init_default_scope(cfg.default_scope)
    with naming_config(cfg):
        held = _first_batches(cfg, min(steps, batches))
        return {name: _try(cfg, name, held, steps, learning_rate) for name in (names if pair == 'all' else [pair])}


def _first_batches(cfg: Config, count: int) -> list[dict]:
    torch.manual_seed(cfg.randomness.seed)
    loader = Runner.build_dataloader({**cfg.train_dataloader, 'num_workers': 0, 'persistent_workers': False},
                                     seed=cfg.randomness.seed)
    return list(islice(loader, count))


def _build(cfg: Config, name: str) -> Distiller:
    torch.manual_seed(cfg.randomness.seed)
    alone = pair_alone(cfg.model.pairs, name, weight=1.0)
    model = MODELS.build({**deepcopy(cfg.model), 'pairs': alone, 'balance': None, 'strength': 1.0})
    return model.to('cuda' if torch.cuda.is_available() else 'cpu').train()


def _try(cfg: Config, name: str, batches: Sequence[dict], steps: int, learning_rate: float) -> dict[str, Any]:
    model = _build(cfg, name)
    begin = deepcopy(model.state_dict())
    entry = cfg.model.pairs[entry_of(cfg.model.pairs, name)]
    weight = cfg.model.get('strength', 1.0) * build_schedule(entry.get('weight', 1.0))(Progress(LATE, LATE))
    gradient = weight * _relative_gradient(model, name, batches[0])
    own = [part for part in model.pairs.parameters() if part.requires_grad]
    frozen = _train(model, name, batches, steps, own, learning_rate)
    model.load_state_dict(begin)
    before = _parameters(model.student), _tap(model, name, batches[0])
    learning = [part for part in model.parameters() if part.requires_grad]
    losses = _train(model, name, batches, steps, learning, learning_rate)
    after = _parameters(model.student), _tap(model, name, batches[0])
    first, last = mean(losses[:ENDS]), mean(losses[-ENDS:])
    frozen_first, frozen_last = mean(frozen[:ENDS]), mean(frozen[-ENDS:])
    weights_moved, tap_moved = (_moved(old, new) for old, new in zip(before, after))
    return dict(weight=weight, losses=losses, frozen_losses=frozen, first=first, last=last, frozen_last=frozen_last,
                fall=(first - last) / max(abs(first), TINY), gain=(frozen_last - last) / max(abs(first), TINY),
                frozen_fall=(frozen_first - frozen_last) / max(abs(frozen_first), TINY),
                gradient=gradient, weights_moved=weights_moved, tap_moved=tap_moved)


def _train(model: Distiller, name: str, batches: Sequence[dict], steps: int, parts: list[nn.Parameter],
           learning_rate: float) -> list[float]:
    """Losses of every step while ``parts`` learn."""
    model.set_progress(0)
    optimiser = torch.optim.Adam(parts, lr=learning_rate) if parts else None
    losses = []
    for step in range(steps):
        torch.manual_seed(step)
        loss = model(**model.data_preprocessor(batches[step % len(batches)], True), mode='loss')[PREFIX + name]
        losses.append(loss.item())
        if optimiser:
            for part, gradient in zip(parts, torch.autograd.grad(loss, parts, allow_unused=True)):
                part.grad = gradient
            optimiser.step()
    return losses


def _relative_gradient(model: Distiller, name: str, batch: dict) -> float:
    model.set_progress(0)
    losses = model(**model.data_preprocessor(batch, True), mode='loss')
    probe = GradientProbe(at='parameters')
    places = probe.places(model.student, model.pairs.values(), {})
    norms = probe({name: losses.pop(PREFIX + name), TASK: task_loss(losses)}, places).norms()
    return norms[name] / norms[TASK]


def _tap(model: Distiller, name: str, batch: dict) -> list[Tensor]:
    """The pair's student tap with the statistics of the batch."""
    tap = model.pairs[name].student.name
    data = model.student.data_preprocessor(model.data_preprocessor(batch, True), True)
    with torch.no_grad(), TapRecorder(wanted=[tap]) as recorder:
        model.student(**data, mode='loss')
    return [part.clone() for part in tensors_of(recorder.collect()[tap])]


def _parameters(student: nn.Module) -> list[Tensor]:
    return [part.detach().clone() for part in student.parameters() if part.requires_grad]


def _moved(before: Sequence[Tensor], after: Sequence[Tensor]) -> float:
    gap = sum(float((new - old).double().square().sum()) for old, new in zip(before, after))
    return (gap / max(sum(float(old.double().square().sum()) for old in before), TINY)) ** 0.5


def table(results: dict[str, dict[str, Any]]) -> str:
    """What :func:`try_pairs` found, as lines for people."""
    rows = [f'{"pair":20s} {"weight":>7s} {"first":>9s} {"last":>9s} ' + ' '.join(f'{name:>13s}' for name in COLUMNS)]
    for name, found in results.items():
        shown = ' '.join(f'{found[key]:13.1%}' for key in COLUMNS)
        rows.append(f'{name:20s} {found["weight"]:7.3g} {found["first"]:9.4g} {found["last"]:9.4g} {shown}')
    return '\n'.join(rows)
