"""Tells a distiller where training stands, also after a resume."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from perception_kd.registry import HOOKS


@HOOKS.register_module()
class DistillProgressHook(Hook):
    """Hands the Runner's iteration and epoch (with its fraction) to the schedules of the pairs before every step."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the distiller's progress; other models are left alone."""
        model = unwrapped(runner)
        if hasattr(model, 'set_progress'):
            length = len(runner.train_dataloader)  # an iteration-based loop counts no epochs, but passes over the data
            model.set_progress(runner.iter, runner.epoch + batch_idx / length, runner.max_iters,
                               runner.max_iters / length)


def unwrapped(runner: Runner) -> Any:
    """The Runner's model without its parallel wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
