"""Where the sun reaches: shadow rays for every second pixel of every second row."""

import cv2
import numpy as np

from perception_kd.simulation.poses import dot
from perception_kd.simulation.rendering.shading import View

_STEP = 2


def sunlight(view: View, size: tuple[int, int]) -> np.ndarray:
    """Share (N,) of the sun that reaches what each pixel sees."""
    width, height = size
    snapshot, share = view.snapshot, np.ones(width * height, np.float32)
    if not snapshot.world.light.sun_colour.any():
        return share
    chosen = np.arange(width * height).reshape(height, width)[::_STEP, ::_STEP].ravel()
    chosen = chosen[view.hits.found[chosen]]
    normals = snapshot.normals.take(view.hits.triangle.take(chosen), 0)
    lit = dot(normals, snapshot.world.light.sun) > 0
    chosen = chosen[lit]
    points = view.points(chosen) + np.float32(0.01) * normals[lit]
    share[chosen] = ~snapshot.blocked(points, np.broadcast_to(snapshot.world.light.sun, points.shape))
    small = np.ascontiguousarray(share.reshape(height, width)[::_STEP, ::_STEP])
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).ravel()
