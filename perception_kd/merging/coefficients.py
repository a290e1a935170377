"""How much of each expert goes into each part of the merged model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

WHOLE = 'all'


class Coefficients(nn.Module):
    """``lambda``: one number for each expert, or one for each expert and layer.

    A layer is the module that owns a tensor: its weight, bias and running statistics move together.

    Args:
        experts: Number of experts T.
        names: Names of the tensors to combine.
        layer_wise: A number for each layer; else one for all of them.
        start: First value of all; 1/T gives the mean of the experts, 0.3 is SAMerging's (and task arithmetic's).
    """

    def __init__(self, *, experts: int, names: Sequence[str], layer_wise: bool = True, start: float = 0.3) -> None:
        super().__init__()
        self._layer_of = {name: name.rpartition('.')[0] if layer_wise else WHOLE for name in names}
        self.layers = tuple(dict.fromkeys(self._layer_of.values()))
        self._place = {layer: place for place, layer in enumerate(self.layers)}
        self.value = nn.Parameter(torch.full((experts, len(self.layers)), float(start)))

    def forward(self) -> dict[str, Tensor]:
        """``(T,)`` for each name, with gradient."""
        return {name: self.value[:, self._place[layer]] for name, layer in self._layer_of.items()}

    def record(self, experts: Sequence[str]) -> dict[str, dict[str, float]]:
        """Plain numbers by expert and layer."""
        return {name: dict(zip(self.layers, row)) for name, row in zip(experts, self.value.tolist())}
