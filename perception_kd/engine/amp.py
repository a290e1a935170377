"""Automatic mixed precision that also runs on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from perception_kd.registry import OPTIM_WRAPPERS

_DTYPES = {'float16': torch.float16, 'bfloat16': torch.bfloat16}


@OPTIM_WRAPPERS.register_module()
class PortableAmpOptimWrapper(OptimWrapper):
    """Mixed precision: bfloat16, or float16 with loss scaling.

    mmengine's ``AmpOptimWrapper`` refuses to run without a GPU. On a CPU bfloat16 pays only where the processor knows
    it (avx512_bf16, amx_bf16: steps of the tiny student a third shorter; elsewhere two to three times as long).
    Losses, pairs and sparse pooling leave autocast themselves and run in float32; weights and gradients are float32
    always.

    Args:
        dtype: ``'auto'`` (bfloat16 on the CPU, float16 on CUDA), ``'bfloat16'`` or ``'float16'``.
        loss_scale: ``'dynamic'``, a fixed scale, or arguments of ``torch.amp.GradScaler``; for float16.
        kwargs: Arguments of ``OptimWrapper`` (``optimizer``, ``clip_grad``, ``accumulative_counts``).

    Raises:
        ValueError: unknown dtype, or bfloat16 on a GPU without it.
    """

    def __init__(
        self, *, dtype: str = 'auto', loss_scale: str | float | dict = 'dynamic', **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.device_type = self._first_parameter().device.type
        self.cast_dtype = choose_dtype(dtype, self.device_type)
        settings = loss_scale if isinstance(loss_scale, dict) else {}
        self.fixed_scale = float(loss_scale) if isinstance(loss_scale, (int, float)) else None
        if self.fixed_scale is not None:
            settings = {'init_scale': self.fixed_scale}
        elif not isinstance(loss_scale, dict) and loss_scale != 'dynamic':
            raise ValueError(f"loss_scale must be 'dynamic', a number or a dict, got {loss_scale!r}")
        scaled = self.cast_dtype == torch.float16
        self.loss_scaler = torch.amp.GradScaler(self.device_type, enabled=scaled, **settings)

    def _first_parameter(self) -> Tensor:
        return self.optimizer.param_groups[0]['params'][0]

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Backward pass of the scaled loss."""
        self.loss_scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Unscale, clip, and step; a step with gradients that are not finite is left out when scaling."""
        if self.clip_grad_kwargs:
            self.loss_scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.loss_scaler.step(self.optimizer, **kwargs)
        self.loss_scaler.update(self.fixed_scale if self.loss_scaler.is_enabled() else None)

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser and of the scaler."""
        return {**super().state_dict(), 'loss_scaler': self.loss_scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load a state written with or without mixed precision."""
        state_dict = dict(state_dict)
        scaler = state_dict.pop('loss_scaler', None)
        if scaler and self.loss_scaler.is_enabled():
            self.loss_scaler.load_state_dict(scaler)
        super().load_state_dict(state_dict)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast around the forward pass, beside gradient accumulation's own context."""
        with super().optim_context(model), torch.autocast(self.device_type, dtype=self.cast_dtype):
            yield


def choose_dtype(name: str, device_type: str) -> torch.dtype:
    """Type of ``auto``, ``bfloat16`` or ``float16`` on a device; ``ValueError`` for one that it does not have."""
    if name == 'auto':
        return torch.float16 if device_type == 'cuda' else torch.bfloat16
    if name not in _DTYPES:
        raise ValueError(f"dtype of mixed precision must be 'auto', 'bfloat16' or 'float16', got {name!r}")
    if name == 'bfloat16' and device_type == 'cuda' and not torch.cuda.is_bf16_supported():
        raise ValueError("this GPU has no bfloat16; use dtype='float16'")
    return _DTYPES[name]
