"""The backbone of YOLOv5 6.x, with CBAM behind the stages that a config names."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from perception_kd.models.layers.cbam import CBAM
from perception_kd.models.uav.blocks import C3, SPPF, ConvBNSiLU, scaled_depth, scaled_width
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec

LEVELS = (2, 3, 4, 5)
WIDTHS = {2: 128, 3: 256, 4: 512, 5: 1024}  # before scaling
BLOCKS = {2: 3, 3: 6, 4: 9, 5: 3}


class CSPStage(nn.Module):
    """A strided convolution, a C3 and, in the last stage, an SPPF; CBAM behind them if asked for."""

    def __init__(self, *, in_channels: int, out_channels: int, blocks: int, pool: bool, cbam: CBAM | None) -> None:
        super().__init__()
        self.down = ConvBNSiLU(in_channels=in_channels, out_channels=out_channels, kernel=3, stride=2)
        self.c3 = C3(in_channels=out_channels, out_channels=out_channels, blocks=blocks)
        self.sppf = SPPF(in_channels=out_channels, out_channels=out_channels) if pool else None
        self.cbam = cbam

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, H, W)`` -> ``(B, out, H/2, W/2)``."""
        x = self.c3(self.down(x))
        if self.sppf is not None:
            x = self.sppf(x)
        return x if self.cbam is None else self.cbam(x)


@MODELS.register_module()
class CSPDarknetV5(nn.Module):
    """CSPDarknet of YOLOv5 6.x: a 6x6 stem and four stages.

    CBAM stands in the trunk, behind the whole stage (in the last one behind SPPF), so that the next stage reads what
    it attended to.

    Args:
        depth, width: Factors of the numbers of blocks and of channels: n (0.33, 0.25), s (0.33, 0.5), m (0.67, 0.75).
        cbam_at: Names of stages, of ``bb2`` to ``bb5``.
        cbam: Further settings of ``CBAM``.
        levels: Which stages' maps are given out, fine to coarse: ``(2, 3, 4, 5)`` for a neck with ``p2``.
        in_channels: Of the pictures.
    """

    def __init__(self, *, depth: float, width: float, cbam_at: Sequence[str] = (), cbam: dict | None = None,
                 levels: Sequence[int] = (3, 4, 5), in_channels: int = 3) -> None:
        super().__init__()
        if list(levels) != list(LEVELS[-len(levels):]):
            raise ValueError(f'levels of the backbone are the last ones of {LEVELS}, got {list(levels)}')
        check_places('cbam_at of the backbone', cbam_at, [f'bb{level}' for level in LEVELS])
        widths = {level: scaled_width(WIDTHS[level], width) for level in LEVELS}
        before = scaled_width(WIDTHS[2] // 2, width)
        self.stem = ConvBNSiLU(in_channels=in_channels, out_channels=before, kernel=6, stride=2, padding=2)
        self.stages = nn.ModuleDict()
        for level in LEVELS:
            place = f'bb{level}'
            attention = CBAM(channels=widths[level], place=place, **(cbam or {})) if place in cbam_at else None
            self.stages[f'p{level}'] = CSPStage(
                in_channels=before, out_channels=widths[level], blocks=scaled_depth(BLOCKS[level], depth),
                pool=level == LEVELS[-1], cbam=attention)
            before = widths[level]
        self.in_channels = in_channels
        self.levels, self.out_channels = tuple(levels), tuple(widths[level] for level in levels)

    def tap_specs(self) -> list[TapSpec]:
        """Taps of the attention."""
        return [spec for level in LEVELS if (cbam := self.stages[f'p{level}'].cbam) is not None
                for spec in cbam.tap_specs(2**level)]

    def forward(self, x: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` -> maps of ``levels``, ``(B, C, H/s, W/s)`` with s = 2^level."""
        x, maps = self.stem(x), []
        for level in LEVELS:
            x = self.stages[f'p{level}'](x)
            maps += [x] if level in self.levels else []
        return maps


def check_places(who: str, places: Sequence[str], known: Sequence[str]) -> None:
    """Refuse names that are not known, and text where a list is meant.

    Raises:
        ValueError: naming them.
    """
    unknown = [places] if isinstance(places, str) else [place for place in places if place not in known]
    if unknown:
        raise ValueError(f'{who} is a list out of {", ".join(known)}; got {", ".join(map(str, unknown))}')
