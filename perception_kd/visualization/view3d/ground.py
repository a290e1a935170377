"""What lies on the ground: a grid that stands still in the world, and rings around the vehicle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import yaw_of
from perception_kd.visualization.view3d.primitives import Lines
from perception_kd.visualization.view3d.shapes import circle
from perception_kd.visualization.view3d.theme import Theme

GRID_STEP = 10.0
_RING_PIECES = 144
_BELOW = -0.03
"""Grid lines lie a little below the rings, so that neither flickers through the other."""


def ring_radii(reach: float) -> NDArray[np.float64]:
    """Four to six round numbers of metres up to ``reach``."""
    step = next((step for step in (1, 2, 5, 10, 20, 50, 100) if reach / step <= 6), 200)
    return np.arange(step, reach + 1e-6, step)


def rings(reach: float, theme: Theme) -> Lines:
    """Circles of equal distance from the vehicle."""
    segments = np.concatenate([circle(radius, _RING_PIECES) for radius in ring_radii(reach)])
    return Lines('rings', segments, np.tile(theme.ring, (len(segments), 1)), 1.3)


def grid(ego2global: NDArray[np.float64], reach: float, theme: Theme) -> Lines:
    """Squares of 10 m that do not move with the vehicle, within 1.5 times ``reach``."""
    yaw, here, radius = yaw_of(ego2global), ego2global[:2, 3], 1.5 * reach
    segments = []
    for axis in (0, 1):
        angle = axis * np.pi / 2 - yaw
        normal, along = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        first = np.ceil((here[axis] - radius) / GRID_STEP) * GRID_STEP
        for place in np.arange(first, here[axis] + radius, GRID_STEP):
            offset = place - here[axis]
            half = np.sqrt(max(radius**2 - offset**2, 0.0))
            stops = np.linspace(-half, half, max(2, int(half / 2.5)))
            points = np.concatenate([offset * normal + stops[:, None] * along, np.full((len(stops), 1), _BELOW)], 1)
            segments.append(np.stack([points[:-1], points[1:]], axis=1))
    lines = np.concatenate(segments)
    return Lines('grid', lines, theme.fade(np.tile(theme.grid, (len(lines), 1)), lines.mean(1), reach), 1.0)
