"""What ``tools/train.py --dry-run`` shows: taps, pairs, shapes and memory of one real step."""

from __future__ import annotations

import resource
from collections.abc import Mapping
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import Tensor, nn

from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import naming_config
from perception_kd.engine.hooks.annotation_log import annotation_text
from perception_kd.engine.hooks.progress import silent_pairs
from perception_kd.registry import MODELS

LATE = 10**6  # iterations and epochs


def dry_run(cfg: Config) -> None:
    """Build model and loader, run one training step without an update, print what happened.

    Raises:
        ValueError: whatever is wrong with taps, pairs, teachers or data, as in training.
    """
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    torch.manual_seed(cfg.get('randomness', {}).get('seed') or 0)
    with naming_config(cfg):
        model = MODELS.build(cfg.model)
        model.to('cuda' if torch.cuda.is_available() else 'cpu')
        loader = Runner.build_dataloader({**cfg.train_dataloader, 'num_workers': 0, 'persistent_workers': False})
    if hasattr(model, 'describe'):
        print(model.describe())
    else:
        print(f'{type(model).__name__}: {count(model) / 1e6:.3f} M parameters')
    before = peak_memory()
    batch = next(iter(loader))
    model.train()
    if hasattr(model, 'set_progress'):
        model.set_progress(LATE, LATE)  # past every warm-up, so that each pair is compared in earnest
    student = getattr(model, 'student', model)
    wanted = student.tap_specs() if hasattr(student, 'tap_specs') else ()
    with TapRecorder(wanted=wanted) as recorder:
        data = model.data_preprocessor(batch, True)
        losses = model(**data, mode='loss')
    total, log = model.parse_losses(losses)
    total.backward()
    print(f'\none step on {len(batch["data_samples"])} samples of {len(loader.dataset)}')
    said = annotation_text(loader.dataset)
    if said:
        print(said)
    inputs = batch['inputs']
    print_shapes('inputs', inputs if isinstance(inputs, Mapping) else {'pictures': inputs})
    print_shapes('taps of the student', recorder.collect())
    print('losses, pairs at their final weight')
    for name, value in log.items():
        print(f'  {name:40s} {float(value.detach()):.4f}')
    length, plan = len(loader), cfg.get('train_cfg') or {}
    silent = silent_pairs(model, plan.get('max_iters') or plan.get('max_epochs', 0) * length, length)
    if silent:
        print(f'warning: {silent}')
    print(f'peak memory {before / 2**20:.0f} MB before the step, {peak_memory() / 2**20:.0f} MB after')


def count(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def peak_memory() -> int:
    """Peak memory in bytes: of the GPU where there is one, else resident memory of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def print_shapes(title: str, values: Mapping[str, Any]) -> None:
    """One line for each entry: its name and the shapes in it."""
    print(title)
    for name, value in values.items():
        print(f'  {name:40s} {shape_of(value)}')


def shape_of(value: Any) -> str:
    """Shapes of a tensor, or of the tensors in a container, in short."""
    if isinstance(value, Tensor):
        return 'x'.join(map(str, value.shape)) or 'scalar'
    if isinstance(value, Mapping):
        return ', '.join(f'{key} {shape_of(item)}' for key, item in value.items())
    if isinstance(value, (list, tuple)):
        shapes = [shape_of(item) for item in value]
        return shapes[0] if len(shapes) == 1 else '[' + '; '.join(shapes) + ']'
    return type(value).__name__
