"""Tells a distiller where training stands, also after a resume."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from perception_kd.distill.schedules import stays_zero
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class DistillProgressHook(Hook):
    """Hands the Runner's iteration and epoch (with its fraction) to the schedules of the pairs before every step."""

    priority = 'VERY_HIGH'

    def before_train(self, runner: Runner) -> None:
        """Warn of pairs that the run is too short for."""
        silent = silent_pairs(unwrapped(runner), runner.max_iters, len(runner.train_dataloader))
        if silent:
            runner.logger.warning(silent)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Set the distiller's progress; other models are left alone."""
        model = unwrapped(runner)
        if hasattr(model, 'set_progress'):
            length = len(runner.train_dataloader)  # an iteration-based loop counts no epochs, but passes over the data
            model.set_progress(runner.iter, runner.epoch + batch_idx / length, runner.max_iters,
                               runner.max_iters / length)


def silent_pairs(model: Any, iterations: int, length: int) -> str | None:
    """One line that names the pairs whose weight is 0 in all of a run, None if there are none.

    Args:
        model: A distiller; others have no pairs.
        iterations: Of the run.
        length: Iterations an epoch.
    """
    pairs = getattr(model, 'pairs', None) or {}
    silent = [f"'{name}' ({pair.schedule})" for name, pair in pairs.items()
              if stays_zero(pair.schedule, iterations, length)]
    if not silent:
        return None
    return (f'the weight of pair {", ".join(silent)} stays 0 in all {iterations} iterations ({iterations / length:g} '
            'epochs) of this run, so that it teaches nothing: train longer or choose another schedule')


def unwrapped(runner: Runner) -> Any:
    """The Runner's model without its parallel wrapper."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model
