"""The unpruned model as the teacher of its slimmed self: only the channels that stayed are compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.distill.teacher import MarkedModelAdapter
from perception_kd.registry import TEACHER_ADAPTERS
from perception_kd.structures import TapSpec


@TEACHER_ADAPTERS.register_module()
class KeptChannelsAdapter(MarkedModelAdapter):
    """Adapter of a model of our own that marks its taps itself; of some taps it gives some channels alone.

    Args:
        model: As of :class:`~perception_kd.distill.teacher.MarkedModelAdapter`.
        kept: Indices of channels by tap.

    Raises:
        ValueError: a tap that the model does not have.
    """

    def __init__(self, model: nn.Module, kept: Mapping[str, Sequence[int]]) -> None:
        super().__init__(model)
        self.kept = {tap: torch.tensor(channels) for tap, channels in kept.items()}
        unknown = sorted(set(self.kept) - set(super().tap_specs()))
        if unknown:
            raise ValueError(f'kept: {type(model).__name__} has no tap {", ".join(unknown)}')

    def tap_specs(self) -> Mapping[str, TapSpec]:
        """The model's own declarations, with the number of channels that are given."""
        return {name: replace(spec, channels=len(self.kept[name])) if name in self.kept else spec
                for name, spec in super().tap_specs().items()}

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Any]:
        """A forward pass in mode ``tensor``."""
        found = super().run(inputs, data_samples, taps)
        return {name: self._chosen(name, value) if name in self.kept else value for name, value in found.items()}

    def _chosen(self, name: str, value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
        if isinstance(value, list):
            return [self._chosen(name, firing) for firing in value]
        return value.index_select(1, self.kept[name].to(value.device))
