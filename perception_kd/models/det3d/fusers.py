"""Fusion of the modalities' BEV maps."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.distill.taps import tap
from perception_kd.models.layers import ChannelNorm, conv
from perception_kd.registry import MODELS


@MODELS.register_module()
class IntensityGuidedFuser(BaseModule):
    """Normalise each modality, gate it by its intensity, concatenate, convolve.

    The gate comes after the normalisation: LayerNorm over channels cancels any factor per pixel before it.

    Args:
        in_channels: Channels per modality, for example ``dict(camera=32, radar=32)``; one modality is fine.
        extras: Number of physical maps per modality.
        out_channels: Of the fused map.
        mode: ``gated_conv`` or ``conv`` (no gates).
        intensity: Config of the ``IntensityGate``, completed with channels (``gated_conv`` only).
        convs: Number of 3x3 convolutions.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: Mapping[str, int], extras: Mapping[str, int], out_channels: int,
                 mode: Literal['gated_conv', 'conv'] = 'gated_conv', intensity: dict | None = None,
                 convs: int = 1, norm_cfg: dict) -> None:
        super().__init__()
        if mode not in ('gated_conv', 'conv'):
            raise ValueError(f"IntensityGuidedFuser: mode is 'gated_conv' or 'conv', got {mode!r}")
        self.mode, self.out_channels = mode, out_channels
        self.gated_maps = mode == 'gated_conv'  # whether taps `<modality>_intensity` fire
        self.norms = nn.ModuleDict({name: ChannelNorm(width) for name, width in in_channels.items()})
        if mode == 'gated_conv':
            template = dict(type='IntensityGate', norm_cfg=norm_cfg, **(intensity or {}))
            self.gates = nn.ModuleDict({
                name: MODELS.build(dict(template, channels=width, extras=extras[name]))
                for name, width in in_channels.items()})
        widths = [sum(in_channels.values())] + [out_channels] * convs
        self.convs = nn.Sequential(*(conv(a, b, norm_cfg=norm_cfg) for a, b in pairwise(widths)))

    def forward(self, features: Mapping[str, Tensor], physical: Mapping[str, Tensor]) -> Tensor:
        """Args: per modality a map ``(B, C, ny, nx)`` and physical maps ``(B, extras, ny, nx)`` in [0, 1].

        Returns:
            ``(B, out_channels, ny, nx)``.
        """
        maps = [self.gated(name, features[name], physical[name]) for name in self.norms]
        return self.convs(torch.cat(maps, dim=1))

    def gated(self, name: str, feature: Tensor, physical: Tensor) -> Tensor:
        """One modality normalised and gated."""
        normalised = self.norms[name](feature)
        if self.mode == 'conv':
            return normalised
        return normalised * tap(f'{name}_intensity', self.gates[name](feature, physical))
