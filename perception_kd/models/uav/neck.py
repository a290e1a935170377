"""The neck: path aggregation with or without BiFPN's extra skip, or BiFPN's weighted sums, and CBAM on its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.layers.cbam import CBAM
from perception_kd.models.uav.blocks import C3, ConvBNSiLU, scaled_depth, scaled_width
from perception_kd.models.uav.csp_darknet import WIDTHS, check_places
from perception_kd.models.uav.weighted_fusion import WeightedFusion, attended
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec

Fusion = Literal['pan', 'concat_skip', 'weighted_add']
FUSIONS = ('pan', 'concat_skip', 'weighted_add')
NECK_WIDTH, NECK_BLOCKS = 256, 3  # before scaling: of the weighted sums; of a C3


class PathAggregation(nn.Module):
    """Top-down, then bottom-up, joined by concatenation (PANet, Liu et al., CVPR 2018, as YOLOv5 has it).

    Args:
        levels: From fine to coarse, by the logarithm of the stride.
        in_channels: Of their maps.
        width, depth: Factors.
        skip: Let the levels between see the backbone's map of their own size on the way up again, which is what
            BiFPN (Tan et al., CVPR 2020) adds to PANet.
    """

    def __init__(self, *, levels: Sequence[int], in_channels: Sequence[int], width: float, depth: float,
                 skip: bool) -> None:
        super().__init__()
        self.levels, self.skip = tuple(levels), skip
        source = dict(zip(levels, in_channels))
        out = {level: scaled_width(WIDTHS[level], width) for level in levels}
        lateral = {level: scaled_width(WIDTHS[level] // 2, width) for level in levels[1:]}
        blocks = dict(blocks=scaled_depth(NECK_BLOCKS, depth), shortcut=False)
        self.laterals, self.top_down = nn.ModuleDict(), nn.ModuleDict()
        self.downs, self.bottom_up = nn.ModuleDict(), nn.ModuleDict()
        before = source[levels[-1]]
        for finer, level in reversed(list(pairwise(levels))):
            self.laterals[f'p{level}'] = ConvBNSiLU(in_channels=before, out_channels=lateral[level])
            self.top_down[f'p{finer}'] = C3(in_channels=lateral[level] + source[finer], out_channels=out[finer],
                                            **blocks)
            before = out[finer]
        for finer, level in pairwise(levels):
            self.downs[f'p{finer}'] = ConvBNSiLU(in_channels=out[finer], out_channels=out[finer], kernel=3, stride=2)
            extra = source[level] if self._skips(level) else 0
            self.bottom_up[f'p{level}'] = C3(in_channels=out[finer] + lateral[level] + extra,
                                             out_channels=out[level], **blocks)
        self.out_channels = tuple(out.values())

    def _skips(self, level: int) -> bool:
        return self.skip and level not in (self.levels[0], self.levels[-1])

    def forward(self, maps: Sequence[Tensor], attend: nn.ModuleDict) -> list[Tensor]:
        """Maps of the backbone, fine to coarse -> as many fused ones; ``attend`` acts on each as it is made."""
        source = dict(zip(self.levels, maps))
        laterals, x = {}, maps[-1]
        for finer, level in reversed(list(pairwise(self.levels))):
            laterals[level] = self.laterals[f'p{level}'](x)
            raised = functional.interpolate(laterals[level], scale_factor=2.0, mode='nearest')
            x = self.top_down[f'p{finer}'](torch.cat([raised, source[finer]], 1))
        made = [attended(attend, self.levels[0], x)]
        for finer, level in pairwise(self.levels):
            parts = [self.downs[f'p{finer}'](made[-1]), laterals[level]]
            parts += [source[level]] if self._skips(level) else []
            made.append(attended(attend, level, self.bottom_up[f'p{level}'](torch.cat(parts, 1))))
        return made


@MODELS.register_module()
class CBiPAFPN(nn.Module):
    """The neck of the family.

    Args:
        in_channels: Of P3 to P5, or of P2 to P5 with ``p2``.
        width, depth: Factors, as of the backbone.
        fusion: ``pan``: YOLOv5's; ``concat_skip``: with the backbone's map of the same level as a third input, a
            simplified BiFPN; ``weighted_add``: BiFPN's fast normalised sums (Tan et al., CVPR 2020).
        cbam_at: Outputs behind which CBAM stands, of ``n2`` to ``n5``; the head and the way up read behind it.
        cbam: Further settings of ``CBAM``.
        p2: Whether there is a level of stride 4, for targets of a few px.
    """

    def __init__(self, *, in_channels: Sequence[int], width: float, depth: float, fusion: Fusion = 'concat_skip',
                 cbam_at: Sequence[str] = (), cbam: dict | None = None, p2: bool = False) -> None:
        super().__init__()
        self.levels = (2, 3, 4, 5) if p2 else (3, 4, 5)
        if fusion not in FUSIONS:
            raise ValueError(f'fusion of the neck is one of {", ".join(FUSIONS)}, got {fusion!r}')
        if len(in_channels) != len(self.levels):
            raise ValueError(f'the neck reads {len(self.levels)} maps, the backbone gives {len(in_channels)}: set its '
                             f'levels={list(self.levels)}')
        check_places('cbam_at of the neck', cbam_at, [f'n{level}' for level in self.levels])
        shape = dict(levels=self.levels, in_channels=tuple(in_channels))
        if fusion == 'weighted_add':
            self.paths = WeightedFusion(**shape, channels=scaled_width(NECK_WIDTH, width))
        else:
            self.paths = PathAggregation(**shape, width=width, depth=depth, skip=fusion == 'concat_skip')
        self.fusion, self.out_channels = fusion, self.paths.out_channels
        self.strides = tuple(2**level for level in self.levels)
        widths = {f'n{level}': channels for level, channels in zip(self.levels, self.out_channels)}
        self.cbam = nn.ModuleDict({place: CBAM(channels=widths[place], place=place, **(cbam or {}))
                                   for place in sorted(cbam_at)})

    def tap_specs(self) -> list[TapSpec]:
        """Taps of the attention."""
        return [spec for place, cbam in self.cbam.items() for spec in cbam.tap_specs(2**int(place[1:]))]

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """Maps of the backbone, fine to coarse -> fused maps ``(B, C, H/s, W/s)``, fine to coarse."""
        return self.paths(maps, self.cbam)
