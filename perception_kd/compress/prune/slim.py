"""Removing channels from weights so that nothing else changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from perception_kd.compress.prune.groups import ChannelGroup

State = Mapping[str, Tensor]


def slim(state: State, groups: Sequence[ChannelGroup], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of the model without the channels that go: what :func:`mask` computes, with fewer of them.

    A mean over a group's channels was over all of them, those that are 0 included: its weight is multiplied by the
    part that stays.

    Args:
        state: Of the whole model.
        groups: Its groups.
        kept: Indices by group, ascending.

    Returns:
        Copies.
    """
    stays: dict[tuple[str, int], Tensor] = {}
    for group in groups:
        for slot in group.slots:
            shape = state[slot.name].shape
            mask = stays.setdefault((slot.name, slot.axis), torch.ones(shape[slot.axis], dtype=torch.bool))
            mask[slot.start + _removed(group, kept)] = False
    slimmed = {name: value.detach().clone() for name, value in state.items()}
    for (name, axis), mask in stays.items():
        slimmed[name] = slimmed[name].index_select(axis, mask.nonzero()[:, 0].to(slimmed[name].device))
    for group in groups:
        for slot in group.means:
            slimmed[slot.name].select(slot.axis, slot.start).mul_(len(kept[group.name]) / group.size)
    return slimmed


def mask(state: State, groups: Sequence[ChannelGroup], kept: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State dict of the whole model whose channels that go are 0: their producers' weights and biases are.

    Arguments and result as of :func:`slim`.
    """
    masked = {name: value.detach().clone() for name, value in state.items()}
    for group in groups:
        for slot in group.producers:
            value = masked[slot.name]
            value.index_fill_(slot.axis, (slot.start + _removed(group, kept)).to(value.device), 0)
    return masked


def _removed(group: ChannelGroup, kept: Mapping[str, Tensor]) -> Tensor:
    stays = torch.zeros(group.size, dtype=torch.bool)
    stays[kept[group.name].cpu()] = True
    return (~stays).nonzero()[:, 0]
