"""Where the streets of the scenes lie in one global map, and the map mask."""

from dataclasses import dataclass

import cv2
import numpy as np

from perception_kd.simulation.poses import rigid, yaw_matrix
from perception_kd.simulation.road import KERB, Road

BLOCK = 220.0
"""Side of the square of map that a scene gets, in m."""
_COLUMNS, _ROWS = 4, 4
_PIXEL = 0.1


@dataclass(frozen=True)
class Lot:
    """A scene's place in town: block column and row, and the global heading of its road at s = 0."""

    column: int
    row: int
    heading: float

    @property
    def to_global(self) -> np.ndarray:
        """(4, 4) world frame of the scene to the global frame."""
        centre = np.array([(self.column + 0.5) * BLOCK, (self.row + 0.5) * BLOCK, 0.0])
        return rigid(yaw_matrix(self.heading), centre)


def allot(seed: int, scene: int) -> Lot:
    """The place of a scene; after sixteen scenes the blocks come again (the map then shows both streets)."""
    heading = np.random.default_rng([seed, scene, 3]).uniform(-np.pi, np.pi)
    return Lot(scene % _COLUMNS, scene // _COLUMNS % _ROWS, float(heading))


def outline(road: Road, lot: Lot) -> np.ndarray:
    """Global outline (N, 2) of the roadway in m."""
    s = np.arange(road.start, road.end, 2.0)
    line = np.concatenate([road.line(s, KERB, 0.0), road.line(s[::-1], -KERB, 0.0)])
    return (line @ lot.to_global[:3, :3].T + lot.to_global[:3, 3])[:, :2]


def map_mask(lots: list[Lot], outlines: list[np.ndarray]) -> np.ndarray:
    """Drivable surface (H, W) uint8, 0.1 m a pixel, row 0 at the largest y; each street ends at its block."""
    columns, rows = 1 + max(lot.column for lot in lots), 1 + max(lot.row for lot in lots)
    side = round(BLOCK / _PIXEL)
    mask = np.zeros((rows * side, columns * side), np.uint8)
    for lot, line in zip(lots, outlines):
        top = (rows - 1 - lot.row) * side
        block = np.zeros((side, side), np.uint8)
        pixels = (line - [lot.column * BLOCK, lot.row * BLOCK]) / _PIXEL
        pixels[:, 1] = side - pixels[:, 1]
        cv2.fillPoly(block, [np.round(pixels).astype(np.int32)], 255)
        mask[top : top + side, lot.column * side : (lot.column + 1) * side] |= block
    return mask
