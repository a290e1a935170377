"""The fuser: normalise, gate by intensity, merge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.distill.taps import tap
from perception_kd.models.det3d.fusers.attention import AttentionMerge
from perception_kd.models.det3d.fusers.merges import AdaptiveGateMerge, ChannelGateMerge, ConvMerge
from perception_kd.models.layers import ChannelNorm
from perception_kd.registry import MODELS

# mode: (how intensity gates the maps, how the maps become one)
MODES = {
    'gated_mfa': ('own', 'attention'),
    'mfa': (None, 'attention'),
    'cross': ('cross', 'attention'),
    'gated_conv': ('own', 'conv'),
    'conv': (None, 'conv'),
    'cross_conv': ('cross', 'conv'),
    'channel_gate': (None, 'channel_gate'),
    'adaptive_gate': (None, 'adaptive_gate'),
}


@MODELS.register_module()
class IntensityGuidedFuser(BaseModule):
    """Normalise each modality, gate it by its intensity, merge.

    The gate comes after the normalisation: LayerNorm over channels cancels any factor per pixel before it.

    ========================== ======================================================================================
    ``mode``
    ========================== ======================================================================================
    ``gated_mfa``              each map times its intensity, merged by deformable attention (IMKD's reading of MFA)
    ``mfa``                    deformable attention without gates (CRN, Kim et al., ICCV 2023)
    ``gated_conv``, ``conv``   the same two with convolutions
    ``cross``, ``cross_conv``  each map also times one plus the other's intensity: ``F_C * I_C * (1 + I_R)``
    ``channel_gate``           gates per channel and cell from all maps, then convolutions (CRKD, Zhao et al., CVPR 24)
    ``adaptive_gate``          such gates weigh the maps of a sum (CRT-Fusion, Kim et al., NeurIPS 24)
    ========================== ======================================================================================

    Args:
        in_channels: Channels per modality, for example ``dict(camera=32, radar=32)``; one modality is fine.
        extras: Number of physical maps per modality.
        out_channels: Of the fused map.
        mode: See above.
        intensity: Config of the ``IntensityGate``, completed with channels (modes with intensity).
        convs: Number of 3x3 convolutions (modes that merge by them).
        attention: Settings of ``AttentionMerge``: ``layers``, ``heads``, ``points``, ``hidden``, ``dropout``.
        bev_shape: ``(ny, nx)`` of the maps, which the attention's positions need.
        norm_cfg: mmcv's normalisation config.

    Attributes:
        gated_maps: Whether the taps ``<modality>_intensity`` fire; ``<modality>_gated`` always do.
    """

    def __init__(self, *, in_channels: Mapping[str, int], extras: Mapping[str, int], out_channels: int,
                 mode: str = 'gated_conv', intensity: dict | None = None, convs: int = 1,
                 attention: dict | None = None, bev_shape: Sequence[int] | None = None, norm_cfg: dict) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f'IntensityGuidedFuser: mode is one of {", ".join(MODES)}, got {mode!r}')
        self.gating, merge = MODES[mode]
        self.mode, self.out_channels, self.gated_maps = mode, out_channels, self.gating is not None
        self.norms = nn.ModuleDict({name: ChannelNorm(width) for name, width in in_channels.items()})
        if self.gated_maps:
            template = dict(type='IntensityGate', norm_cfg=norm_cfg, **(intensity or {}))
            self.gates = nn.ModuleDict({
                name: MODELS.build(dict(template, channels=width, extras=extras[name]))
                for name, width in in_channels.items()})
        shared = dict(in_channels=list(in_channels.values()), out_channels=out_channels)
        if merge == 'attention':
            self.merge = AttentionMerge(bev_shape=bev_shape, **shared, **(attention or {}))
        elif merge == 'adaptive_gate':
            self.merge = AdaptiveGateMerge(norm_cfg=norm_cfg, **shared)
        else:
            kind = ConvMerge if merge == 'conv' else ChannelGateMerge
            self.merge = kind(convs=convs, norm_cfg=norm_cfg, **shared)

    def forward(self, features: Mapping[str, Tensor], physical: Mapping[str, Tensor]) -> Tensor:
        """Args: per modality a map ``(B, C, ny, nx)`` and physical maps ``(B, extras, ny, nx)`` in [0, 1].

        Returns:
            ``(B, out_channels, ny, nx)``.
        """
        maps = self.gated(features, physical)
        return self.merge([tap(f'{name}_gated', value) for name, value in maps.items()])

    def gated(self, features: Mapping[str, Tensor], physical: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The modalities' maps, normalised and then gated, as they are merged; arguments as for ``forward``."""
        maps = {name: norm(features[name]) for name, norm in self.norms.items()}
        if isinstance(self.merge, ChannelGateMerge):
            return dict(zip(maps, self.merge.gate(list(maps.values()))))
        if not self.gated_maps:
            return maps
        shares = {name: tap(f'{name}_intensity', gate(features[name], physical[name]))
                  for name, gate in self.gates.items()}
        return {name: value * self._factor(name, shares) for name, value in maps.items()}

    def _factor(self, name: str, shares: Mapping[str, Tensor]) -> Tensor:
        if self.gating == 'own':
            return shares[name]
        return shares[name] * prod(1 + share for other, share in shares.items() if other != name)
