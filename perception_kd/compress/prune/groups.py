"""Channels that can only be removed together: where they are made, and where they are read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd


@dataclass(frozen=True)
class Slot:
    """Where a group's channels lie in one tensor of a state dict.

    Attributes:
        name: Of the parameter or buffer.
        axis: Along which they lie side by side.
        start: Index of the first one.
    """

    name: str
    axis: int
    start: int = 0


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that can only be removed together.

    Without its producers' weights and biases a channel is 0 wherever it is read, so that removing it there, too,
    changes nothing.

    Attributes:
        name: Unique in a model.
        size: Number of channels.
        producers: What makes them: weights and biases of the layers whose outputs they are.
        consumers: Weights of the layers that read them.
        means: Weights (one index along an axis each) that are multiplied by the mean over these channels: it is over
            fewer of them afterwards.
    """

    name: str
    size: int
    producers: tuple[Slot, ...]
    consumers: tuple[Slot, ...]
    means: tuple[Slot, ...] = ()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Producers and consumers."""
        return self.producers + self.consumers


class ChannelTable(Protocol):
    """The groups of a kind of model, and how a config says their sizes."""

    taps: Mapping[str, str]
    """Taps of the model whose channels are a group's, and the name of that group."""
    never_run: tuple[str, ...]
    """Prefixes of weights that no forward pass reads and that a slimmed model does without."""

    def groups(self, model: nn.Module) -> list[ChannelGroup]:
        """All groups of a model."""

    def slimmed_config(self, config: Mapping[str, Any], widths: Mapping[str, int]) -> dict[str, Any]:
        """Config of the model whose groups have these sizes."""

    def teaching_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Config of the same model where it teaches its slimmed self: its taps fire as often as in training."""


def made_by(model: nn.Module, *paths: str) -> tuple[Slot, ...]:
    """Producers: weights, biases and statistics of layers, along their outputs; an empty place in a path is the model.

    A path may name a convolution (depth-wise: it makes what it reads), a transposed one, a linear layer, a
    normalisation, a parameter of one value a channel, or a sequence of such.
    """
    return tuple(slot for path in paths for slot in _made_by(_found(model, path), path))


def read_by(model: nn.Module, *paths: str, start: int = 0) -> tuple[Slot, ...]:
    """Consumers: weights of convolutions and linear layers, along their inputs from ``start`` on.

    Raises:
        ValueError: a layer of another kind, or a grouped convolution.
    """
    return tuple(Slot(f'{path}.weight', _input_axis(_found(model, path), path), start) for path in paths)


def check_groups(model: nn.Module, groups: Sequence[ChannelGroup]) -> None:
    """See that every slot lies inside of its tensor.

    Raises:
        ValueError: names group and tensor.
    """
    state = model.state_dict()
    for group in groups:
        for slot in group.slots:
            if slot.name not in state:
                raise ValueError(f'group {group.name}: {type(model).__name__} has no {slot.name}')
            shape = tuple(state[slot.name].shape)
            if slot.axis >= len(shape) or slot.start + group.size > shape[slot.axis]:
                raise ValueError(f'group {group.name}: {group.size} channels from {slot.start} on along axis '
                                 f'{slot.axis} are not in {slot.name} of {shape}')


def outside(model: nn.Module, groups: Iterable[ChannelGroup]) -> list[str]:
    """Paths of the largest modules with weights of which none belongs to a group."""
    touched = {slot.name for group in groups for slot in (*group.slots, *group.means)}
    return list(_outside(model, '', touched))


def _outside(module: nn.Module, prefix: str, touched: set[str]) -> Iterator[str]:
    for name, child in module.named_children():
        names = {f'{prefix}{name}.{weight}' for weight, _ in child.named_parameters()}
        if names and not names & touched:
            yield prefix + name
        elif names:
            yield from _outside(child, f'{prefix}{name}.', touched)


def _found(model: nn.Module, path: str) -> nn.Module | nn.Parameter:
    try:
        parent, _, name = path.rpartition('.')
        return getattr(model.get_submodule(parent), name)
    except AttributeError:
        raise ValueError(f'{type(model).__name__} has no {path}') from None


def _made_by(part: nn.Module | nn.Parameter, path: str) -> Iterator[Slot]:
    if isinstance(part, nn.Parameter):
        yield Slot(path, 0)
    elif isinstance(part, nn.Sequential):
        for name, child in part.named_children():
            yield from _made_by(child, f'{path}.{name}')
    else:
        axis = 1 if isinstance(part, _ConvTransposeNd) else 0
        names = ('weight', 'bias', *(('running_mean', 'running_var') if isinstance(part, _BatchNorm) else ()))
        yield from (Slot(f'{path}.{name}', axis if name == 'weight' else 0) for name in names
                    if getattr(part, name, None) is not None)


def _input_axis(part: nn.Module | nn.Parameter, path: str) -> int:
    if isinstance(part, _ConvNd) and part.groups == 1:
        return 0 if isinstance(part, _ConvTransposeNd) else 1
    if isinstance(part, nn.Linear):
        return 1
    raise ValueError(f'{path} is a {type(part).__name__}: channels are read by convolutions of one group and by linear '
                     'layers')
