"""Taps: values inside a model that a recorder can take out during one forward pass.

Our own models mark a tap with :func:`tap`, an identity call. Foreign models are captured by
:func:`capture_modules` through forward hooks that live inside a ``with`` block only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal, TypeVar

import torch
from torch import Tensor, nn

from perception_kd.structures import TapSpec

T = TypeVar('T')
Call = int | Literal['last', 'first', 'all']

_ACTIVE: list[TapRecorder] = []
_SELECTOR = re.compile(r'^(?P<path>[^\[\]]*)(?P<items>(\[[^\[\]]+\])*)$')


class Enough(Exception):
    """Leaves a forward pass that has yielded every tap wanted; caught by the recorder that raised it."""

    def __init__(self, recorder: TapRecorder) -> None:
        super().__init__('every tap wanted has been recorded')
        self.recorder = recorder


class TapRecorder:
    """Takes the taps of one forward pass while it is active; recorders may be nested.

    Plain tensors are kept as they are; collecting one that was changed in place afterwards is an error.
    Containers (a head's list of dicts) are copied with their tensors, because CenterHead's loss turns the
    logits it is given into probabilities in place.

    Args:
        wanted: Names to keep, None for all.
        calls: Which firing of a tap counts, by name; ``last`` where not given.
        stop: Leave the forward pass once every wanted tap is complete. Needs ``wanted``; a tap of call
            ``last`` or ``all`` is never known to be complete.
    """

    def __init__(
        self,
        *,
        wanted: Iterable[str] | None = None,
        calls: Mapping[str, Call] | None = None,
        stop: bool = False,
    ) -> None:
        self._wanted = None if wanted is None else frozenset(wanted)
        if stop and self._wanted is None:
            raise ValueError('TapRecorder(stop=True) needs the names that are wanted')
        self._calls = dict(calls or {})
        self._stop = stop
        self._fired: dict[str, int] = {}
        self._kept: dict[str, list[tuple[Any, int | None]]] = {}

    @classmethod
    def of(cls, specs: Mapping[str, TapSpec], wanted: Iterable[str], stop: bool = False) -> TapRecorder:
        """A recorder that follows the declared calls of ``specs``."""
        names = list(wanted)
        return cls(wanted=names, calls={name: specs[name].call for name in names}, stop=stop)

    def __enter__(self) -> TapRecorder:
        _ACTIVE.append(self)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> bool:
        _ACTIVE.remove(self)
        return isinstance(error, Enough) and error.recorder is self

    def record(self, name: str, value: Any) -> None:
        """Count a firing of ``name`` and keep the value if this firing is the one that counts."""
        if self._wanted is not None and name not in self._wanted:
            return
        nth = self._fired.get(name, 0)
        self._fired[name] = nth + 1
        call = self._calls.get(name, 'last')
        if call == 'all':
            self._kept.setdefault(name, []).append(_keep(value))
        elif call == 'last' or nth == (0 if call == 'first' else call):
            self._kept[name] = [_keep(value)]
        if self._stop and all(self._complete(wanted) for wanted in self._wanted):
            raise Enough(self)

    def _complete(self, name: str) -> bool:
        return self._calls.get(name, 'last') not in ('last', 'all') and name in self._kept

    def collect(self) -> dict[str, Any]:
        """The recorded values by name, a list where the call is ``all``; the recorder is empty afterwards.

        Raises:
            ValueError: A wanted tap did not fire, or not often enough; a tensor was changed in place since.
        """
        kept, self._kept = self._kept, {}
        fired, self._fired = self._fired, {}
        for name in sorted(self._wanted or ()):
            if name not in kept:
                raise ValueError(
                    f"tap '{name}' fired {fired.get(name, 0)} times in this forward pass, call "
                    f"'{self._calls.get(name, 'last')}' was asked for"
                )
        return {name: self._value(name, entries) for name, entries in kept.items()}

    def _value(self, name: str, entries: list[tuple[Any, int | None]]) -> Any:
        for value, version in entries:
            if version is not None and value._version != version:
                raise ValueError(
                    f"tap '{name}' was changed in place after it was recorded; mark the tap after "
                    'the in-place operation or make that operation out of place'
                )
        values = [value for value, _ in entries]
        return values if self._calls.get(name, 'last') == 'all' else values[0]


def _keep(value: Any) -> tuple[Any, int | None]:
    return (value, value._version) if isinstance(value, Tensor) else (_copied(value), None)


def _copied(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.clone()
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_copied(item) for item in value]
    return value


def tap(name: str, value: T) -> T:
    """Mark ``value`` as the tap ``name``; returns it unchanged, and records it if a recorder is active."""
    if torch.compiler.is_compiling():  # while torch.compile traces: torch's compiler is loaded, elsewhere it is not
        from perception_kd.distill.untraced import record_untraced

        return record_untraced(name, value)
    return record(name, value)


def record(name: str, value: T) -> T:
    """Show ``value`` to all active recorders; returns it."""
    for recorder in _ACTIVE:
        recorder.record(name, value)
    return value


@contextmanager
def capture_modules(
    model: nn.Module, paths: Mapping[str, str], *, calls: Mapping[str, Call] | None = None, stop: bool = False
) -> Iterator[TapRecorder]:
    """Record outputs of sub-modules of a foreign model by forward hooks, which are removed on leaving.

    Args:
        model: Any module. Nothing of it is patched.
        paths: Tap name -> module path with optional selectors: ``pts_backbone[1]`` is the second output of
            ``model.pts_backbone``, ``head[0][heatmap]`` goes into nested lists and dicts, an empty path is
            the model itself.
        calls: As for :class:`TapRecorder`.
        stop: As for :class:`TapRecorder`: the block is left at the last tap wanted.

    Yields:
        The :class:`TapRecorder`; call ``collect()`` after the block.

    Raises:
        ValueError: A path that the model does not have; the message lists the children at that place.
    """
    targets = {name: _resolve(model, name, path) for name, path in paths.items()}
    recorder = TapRecorder(wanted=paths, calls=calls, stop=stop)
    with recorder, ExitStack() as hooks:
        for name, (module, items) in targets.items():
            hooks.callback(module.register_forward_hook(_recording_hook(recorder, name, items)).remove)
        yield recorder


def _recording_hook(recorder: TapRecorder, name: str, items: list[str]):
    def hook(module: nn.Module, args: tuple, output: Any) -> None:
        for item in items:
            output = output[item] if isinstance(output, Mapping) else output[int(item)]
        recorder.record(name, output)

    return hook


def _resolve(model: nn.Module, name: str, path: str) -> tuple[nn.Module, list[str]]:
    match = _SELECTOR.match(path)
    if match is None:
        raise ValueError(f"tap '{name}': cannot read the module path '{path}'")
    module = model
    for part in filter(None, match['path'].split('.')):
        children = dict(module.named_children())
        if part not in children:
            raise ValueError(
                f"tap '{name}': {type(module).__name__} has no sub-module '{part}' (path '{path}'); "
                f'it has: {", ".join(children) or "none"}'
            )
        module = children[part]
    return module, re.findall(r'\[([^\[\]]+)\]', match['items'])
