"""Modules pickled whole, read without their code: every class of the file becomes a stand-in that only keeps its state.

The unpickler knows the few functions that make tensors and containers, and nothing else; it imports no module that the
file names and calls nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from perception_kd.engine.foreign_checkpoint import CarefulUnpickler, Inert
from perception_kd.files import limited_memory, require_file

_LEAST_MEMORY = 2**31  # bytes that reading a small file may take
_PLAIN = (bool, int, float, str, type(None))


@dataclass
class Layer:
    """One module of the tree.

    Attributes:
        kind: Name of its class.
        settings: Its plain attributes: numbers, words, tuples of them, and by name those of a namespace or mapping.
        tensors: Its own parameters and buffers that a state dict would hold.
        children: By name, in the order in which they were added.
    """

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    children: dict[str, Layer] = field(default_factory=dict)

    def walk(self, prefix: str = '') -> Iterator[tuple[str, Layer]]:
        """This layer and all below it, with their names."""
        yield prefix, self
        for name, child in self.children.items():
            yield from child.walk(f'{prefix}.{name}' if prefix else name)

    def state_dict(self) -> dict[str, Tensor]:
        """All tensors by name."""
        return {f'{place}.{name}' if place else name: value
                for place, layer in self.walk() for name, value in layer.tensors.items()}

    def child(self, path: str) -> Layer | None:
        """The layer at ``a.b.c``; None where there is none."""
        layer: Layer | None = self
        for name in path.split('.'):
            layer = None if layer is None else layer.children.get(name)
        return layer


class _StandIn(Inert):
    """Stands for an object of a class of the file: keeps its state, does nothing."""

    kind = ''
    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _ModuleUnpickler(CarefulUnpickler):
    def unknown(self, module: str, name: str) -> Any:
        return type('StandIn', (_StandIn,), dict(kind=name.rsplit('.', 1)[-1]))


_module_pickle = SimpleNamespace(Unpickler=_ModuleUnpickler, __name__='module pickle',
                                 load=lambda file, **kwargs: _ModuleUnpickler(file, **kwargs).load())


def read_module(path: str | Path) -> Layer:
    """The tree of a module that ``torch.save`` wrote whole.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is damaged, or holds something else.
    """
    path = require_file(path, 'checkpoint')
    try:
        with limited_memory(_LEAST_MEMORY + 10 * path.stat().st_size):
            content = torch.load(path, map_location='cpu', pickle_module=_module_pickle, weights_only=False)
            if isinstance(content, dict):
                content = content.get('model', content)
            tree = _layer(content) if _is_module(content) else None
    except Exception as error:  # a damaged pickle can end in any of them
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f'checkpoint {path} is damaged or incomplete: {reason}') from error
    if tree is None:
        raise ValueError(f'checkpoint {path} holds no pickled module')
    return tree


def _is_module(value: Any) -> bool:
    return isinstance(value, _StandIn) and isinstance(value.state, dict) and isinstance(
        value.state.get('_modules'), dict)


def _layer(module: _StandIn) -> Layer:
    state = module.state
    buffers = {name: value for name, value in (state.get('_buffers') or {}).items()
               if name not in (state.get('_non_persistent_buffers_set') or ())}
    tensors = {name: value.detach() for name, value in {**(state.get('_parameters') or {}), **buffers}.items()
               if isinstance(value, Tensor)}
    children = {name: _layer(child) for name, child in state['_modules'].items() if _is_module(child)}
    public = {name: value for name, value in state.items() if not name.startswith('_')}
    settings = {name: value for name, value in public.items() if _is_plain(value)}
    settings |= {name: _options(value) for name, value in public.items() if isinstance(value, _StandIn)}
    return Layer(type(module).kind, settings, tensors, children)


def _options(value: _StandIn) -> dict[str, Any]:
    """Plain entries of an ``argparse.Namespace``, or of a mapping of OmegaConf, whose nodes hold their value."""
    state = value.state if isinstance(value.state, dict) else {}
    content = state.get('_content', state)
    entries = content.items() if isinstance(content, dict) else ()
    held = {name: one.state.get('_val') if isinstance(one, _StandIn) and isinstance(one.state, dict) else one
            for name, one in entries}
    return {name: one for name, one in held.items() if _is_plain(one)}


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))
