"""How much a channel matters: what the loss would change by, to first order, if its weights were 0."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.compress.prune.groups import ChannelGroup


def collect_gradients(model: nn.Module, batches: Iterable[Mapping[str, Any]],
                      groups: Sequence[ChannelGroup]) -> dict[str, Tensor]:
    """Mean gradient of the training loss over batches, for every weight of the groups.

    The model is in eval mode: its statistics stay, nothing is dropped. Nothing of it changes.

    Args:
        model: Gives its losses in mode ``loss``; recurrent ones are run through as in training.
        batches: Arguments of its ``forward``, one or more.
        groups: Of the model.

    Raises:
        ValueError: no batch, or a loss that is not finite.
    """
    wanted = {slot.name for group in groups for slot in group.slots}
    count = 0
    with _learning(model, wanted) as weights:
        for batch in batches:
            loss, _ = model.parse_losses(model(**batch, mode='loss'))
            if not torch.isfinite(loss):
                raise ValueError(f'the training loss of batch {count} is {float(loss)}: it tells no importance')
            loss.backward()
            count += 1
        if not count:
            raise ValueError('the training data give no batch to tell importance from')
        return {name: torch.zeros_like(weight) if weight.grad is None else weight.grad / count
                for name, weight in weights.items()}


@contextmanager
def _learning(model: nn.Module, wanted: set[str]) -> Iterator[dict[str, nn.Parameter]]:
    """The weights of these names, which alone collect gradient inside of the block."""
    before = {name: weight.requires_grad for name, weight in model.named_parameters()}
    training = model.training
    weights = {name: weight for name, weight in model.named_parameters() if name in wanted}
    model.requires_grad_(False).eval()
    for weight in weights.values():
        weight.requires_grad_(True)
    model.zero_grad(set_to_none=True)
    try:
        with torch.enable_grad():
            yield weights
    finally:
        model.zero_grad(set_to_none=True)
        for name, weight in model.named_parameters():
            weight.requires_grad_(before[name])
        model.train(training)


def taylor_importance(weights: Mapping[str, Tensor], gradients: Mapping[str, Tensor], groups: Sequence[ChannelGroup], *,
                      normalise: bool = True) -> dict[str, Tensor]:
    """Importance of every channel: ``I = mean over members of sum_w |w dL/dw|``.

    First-order Taylor expansion (Molchanov et al., ICLR 2017) summed over a group as DepGraph does (Fang et al., CVPR
    2023): a member is what one tensor of a producer or consumer holds of a channel.

    Args:
        weights: State dict.
        gradients: Of its weights; what has none (a running statistic) is no member.
        groups: Of the model.
        normalise: Divide by the mean over the group, so that groups of large and of small layers compare.

    Returns:
        By group, ``(size,)`` float32 on the CPU.
    """
    found = {}
    for group in groups:
        members = [_over_channels(weights[slot.name] * gradients[slot.name], slot.axis)[slot.start:][:group.size]
                   for slot in group.slots if slot.name in gradients]
        importance = torch.stack(members).mean(dim=0)
        if normalise:
            importance = importance / importance.mean().clamp(min=torch.finfo(importance.dtype).tiny)
        found[group.name] = importance
    return found


def _over_channels(product: Tensor, axis: int) -> Tensor:
    """Sum of sizes over all other axes, ``(channels,)``."""
    return product.detach().float().abs().movedim(axis, 0).reshape(product.shape[axis], -1).sum(dim=1).cpu()
