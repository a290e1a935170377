"""Parts of a model, run alone on what they were given in one of its forward passes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

from perception_kd.compress.search.block_taps import module_at

JOINT = frozenset(('mean', 'sum', 'max', 'min', 'amax', 'amin', 'prod', 'std', 'var', 'norm', 'linalg_vector_norm',
                   'logsumexp', 'softmax', 'log_softmax', 'normalize', 'cumsum'))
"""Functions of ``torch`` that, along the channels, make of all channels together what none of them says alone."""
MOVED = frozenset(('pixel_shuffle', 'pixel_unshuffle', 'channel_shuffle', 'expand', 'expand_as', 'repeat', 'split',
                   'split_with_sizes', 'chunk', 'tensor_split'))
"""Functions of ``torch`` whose channels are not those that they were given, where their number is not."""
ALIKE = frozenset(('mul', 'rmul', 'imul', 'multiply', 'add', 'radd', 'iadd', 'sub', 'rsub', 'isub', 'div', 'truediv',
                   'rtruediv', 'itruediv', 'true_divide'))
"""Functions of ``torch`` of two maps, place by place and channel by channel, or of a map and one channel."""

Kind = Literal['edge', 'joint', 'open']


@dataclass(frozen=True)
class Call:
    """What a module was given, and what it gave.

    Attributes:
        path: Of the module in its model.
        module: Itself.
        args, kwargs, output: Nested tensors.
    """

    path: str
    module: nn.Module
    args: tuple
    kwargs: dict[str, Any]
    output: Any


def record_calls(model: nn.Module, paths: Iterable[str], run: Callable[[], Any]) -> dict[str, Call]:
    """The first call of each module while ``run`` runs the model, by path.

    Raises:
        ValueError: The model has no such module, or it is not called.
    """
    calls: dict[str, Call] = {}

    def keep(path: str) -> Callable:
        def hook(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
            calls.setdefault(path, Call(path, module, args, kwargs, output))
        return hook

    paths = list(paths)
    with ExitStack() as hooks:
        for path in paths:
            module = module_at(model, path, where='prune: ')
            hooks.callback(module.register_forward_hook(keep(path), with_kwargs=True).remove)
        run()
    silent = [path for path in paths if path not in calls]
    if silent:
        raise ValueError(f'prune: {silent[0]} is not called in a forward pass of {type(model).__name__}')
    return calls


class Boundary(nn.Module):
    """Identity where channels on one side are not those on the other.

    Args:
        kind: ``edge``: between a part and the rest of the model, all channels are needed; ``joint``: behind a function
            of all channels together; ``open``: one channel that is used with each of many.
    """

    def __init__(self, kind: Kind) -> None:
        super().__init__()
        self.kind, self.channels = kind, 1

    def forward(self, value: Tensor) -> Tensor:
        """The same value as a node of its own in autograd's graph."""
        self.channels = value.shape[1] if value.ndim > 1 else 1
        return value.clone()


class Parts(nn.Module):
    """Chains of modules, each run on its recorded inputs; between what is chained tensors are handed on.

    Args:
        chains: Calls of each chain in their order. A tensor that one of them gave and a later one took is theirs
            alone; all else that goes in or out passes a :class:`Boundary`.
    """

    def __init__(self, chains: Sequence[Sequence[Call]]) -> None:
        super().__init__()
        self.chains = [list(chain) for chain in chains]
        self.parts = nn.ModuleList(call.module for chain in chains for call in chain)
        self.boundaries = nn.ModuleDict()
        self()  # makes every boundary before anybody looks for them

    def forward(self) -> list[Tensor]:
        """What leaves the chains."""
        self._count = 0
        with _ChannelFunctions(self._bounded):
            return [value for chain in self.chains for value in self._run(chain)]

    def _run(self, chain: list[Call]) -> list[Tensor]:
        given: dict[int, Tensor] = {}
        taken = {id(value) for call in chain for value in tree_leaves((call.args, call.kwargs))}
        leaving = []
        for call in chain:
            args, kwargs = tree_map(lambda value: self._enter(value, given), (call.args, call.kwargs))
            for before, now in zip(tree_leaves(call.output), tree_leaves(call.module(*args, **kwargs)), strict=True):
                if id(before) in taken and isinstance(now, Tensor):
                    given[id(before)] = now
                elif isinstance(now, Tensor) and now.requires_grad:
                    leaving.append(self._bounded(now))
        return leaving

    def _enter(self, value: Any, given: Mapping[int, Tensor]) -> Any:
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        if id(value) in given:
            return given[id(value)]
        return self._bounded(value.detach().clone().requires_grad_())

    def _bounded(self, value: Tensor, kind: Kind = 'edge') -> Tensor:
        name = f'{self._count}'
        self._count += 1
        if name not in self.boundaries:
            self.boundaries[name] = Boundary(kind)
        return self.boundaries[name](value)


class _ChannelFunctions(TorchFunctionMode):
    """Puts boundaries where functions mix, move or spread channels: the graph takes all for channel by channel."""

    def __init__(self, bounded: Callable[..., Tensor]) -> None:
        super().__init__()
        self._bounded = bounded

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        """As ``func``."""
        name, kwargs = getattr(func, '__name__', '').strip('_'), kwargs or {}
        if name in ALIKE and len(args) == 2:
            args = self._spread(*args)
        result = func(*args, **kwargs)
        if name in MOVED:
            return tree_map(lambda one: one if _channels(one) == _channels(args[0]) else self._bounded(one), result)
        if name not in JOINT or not _along_channels(args, kwargs):
            return result
        if isinstance(result, Tensor):
            return self._bounded(result, 'joint')
        return type(result)([self._bounded(result[0], 'joint'), *result[1:]])  # values and their places

    def _spread(self, *maps: Any) -> tuple:
        """Two maps, of which one may have a single channel for all channels of the other."""
        most = max(map(_channels, maps)) if len({getattr(one, 'ndim', 0) for one in maps}) == 1 else 0
        return tuple(self._bounded(one, 'open') if _channels(one) == 1 < most and one.requires_grad else one
                     for one in maps)


def _channels(value: Any) -> int:
    """Of a map or a vector a sample; 0 of anything else."""
    return value.shape[1] if isinstance(value, Tensor) and value.ndim > 1 else 0


def _along_channels(args: tuple, kwargs: Mapping[str, Any]) -> bool:
    """Whether a function of a map ``(B, C, H, W)``, or ``(B, C)``, works along C."""
    value = args[0] if args else kwargs.get('input')
    if not isinstance(value, Tensor) or not value.requires_grad or value.ndim < 2:
        return False
    if any(isinstance(one, Tensor) for one in args[1:]):  # the larger of two maps, place by place
        return False
    along = kwargs.get('dim', next((one for one in args[1:] if isinstance(one, (int, tuple, list))), None))
    dims = range(value.ndim) if along is None else [along] if isinstance(along, int) else along
    return any(dim % value.ndim == 1 for dim in dims)
