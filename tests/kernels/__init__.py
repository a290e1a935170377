"""Triton's kernels against their twins in PyTorch: on a GPU where there is one, else in Triton's interpreter."""

import importlib.util
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch

from perception_kd.kernels import kernels

DEVICE = 'cuda' if torch.cuda.is_available() else 'cpu'
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec('triton') is None,
    reason='triton is not installed, and without it no kernel runs: pip install --no-deps triton')


def numbers(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Normal numbers on the device."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).to(DEVICE, dtype)


def by_kernel_and_twin(call: Callable[[], Any]) -> tuple[Any, Any]:
    """What the call gives with kernels and without."""
    found = []
    for mode in ('always', 'off'):
        with kernels(mode):
            found.append(call())
    return tuple(found)


def with_gradients(call: Callable[..., torch.Tensor], leaves: Iterable[torch.Tensor], seed: int = 9) -> list:
    """The result, and the gradients of its weighted sum."""
    leaves = [leaf.detach().requires_grad_() for leaf in leaves]
    out = call(*leaves)
    weight = numbers(*out.shape, seed=seed, dtype=out.dtype)
    return [out.detach(), *torch.autograd.grad((out * weight).sum(), leaves)]
