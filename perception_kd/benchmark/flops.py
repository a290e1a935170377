"""Floating-point operations of a call, by stage."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from perception_kd.stages import listening

NOTE = ('a multiplication and an addition count as two; convolutions, matrix products (sparse ones by their entries) '
        'and attention count; normalisation, activations, sampling, scattering and sorting do not')


def count_flops(call: Callable[[], Any]) -> dict[str, int]:
    """Operations per stage, ``rest`` for what runs in none, and their ``total``. See ``NOTE`` for what counts."""
    found: dict[str, int] = defaultdict(int)
    open_stages = ['rest']
    counted = 0

    def listen(name: str, begins: bool) -> None:
        settle()
        if begins:
            open_stages.append(name)
        else:
            open_stages.pop()

    def settle() -> None:
        nonlocal counted
        now = counter.get_total_flops()
        found[open_stages[-1]] += now - counted
        counted = now

    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.mm: _matrix_product,
                                                             torch.ops.aten.addmm: _added_matrix_product,
                                                             torch.ops.aten.mkldnn_convolution: _convolution})
    with counter, listening(listen):
        call()
        settle()
    return {**{name: flops for name, flops in found.items() if flops}, 'total': counted}


def _matrix_product(a: Tensor, b: Tensor, *rest: Any, out_val: Any = None, **kwargs: Any) -> int:
    rows = a._nnz() if a.layout != torch.strided else a.shape[0] * a.shape[1]
    return 2 * rows * b.shape[1]


def _added_matrix_product(_: Tensor, a: Tensor, b: Tensor, *rest: Any, out_val: Any = None, **kwargs: Any) -> int:
    return _matrix_product(a, b)


def _convolution(_: torch.Size, weight: torch.Size, *rest: Any, out_shape: torch.Size, **kwargs: Any) -> int:
    return 2 * math.prod(out_shape) * math.prod(weight[1:])


_matrix_product._get_raw = _added_matrix_product._get_raw = True  # tensors instead of their shapes
