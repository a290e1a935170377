"""Looking at a model in the middle of its training, which goes on bit for bit as without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from torch import nn

from perception_kd.engine.hooks.student_ema import StudentEMAHook
from perception_kd.engine.random_state import capture_random_state, restore_random_state


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """A block without gradient in eval mode, after which random states, buffers and modes are as they were."""
    state = capture_random_state()
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for buffer, kept in buffers:
            buffer.copy_(kept)
        for module, mode in modes:
            module.training = mode
        restore_random_state(state)


@contextmanager
def averaged_weights(runner: Runner) -> Iterator[None]:
    """A block in which the model has the weights of its moving average, as in validation, where there is one."""
    with ExitStack() as stack:
        for hook in runner.hooks:
            if isinstance(hook, (StudentEMAHook, EMAHook)):
                hook.before_val_epoch(runner)
                stack.callback(hook.after_val_epoch, runner)
        yield
