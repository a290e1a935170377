"""Nested values of single samples: packed for the disk, and put together to a batch again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.nested import as_float


def packed(value: Any, dtype: torch.dtype | None) -> Any:
    """On the CPU, floating tensors as ``dtype`` (None: as they are), each with memory of its own.

    Raises:
        ValueError: a number is too large for ``dtype``.
    """
    def pack(tensor: Tensor) -> Tensor:
        kind = dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype
        short = tensor.detach().to('cpu', kind, copy=True, memory_format=torch.contiguous_format)
        if kind != tensor.dtype and not torch.equal(short.isfinite(), tensor.isfinite().cpu()):
            raise ValueError(f'a teacher says {float(tensor.abs().max()):.3g}, more than {kind} holds; set the dtype '
                             "of its cache to 'bfloat16' or None")
        return short

    return _mapped(value, pack)


def joined(values: Sequence[Any], device: torch.device) -> Any:
    """One value of a batch from those of its samples, on ``device``, floating tensors as float32."""
    first = values[0]
    if isinstance(first, Tensor):
        return as_float(torch.cat([value.to(device) for value in values]))
    if isinstance(first, Mapping):
        return {key: joined([value[key] for value in values], device) for key in first}
    if isinstance(first, (list, tuple)):
        return [joined(items, device) for items in zip(*values, strict=True)]
    return first


def _mapped(value: Any, function: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _mapped(item, function) for key, item in value.items()}
    return [_mapped(item, function) for item in value] if isinstance(value, (list, tuple)) else value
