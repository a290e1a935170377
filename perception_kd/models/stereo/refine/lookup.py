"""What the volume and the features say around a disparity: the input of every refinement step."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional


class GeometryLookup:
    """Samples of the filtered volume and of the all-pairs correlation around a disparity (IGEV, FoundationStereo).

    Level i holds both, averaged by ``2^i`` along the disparity or along the right picture's columns. The volume is
    read at ``d / 2^i + k``, the correlation at ``(x - d) / 2^i + k``, k in -radius..radius, linearly between
    neighbours and zero outside. Gather and lerp: what ``grid_sample`` does in one dimension, without a copy of the
    volume pixel by pixel, and exportable.

    Args:
        volume: ``(B, C, D, h, w)`` filtered volume; its index is the disparity in px of this size.
        left, right: ``(B, F, h, w)`` features, whose cosines are the correlation.
        levels: At least 1.
        radius: At least 1.

    Raises:
        ValueError: volume and features differ in size, or are too small for ``levels``.
    """

    def __init__(self, volume: Tensor, left: Tensor, right: Tensor, levels: int = 2, radius: int = 4) -> None:
        batch, _, disparities, *size = volume.shape
        if left.shape != right.shape or left.shape[:1] + left.shape[2:] != (batch, *size):
            raise ValueError(f'volume {tuple(volume.shape)}, left {tuple(left.shape)} and right {tuple(right.shape)} '
                             'differ in size')
        if min(disparities, size[1]) < 2 ** (levels - 1):
            raise ValueError(f'{disparities} disparities and {size[1]} columns are too few for {levels} levels')
        self.volume = LinearPyramid(volume.float(), levels, radius)
        self.correlation = LinearPyramid(all_pairs_cosine(left, right).permute(0, 2, 1, 3)[:, None], levels, radius)

    def __call__(self, disparity: Tensor) -> Tensor:
        """``(B, 1, h, w)`` in px of this size -> ``(B, levels * (2 radius + 1) * (C + 1), h, w)``.

        Channels: of each level those of the volume, one after another with its samples, then the correlation's.
        """
        disparity = disparity.float()
        column = torch.arange(disparity.shape[-1], device=disparity.device, dtype=disparity.dtype)
        samples = zip(self.volume(disparity), self.correlation(column - disparity))
        return torch.cat([part for level in samples for part in level], dim=1)


class LinearPyramid:
    """Lines of entries at several scales, to be read between entries; outside a line all is zero.

    Args:
        lines: ``(B, C, L, h, w)``; a line is what one channel of one pixel holds.
        levels: Scales; each halves L, rounded down.
        radius: Samples on each side, one entry of their scale apart.
    """

    def __init__(self, lines: Tensor, levels: int, radius: int) -> None:
        self.scales: list[Tensor] = []
        for _ in range(levels):  # a zero before and one behind stand for all that is outside
            self.scales.append(functional.pad(lines, (0, 0, 0, 0, 1, 1)))
            lines = _halved(lines)
        self.steps = torch.arange(1 - radius, radius + 3, device=lines.device)[:, None, None]

    def __call__(self, centre: Tensor) -> Iterator[Tensor]:
        """Linear samples at ``centre / 2^level - radius .. centre / 2^level + radius``, level by level.

        Args:
            centre: ``(B, 1, h, w)`` in entries of the finest scale, 0 the first.

        Yields:
            ``(B, C * (2 radius + 1), h, w)``, the samples of a channel one after another.
        """
        for level, lines in enumerate(self.scales):
            scaled = centre / 2 ** level
            below = scaled.floor()
            place = (below.long() + self.steps).clamp(0, lines.shape[2] - 1)
            entries = lines.gather(2, place[:, None].expand(-1, lines.shape[1], -1, -1, -1))
            part = (scaled - below)[:, :, None]
            yield torch.lerp(entries[:, :, :-1], entries[:, :, 1:], part).flatten(1, 2)


def all_pairs_cosine(left: Tensor, right: Tensor) -> Tensor:
    """``(B, F, h, w)`` twice -> ``(B, h, w', w)``: cosine of every right pixel with every left one of its row."""
    with torch.autocast(left.device.type, enabled=False):
        left, right = (_unit(part.float()) for part in (left, right))
        return right.permute(0, 2, 3, 1) @ left.permute(0, 2, 1, 3)


def _unit(features: Tensor) -> Tensor:
    """Length 1 along dimension 1, 0 stays 0: ``functional.normalize``, at a fraction of its time on the CPU."""
    return features * features.square().sum(dim=1, keepdim=True).clamp(min=1e-24).rsqrt()


def _halved(lines: Tensor) -> Tensor:
    """Means of two neighbours along dimension 2; an odd last entry is left out."""
    even = lines.shape[2] // 2 * 2
    return (lines[:, :, 0:even:2] + lines[:, :, 1:even:2]) / 2
