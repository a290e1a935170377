"""Boxes with heading and velocity, and which points lie inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.bev import ARROW_SPEED
from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.geometry import edge_lines
from perception_kd.visualization.palette import Colour
from perception_kd.visualization.view3d.primitives import Layer, Lines, Mesh
from perception_kd.visualization.view3d.shapes import arrows, mix, quads

Array = NDArray[np.float64]
_FACES = [(4, 7, 6, 5), (0, 4, 5, 1), (3, 2, 6, 7), (0, 3, 7, 4), (1, 5, 6, 2)]
"""Corners of the back, the top, the bottom, the left and the right; the front is 0, 1, 2, 3."""
_INSET = 0.985
_SIDE_PAPER = 0.72
"""Share of paper in the colour of all faces but the front."""


@dataclass(frozen=True)
class Look:
    """How a set of boxes is drawn.

    Args:
        name: Of its layers.
        colours: One for each box.
        width: Of the edges, pixels in a picture 1600 wide.
        filled: Whether faces are tinted, the front most.
    """

    name: str
    colours: tuple[Colour, ...]
    width: float
    filled: bool = True


def box_layers(boxes: Boxes, look: Look, lidar2ego: Array, paper: Colour, *, velocities: bool = True) -> list[Layer]:
    """Edges, faces, headings and velocities of boxes in the vehicle's frame."""
    if not len(boxes):
        return []
    corners, colours = in_frame(boxes, lidar2ego), np.array(look.colours, np.float64)
    edges = edge_lines(corners).reshape(-1, 2, 3)
    layers: list[Layer] = [Lines(look.name, edges, np.repeat(colours, 12, axis=0), look.width),
                           Lines(f'{look.name} heading', _headings(corners), colours, look.width)]
    if look.filled:
        layers.append(_faces(look.name, corners, colours, paper))
    return layers + (_velocities(boxes, look, corners, colours, lidar2ego) if velocities else [])


def _headings(corners: Array) -> Array:
    """From the middle of the roof to the middle of its front edge, (N, 2, 3)."""
    roof = corners[:, [0, 1, 5, 4]]
    return np.stack([roof.mean(1), roof[:, :2].mean(1)], axis=1)


def _faces(name: str, corners: Array, colours: Array, paper: Colour) -> Mesh:
    """Tinted faces, a little inside the edges."""
    middle = corners.mean(1, keepdims=True)
    inner = middle + _INSET * (corners - middle)
    front, others = inner[:, :4], inner[:, _FACES].reshape(-1, 4, 3)
    tints = np.concatenate([colours, np.repeat(mix(colours, paper, _SIDE_PAPER), len(_FACES), axis=0)])
    return Mesh(f'{name} faces', quads(np.concatenate([front, others])), np.repeat(tints, 2, axis=0), True)


def _velocities(boxes: Boxes, look: Look, corners: Array, colours: Array, lidar2ego: Array) -> list[Layer]:
    """Arrows on the ground, from the middle of a box to where it is one second later."""
    motions = (boxes.motions @ lidar2ego[:3, :3].T)[:, :2]
    fast = np.linalg.norm(np.nan_to_num(motions), axis=1) > ARROW_SPEED
    starts = corners[:, [2, 3, 6, 7]].mean(1)[fast] + (0, 0, 0.06)
    shafts, heads = arrows(starts, motions[fast], head=0.8)
    name = f'{look.name} velocity'
    return [Lines(name, shafts, colours[fast], 1.3 * look.width), Mesh(name, heads, colours[fast])]


def owners(points: Array, boxes: Boxes, lidar2ego: Array) -> NDArray[np.int64]:
    """Index of a box around each point (P, 3) of the vehicle's frame, -1 where there is none, (P,)."""
    found = np.full(len(points), -1)
    for index, corners in enumerate(in_frame(boxes, lidar2ego) if len(boxes) else ()):
        axes = corners[[4, 1, 3]] - corners[0]
        place = (points - corners[0]) @ (axes / (axes**2).sum(1, keepdims=True)).T
        found[((place >= 0) & (place <= 1)).all(1)] = index
    return found
