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


def detached(value: Any) -> Any:
    """``value`` with every tensor in it detached."""
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, Mapping):
        return {key: detached(item) for key, item in value.items()}
    return [detached(item) for item in value] if isinstance(value, (list, tuple)) else value
