"""Stops a run whose numbers are no longer finite, before a checkpoint is written."""

from __future__ import annotations

import math
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.distill.accounting import NonFiniteLoss
from perception_kd.distill.batch import sample_name
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class NaNGuardHook(Hook):
    """Raises when a logged loss, or the norm of the gradients, is NaN or infinite; names it and the samples.

    A distiller looks for the pair, the tap and the sample itself, before the backward pass; this hook is what
    catches a bare student and gradients. Infinite gradients are the daily bread of a loss scaler, so they are
    looked at only where there is none.

    Args:
        interval: Iterations between two looks; each waits for the device.
    """

    priority = 'HIGH'

    def __init__(self, interval: int = 1) -> None:
        if interval < 1:
            raise ValueError(f'NaNGuardHook: interval must be at least 1, got {interval}')
        self.interval = interval

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Look at this step's losses and gradient norm.

        Raises:
            NonFiniteLoss: One of them is not finite.
        """
        if not self.every_n_train_iters(runner, self.interval):
            return
        bad = [name for name, value in (outputs or {}).items()
               if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all())]
        scalars = runner.message_hub.log_scalars
        scaler = getattr(runner.optim_wrapper, 'loss_scaler', None)
        if 'train/grad_norm' in scalars and not (scaler is not None and scaler.is_enabled()):
            bad += [] if math.isfinite(scalars['train/grad_norm'].current()) else ['grad_norm']
        if bad:
            raise NonFiniteLoss(f'not finite at iteration {runner.iter}: {", ".join(bad)}; samples: '
                                f'{", ".join(_samples(data_batch)) or "unknown"}')


def _samples(data_batch: Any) -> list[str]:
    samples = data_batch.get('data_samples') if isinstance(data_batch, dict) else None
    return [sample_name(sample, index) for index, sample in enumerate(samples or [])]
