"""Overlapping tiles of a picture, and which of the boxes found in them a cut made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Tile(NamedTuple):
    """A part of a picture, px.

    Attributes:
        x, y: Of its top left corner.
        width, height: Its size.
        core: ``(x1, y1, x2, y2)`` px of the picture. Cores meet in the middle of overlaps, and together are the plane:
            where a tile has no neighbour, they are open (infinite).
    """

    x: int
    y: int
    width: int
    height: int
    core: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Tiling:
    """How pictures are cut into tiles of one size, evenly spread.

    A target of up to half the overlap is whole in at least one tile, and of all tiles that cut it none keeps it
    (:func:`cut_at_border`): so choose an overlap of twice the largest side of what is looked for.

    Args:
        tile: Side of a square tile, px.
        overlap: What neighbours share at least: below 1 a part of the tile, else px.

    Raises:
        ValueError: no tile, or neighbours that share all of it.
    """

    tile: int = 640
    overlap: float = 0.2

    def __post_init__(self) -> None:
        if self.tile < 1:
            raise ValueError(f'tile is a number of px above 0, got {self.tile}')
        if not (self.overlap >= 0 and self.shared < self.tile):
            raise ValueError(f'overlap is 0 or more and less than the tile: a part of it below 1, or px below '
                             f'{self.tile}; got {self.overlap:g}')

    @property
    def shared(self) -> int:
        """Px that neighbours share at least."""
        return math.ceil(self.overlap * self.tile if self.overlap < 1 else self.overlap)

    @property
    def largest_whole(self) -> float:
        """Side of the largest target, px, that is sure to be whole in a tile."""
        return self.shared / 2

    def tiles(self, height: int, width: int) -> list[Tile]:
        """Those of a picture, row by row; along a side shorter than a tile there is one of that length."""
        columns, rows = self._parts(width), self._parts(height)
        return [Tile(x, y, min(self.tile, width), min(self.tile, height), (left, top, right, bottom))
                for y, top, bottom in rows for x, left, right in columns]

    def _parts(self, length: int) -> list[tuple[int, float, float]]:
        """Begin of each tile along a side, and where its core begins and ends."""
        rest = length - self.tile
        steps = math.ceil(rest / (self.tile - self.shared)) if rest > 0 else 0
        starts = [round(rest * step / steps) for step in range(steps)] + [max(rest, 0)]
        middles = [(start + self.tile + after) / 2 for start, after in pairwise(starts)]
        return list(zip(starts, [-math.inf, *middles], [*middles, math.inf]))


def inner_edges(boxes: Tensor, tile: Tile, margin: float) -> Tensor:
    """``(N, 4)`` bool: whether a box touches the left, upper, right, lower edge, where a neighbour goes on there.

    Args:
        boxes: ``(N, 4)`` xyxy, px of the picture, clipped to the tile.
        tile: Where they were found.
        margin: Px from the edge within which a box touches it.
    """
    x1, y1, x2, y2 = boxes.unbind(-1)
    touching = (x1 <= tile.x + margin, y1 <= tile.y + margin, x2 >= tile.x + tile.width - margin,
                y2 >= tile.y + tile.height - margin)
    return torch.stack(touching, -1) & boxes.new_tensor(tile.core).isfinite()


def cut_at_border(boxes: Tensor, tile: Tile, margin: float) -> Tensor:
    """``(N,)`` bool: which boxes a neighbour sees better: they touch its edge, and their centre lies in its core.

    Such a box begins inside of the overlap, so the neighbour sees all of it that this tile does, and what is beyond
    the edge. Cut boxes overlap little with whole ones where targets are tiny, so that suppression alone keeps both.
    Arguments as of :func:`inner_edges`.
    """
    left, top, right, bottom = tile.core
    x, y = ((boxes[:, :2] + boxes[:, 2:]) / 2).unbind(-1)
    beyond = torch.stack((x < left, y < top, x > right, y > bottom), -1)
    return (inner_edges(boxes, tile, margin) & beyond).any(-1)


def clip_to_tile(boxes: Tensor, tile: Tile) -> Tensor:
    """``(N, 4)`` xyxy px of the picture, none beyond the tile."""
    low = boxes.new_tensor([tile.x, tile.y, tile.x, tile.y])
    return torch.minimum(torch.maximum(boxes, low),
                         boxes.new_tensor([tile.x + tile.width, tile.y + tile.height] * 2))
