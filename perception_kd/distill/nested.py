"""Tensors inside nested lists and dicts, as heads put them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor


def tensors_of(value: Any) -> list[Tensor]:
    """Every tensor in a nested value."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [tensor for item in value for tensor in tensors_of(item)]
    return []


def as_float(value: Any) -> Any:
    """A nested value with every floating tensor in float32."""
    if isinstance(value, Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: as_float(item) for key, item in value.items()}
    return [as_float(item) for item in value] if isinstance(value, (list, tuple)) else value


def take_rows(value: Any, rows: Sequence[int], size: int) -> Any:
    """Samples out of a nested value whose tensors have the samples in front.

    Args:
        value: Tensors ``(size * n, ...)`` in lists and dicts; n rows (a camera each) of a sample follow each other.
        rows: Which samples.
        size: How many there are.

    Raises:
        ValueError: A tensor that does not have so many samples.
    """
    if isinstance(value, Tensor):
        if value.dim() == 0 or len(value) % size:
            raise ValueError(f'cannot take samples out of a tensor {tuple(value.shape)}: it is no batch of {size}')
        return value.unflatten(0, (size, len(value) // size))[list(rows)].flatten(0, 1)
    if isinstance(value, Mapping):
        return {key: take_rows(item, rows, size) for key, item in value.items()}
    return [take_rows(item, rows, size) for item in value] if isinstance(value, (list, tuple)) else value


def detached(value: Any) -> Any:
    """``value`` with every tensor in it detached."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: detached(item) for key, item in value.items()}
    return [detached(item) for item in value] if isinstance(value, (list, tuple)) else value
