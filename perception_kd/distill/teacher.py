"""A frozen teacher: weights that never change, on the right device, and in nobody's state dict."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, Protocol

import torch
from mmengine.logging import print_log
from torch import nn

from perception_kd.distill.checkpoint_origin import check_origin
from perception_kd.distill.checks import check_value
from perception_kd.distill.derived import derive, sources, with_derived
from perception_kd.distill.nested import detached
from perception_kd.distill.taps import TapRecorder
from perception_kd.distill.weights import LoadReport, load_strictly
from perception_kd.registry import MODELS, TEACHER_ADAPTERS
from perception_kd.structures import TapSpec

_AUTOCAST = {None: None, 'float32': None, 'bfloat16': torch.bfloat16, 'float16': torch.float16, 'amp': 'amp'}


class Teacher(Protocol):
    """What the distiller asks of a teacher. A label teacher is any object with these two methods."""

    def tap_specs(self) -> Mapping[str, TapSpec]:
        """The declared taps by name."""

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> Mapping[str, Any]:
        """Values of ``taps``. ``inputs`` are the loader's, on the device, not collated."""


@TEACHER_ADAPTERS.register_module()
class MarkedModelAdapter:
    """Adapter of a model of our own that marks its taps itself (a student of one run teaching another).

    Args:
        model: Has ``tap_specs``, ``data_preprocessor`` and mode ``tensor``.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def tap_specs(self) -> Mapping[str, TapSpec]:
        """The model's own declarations."""
        return self.model.tap_specs()

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Any]:
        """A forward pass in mode ``tensor``, left early where the declared calls allow it."""
        data = self.model.data_preprocessor(dict(inputs=inputs, data_samples=data_samples), False)
        with TapRecorder.of(self.tap_specs(), taps, stop=True) as recorder:
            self.model(**data, mode='tensor')
        return recorder.collect()

    def functions(self) -> dict[str, Callable]:
        """The ``functions`` of the model, and ``predict``: the loader's inputs, data samples -> ``InstanceData``."""
        own = self.model.functions() if hasattr(self.model, 'functions') else {}
        return {'predict': self._predict, **own}

    def _predict(self, inputs: Mapping[str, Any], data_samples: list) -> list:
        data = self.model.data_preprocessor(dict(inputs=inputs, data_samples=data_samples), False)
        found = self.model(**data, mode='predict')
        return [sample.get('pred_instances_3d', sample.get('pred_instances')) for sample in found]


class FrozenTeacher:
    """A model that only teaches. Not a module, so no parent finds its parameters.

    Every use pins the model to eval mode and runs in the teacher's own autocast state; outputs are detached.
    Deep copies share it.

    Args:
        model: A config or a built model.
        adapter: Config or object that knows its taps (``tap_specs``, ``run`` and optionally ``functions``);
            None for a model that marks its taps itself.
        checkpoint: Weights to load strictly. None needs ``allow_random=True``.
        allow_random: Teach with the weights the model was built with.
        exceptions: Patterns of keys that may differ between model and checkpoint.
        prefix: Part of the checkpoint that holds the model, e.g. ``student.``.
        trust: Read a checkpoint that needs full pickle; it can run code.
        dtype: ``bfloat16`` or ``float16``: autocast to it; None: float32 without autocast; ``amp``: as training does.
        renamed: Inputs that it reads under another name: ``dict(img='clean_img')`` gives it ``clean_img`` as ``img``.
        name: For messages.

    Raises:
        ValueError: No weights, weights that do not fit, or weights of other classes or other boxes.
        FileNotFoundError: No such checkpoint.
    """

    def __init__(
        self,
        *,
        model: dict | nn.Module,
        adapter: dict | Any = None,
        checkpoint: str | Path | None = None,
        allow_random: bool = False,
        exceptions: Sequence[str] = (),
        prefix: str = '',
        trust: bool = False,
        dtype: str | None = None,
        renamed: Mapping[str, str] | None = None,
        name: str = 'teacher',
    ) -> None:
        if checkpoint is None and not allow_random:
            raise ValueError(
                f"teacher '{name}' has no checkpoint: name one, or set allow_random=True to teach with "
                'random weights'
            )
        if dtype not in _AUTOCAST:
            raise ValueError(
                f"teacher '{name}': dtype is one of {', '.join(map(str, _AUTOCAST))}, got '{dtype}'"
            )
        self.name, self._autocast, self._renamed = name, _AUTOCAST[dtype], dict(renamed or {})
        self.source = None if checkpoint is None else str(checkpoint)
        self._model = model if isinstance(model, nn.Module) else MODELS.build(model)
        self.report = self._load(checkpoint, exceptions, prefix, trust)
        self._model.requires_grad_(False).eval()
        self._adapter = self._adapt(adapter)

    def _load(
        self, checkpoint: str | Path | None, exceptions: Sequence[str], prefix: str, trust: bool
    ) -> LoadReport | None:
        if checkpoint is None:
            return None
        from perception_kd.engine.foreign_checkpoint import load_model_file  # the engine imports this package

        who = f"teacher '{self.name}' from {checkpoint}"
        weights, origin = load_model_file(checkpoint, trust=trust, prefix=prefix)
        report = load_strictly(self._model, weights, exceptions=exceptions, who=who)
        print_log(f'{who}: {report}', logger='current')
        check_origin(self._model, origin, who)
        return report

    def _adapt(self, adapter: dict | Any) -> Any:
        if adapter is None:
            adapter = dict(type='MarkedModelAdapter')
        return (
            TEACHER_ADAPTERS.build(dict(adapter, model=self._model)) if isinstance(adapter, dict) else adapter
        )

    @property
    def model(self) -> nn.Module:
        """The frozen model."""
        return self._model

    @property
    def device(self) -> torch.device:
        """Device of its weights."""
        return next((weight.device for weight in self._model.parameters()), torch.device('cpu'))

    def tap_specs(self) -> Mapping[str, TapSpec]:
        """The declared taps by name, and those that follow from them (see ``derived``)."""
        return with_derived(self._adapter.tap_specs())

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Any]:
        """Values of ``taps``, detached, held against their declarations.

        Raises:
            ValueError: The adapter did not deliver a tap, or not as declared; an input to rename is not there.
        """
        if self._renamed:
            renamed = {name: self._input(inputs, source) for name, source in self._renamed.items()}
            inputs = {**inputs, **renamed}
        taps, specs = list(taps), self.tap_specs()
        self._model.eval()
        with torch.no_grad(), self._precision():
            found = self._adapter.run(inputs, data_samples, sources(taps, self._adapter.tap_specs()))
            found = derive(taps, found)
        for name in taps:
            if name not in found:
                raise ValueError(f"teacher '{self.name}': its adapter did not deliver tap '{name}'")
            check_value(f"teacher '{self.name}'", specs[name], found[name])
        return {name: detached(found[name]) for name in taps}

    def _input(self, inputs: Mapping[str, Any], name: str) -> Any:
        if not isinstance(inputs, Mapping) or name not in inputs:
            given = ', '.join(inputs) if isinstance(inputs, Mapping) else 'pictures without names'
            raise ValueError(f"teacher '{self.name}' reads {name}, which the pipeline does not give; it gives {given}")
        return inputs[name]

    def functions(self) -> dict[str, Callable]:
        """Declared functions by name: frozen weights, gradient to their inputs."""
        declared = self._adapter.functions() if hasattr(self._adapter, 'functions') else {}
        return {name: self._guarded(function) for name, function in declared.items()}

    def _guarded(self, function: Callable) -> Callable:
        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            self._model.eval()
            with self._precision():
                return function(*args, **kwargs)

        return call

    def _precision(self) -> AbstractContextManager:
        if self._autocast == 'amp':
            return nullcontext()
        kind = self.device.type if self.device.type == 'cuda' else 'cpu'
        return torch.autocast(
            kind, dtype=self._autocast or torch.bfloat16, enabled=self._autocast is not None
        )

    def to(self, device: torch.device | str) -> FrozenTeacher:
        """Move weights and data preprocessor; the dtype stays."""
        self._model.to(torch.device(device))
        return self

    def __deepcopy__(self, memo: dict) -> FrozenTeacher:
        return self

    def __str__(self) -> str:
        weights = sum(weight.numel() for weight in self._model.parameters())
        source = 'random weights' if self.report is None else str(self.report)
        precision = '' if self._autocast is None else f', {self._autocast}'
        return f'{type(self._model).__name__}, {weights / 1e6:.2f} M parameters, {source}{precision}'
