"""Logs how strongly each pair pulls at the student, and whether pairs and task pull the same way."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.distill.gradients import GradientProbe, Place
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class GradientProbeHook(Hook):
    """Logs ``grad_norm.<pair>``, ``grad_share.<pair>`` and ``grad_cos.<a>.<b>``, ``task`` among the names.

    Training goes on bit for bit as without it. A pair at weight 0 has norm 0 and no cosine.

    Args:
        interval: Iterations between two measurements.
        at: Where, see :class:`~perception_kd.distill.gradients.GradientProbe`.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 50, at: Place = 'taps') -> None:
        if interval < 1:
            raise ValueError(f'GradientProbeHook: interval must be at least 1, got {interval}')
        self.interval, self.probe = interval, GradientProbe(at)

    def before_train(self, runner: Runner) -> None:
        """Have the taps recorded that the pairs do not read."""
        if self._pairs(runner):
            model = unwrapped(runner)
            model.record(self.probe.taps(model.student, model.pairs.values()))

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Ask for a measurement in the steps that are logged."""
        if self._pairs(runner):
            unwrapped(runner).probe = self.probe if self.every_n_train_iters(runner, self.interval) else None

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write the entries of this step to the message hub."""
        report = unwrapped(runner).gradients if self._pairs(runner) else None
        if report is None:
            return
        entries = {f'grad_norm.{name}': norm for name, norm in report.norms().items()}
        entries |= {f'grad_share.{name}': share for name, share in report.shares().items()}
        entries |= {f'grad_cos.{one}.{other}': cosine for (one, other), cosine in report.cosines().items()}
        for name, value in entries.items():
            runner.message_hub.update_scalar(f'train/{name}', value)

    @staticmethod
    def _pairs(runner: Runner) -> Any:
        return getattr(unwrapped(runner), 'pairs', None)
