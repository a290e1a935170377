"""Logs how much of the total each pair is, before anybody believes a weight."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.distill.accounting import loss_shares
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class KDLogHook(Hook):
    """Logs ``share.<pair>`` (of the magnitudes of all losses), ``share.task`` and ``weight.<pair>``.

    Args:
        interval: Iterations between two entries; each reads the losses back from the device.
    """

    priority = 'NORMAL'

    def __init__(self, interval: int = 10) -> None:
        if interval < 1:
            raise ValueError(f'KDLogHook: interval must be at least 1, got {interval}')
        self.interval = interval

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write the entries of this step to the message hub."""
        weights = getattr(unwrapped(runner), 'weights', None)
        if not weights or not outputs or not self.every_n_train_iters(runner, self.interval):
            return
        for name, share in loss_shares(outputs).items():
            runner.message_hub.update_scalar(f'train/share.{name}', share)
        for name, weight in weights.items():
            runner.message_hub.update_scalar(f'train/weight.{name}', weight)
