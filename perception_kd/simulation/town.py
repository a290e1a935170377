"""Where the streets of the scenes lie in one global map, and the map mask."""

from dataclasses import dataclass

import cv2
import numpy as np

from perception_kd.simulation.poses import rigid, yaw_matrix
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.road import SIDE_REACH, Road

BLOCK, _MARGIN = 220.0, 80.0
"""Least side of the square of map that a scene gets, and how much larger than the drive it is, in m."""
_COLUMNS, _ROWS = 4, 4
_PIXEL = 0.1


@dataclass(frozen=True)
class Lot:
    """A scene's place in town: block column and row, the global heading of its road at s = 0, a block's side."""

    column: int
    row: int
    heading: float
    side: float = BLOCK

    @property
    def to_global(self) -> np.ndarray:
        """(4, 4) world frame of the scene to the global frame."""
        centre = np.array([(self.column + 0.5) * self.side, (self.row + 0.5) * self.side, 0.0])
        return rigid(yaw_matrix(self.heading), centre)


def block_side(preset: WorldPreset) -> float:
    """Side in m of the blocks of a town: the fastest drive fits, with a margin."""
    return max(BLOCK, np.ceil(preset.ego_speed[1] * preset.duration + _MARGIN))


def allot(seed: int, scene: int, side: float = BLOCK) -> Lot:
    """The place of a scene; after sixteen scenes the blocks come again (the map then shows both streets)."""
    heading = np.random.default_rng([seed, scene, 3]).uniform(-np.pi, np.pi)
    return Lot(scene % _COLUMNS, scene // _COLUMNS % _ROWS, float(heading), side)


def outline(road: Road, lot: Lot) -> np.ndarray:
    """Global outline (N, 2) of the roadway of the road, and of its side street if it has one, in m."""
    sides = [_kerb_line(road, side) for side in (1, -1)]
    line = np.concatenate([sides[0], sides[1][::-1]])
    return (line @ lot.to_global[:3, :3].T + lot.to_global[:3, 3])[:, :2]


def _kerb_line(road: Road, side: int) -> np.ndarray:
    """Kerb (N, 3) from the road's start to its end, out along the side street and back on the way."""
    s, d = np.arange(road.start, road.end, 2.0), side * road.half
    if road.mouth is None:
        return road.line(s, d, 0.0)
    before, after = (road.cut(d, ahead * road.mouth[1]) for ahead in (-1, 1))
    far = side * SIDE_REACH
    detour = road.side_street().line(np.array([far, far]), np.array([1.0, -1.0]) * road.mouth[1], 0.0)
    return np.concatenate([
        road.line(np.append(s[s < before], before), d, 0.0), detour, road.line(np.append(after, s[s > after]), d, 0.0)
    ])


def map_mask(lots: list[Lot], outlines: list[np.ndarray]) -> np.ndarray:
    """Drivable surface (H, W) uint8, 0.1 m a pixel, row 0 at the largest y; each street ends at its block."""
    columns, rows = 1 + max(lot.column for lot in lots), 1 + max(lot.row for lot in lots)
    side = round(lots[0].side / _PIXEL)
    mask = np.zeros((rows * side, columns * side), np.uint8)
    for lot, line in zip(lots, outlines):
        top = (rows - 1 - lot.row) * side
        block = np.zeros((side, side), np.uint8)
        pixels = (line - [lot.column * lot.side, lot.row * lot.side]) / _PIXEL
        pixels[:, 1] = side - pixels[:, 1]
        cv2.fillPoly(block, [np.round(pixels).astype(np.int32)], 255)
        mask[top : top + side, lot.column * side : (lot.column + 1) * side] |= block
    return mask
