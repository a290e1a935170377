"""Where the sun reaches: shadow rays for every second pixel of every second row."""

import cv2
import numpy as np

from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.view import View

_STEP = 2


def sunlight(view: View) -> np.ndarray:
    """Share (N,) of the sun that reaches what each pixel sees."""
    width, height = view.size
    snapshot, share = view.snapshot, np.ones(width * height, np.float32)
    if not snapshot.world.light.sun_colour.any():
        return share
    chosen = np.arange(width * height).reshape(height, width)[::_STEP, ::_STEP].ravel()
    chosen = chosen[view.hits.found[chosen]]
    chosen = chosen[inner(view.normals(chosen), snapshot.world.light.sun) > 0]
    if not len(chosen):
        return share
    points = (view.points(chosen) + np.float32(0.01) * view.normals(chosen)).T
    lit = np.zeros((height, width, 2), np.float32)
    lit.reshape(-1, 2)[chosen, 0] = ~snapshot.blocked(points, np.broadcast_to(snapshot.world.light.sun, points.shape))
    lit.reshape(-1, 2)[chosen, 1] = 1
    # The mean of those neighbours that face the sun; what turns away from it says nothing about them.
    lit = cv2.resize(np.ascontiguousarray(lit[::_STEP, ::_STEP]), view.size, interpolation=cv2.INTER_LINEAR)
    asked = lit[..., 1].ravel()
    return np.where(asked > 0, lit[..., 0].ravel() / np.maximum(asked, 1e-6), share)
