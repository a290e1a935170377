"""A block inside of a model: what it is called with, what it writes, and another module in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from perception_kd.distill.nested import tensors_of


@dataclass(frozen=True)
class BlockCall:
    """One call of a block.

    Attributes:
        args, kwargs: What it was called with: tensors in nested lists and dicts.
        output: What it gave.
    """

    args: tuple
    output: Any
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def written(self) -> list[Tensor]:
        """Tensors of the output that were not handed in: a block may pass on what it was given."""
        given = {id(tensor) for tensor in tensors_of([self.args, dict(self.kwargs)])}
        return [tensor for tensor in tensors_of(self.output) if id(tensor) not in given]

    def repeat(self, module: nn.Module) -> list[Tensor]:
        """What another module writes, called in the same way."""
        return BlockCall(self.args, module(*self.args, **self.kwargs), self.kwargs).written


class _Reached(Exception):
    """Leaves a forward pass at the block; caught by the recording that raised it."""


def record_call(model: nn.Module, path: str, forward: Callable[[], Any], *, stop: bool = False) -> BlockCall:
    """The call of a block in one forward pass.

    Args:
        model: Holds the block.
        path: Module path of the block.
        forward: Runs the model.
        stop: Leave the forward pass behind the block; further calls are then not seen.

    Raises:
        ValueError: no such module, or the block is not called exactly once.
    """
    calls: list[BlockCall] = []
    reached = _Reached(path)

    def hook(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
        calls.append(BlockCall(args, output, kwargs))
        if stop:
            raise reached

    handle = module_at(model, path).register_forward_hook(hook, with_kwargs=True)
    try:
        forward()
    except _Reached as error:
        if error is not reached:
            raise
    finally:
        handle.remove()
    if len(calls) != 1:
        raise ValueError(f'block {path} of {type(model).__name__} is called {len(calls)} times in a forward pass; a '
                         'block to search is called once')
    return calls[0]


def module_at(model: nn.Module, path: str, *, where: str = '') -> nn.Module:
    """The sub-module at a path.

    Args:
        model: Holds it.
        path: Names of children, with dots between them.
        where: Beginning of the error's line.

    Raises:
        ValueError: there is none; names the children of the deepest module on the way.
    """
    module = model
    for part in path.split('.'):
        children = dict(module.named_children())
        if part not in children:
            raise ValueError(f'{where}{type(model).__name__} has no module {path}: {type(module).__name__} has '
                             f'{", ".join(children) or "no sub-modules"}')
        module = children[part]
    return module


@contextmanager
def swapped(model: nn.Module, path: str, module: nn.Module) -> Iterator[None]:
    """``module`` stands at the path inside of the block; the model's own is back afterwards."""
    own = module_at(model, path)
    parent, _, name = path.rpartition('.')
    holder = module_at(model, parent) if parent else model
    setattr(holder, name, module)  # also for the children of lists and dicts, whose names are no identifiers
    try:
        yield
    finally:
        setattr(holder, name, own)
