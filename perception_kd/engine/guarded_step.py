"""One training step that may turn out bad: nothing of it stays."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from mmengine import dist
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from perception_kd.distill.accounting import MetElsewhere, NonFiniteLoss


class GuardedUpdate:
    """What a model's ``train_step`` sees of the optimiser: it looks at loss and gradients before weights change.

    Every process of a job comes to the same verdict, so that all leave out the same step. Infinite gradients are the
    daily bread of a loss scaler, which leaves out such steps itself: with one, only the loss is looked at.

    Args:
        wrapper: The optimiser wrapper that does the work.
    """

    def __init__(self, wrapper: OptimWrapper) -> None:
        self.wrapper = wrapper

    def optim_context(self, model: nn.Module) -> AbstractContextManager:
        """The wrapper's."""
        return self.wrapper.optim_context(model)

    def update_params(self, loss: Tensor, step_kwargs: dict | None = None, zero_kwargs: dict | None = None) -> None:
        """As mmengine's.

        Raises:
            NonFiniteLoss: before the optimiser has stepped.
        """
        wrapper = self.wrapper
        demand_finite(loss, 'the loss')
        wrapper.backward(wrapper.scale_loss(loss))
        scaler = getattr(wrapper, 'loss_scaler', None)
        if scaler is None or not scaler.is_enabled():
            groups = wrapper.optimizer.param_groups
            grads = [weight.grad for group in groups for weight in group['params'] if weight.grad is not None]
            if grads:
                demand_finite(torch.stack(torch._foreach_norm(grads)), 'a gradient')
        if wrapper.should_update():
            wrapper.step(**(step_kwargs or {}))
            wrapper.zero_grad(**(zero_kwargs or {}))


def demand_finite(value: Tensor, what: str) -> None:
    """See that a tensor is finite in all processes.

    Raises:
        NonFiniteLoss: here; :class:`MetElsewhere`, one of its kind, in the processes where all is well.
    """
    here = torch.isfinite(value.detach()).all().float()
    everywhere = here.clone()
    if dist.get_world_size() > 1:
        dist.all_reduce(everywhere, 'min')
    if not bool(everywhere):
        raise MetElsewhere(f'another process met {what} that is not finite') if bool(here) else NonFiniteLoss(
            f'{what} is not finite')


def guarded_step(model: nn.Module, batch: Any, wrapper: OptimWrapper) -> dict[str, Tensor]:
    """``model.train_step``; where a loss or a gradient is not finite, the model is afterwards as it was before.

    Weights and optimiser are not stepped, buffers (statistics of batch norms) get their values back, and gradients
    are dropped, those that earlier steps of an accumulation have left included.

    Raises:
        NonFiniteLoss: after that.
    """
    buffers = list(model.buffers())
    before = [buffer.clone() for buffer in buffers]
    counted = wrapper.inner_count
    try:
        return model.train_step(batch, optim_wrapper=GuardedUpdate(wrapper))
    except NonFiniteLoss:
        with torch.no_grad():
            for buffer, value in zip(buffers, before):
                buffer.copy_(value)
        wrapper.zero_grad()
        wrapper._inner_count = counted + 1  # the step is over, whether its backward pass ran or not
        raise
