"""Exact disparity and visibility, from rays through pixel centres."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.scene import Hits, Scene

_BEFORE = 5e-4
"""A ray that ends this share before its point was stopped by something else."""


@dataclass(frozen=True)
class Truth:
    """disparity (H, W) float32 px of one view, positive; noc (H, W): visible in the other one, too."""

    disparity: np.ndarray
    noc: np.ndarray


def depth_of(scene: Scene, rig: Rig, hits: Hits) -> np.ndarray:
    """(H, W) float32 m along z of hits at pixel centres; where nothing stands, the depth of the sky."""
    return np.minimum(hits.t, np.float32(scene.air.far)).reshape(rig.height, rig.width)


def truth_of(scene: Scene, rig: Rig, side: int, hits: Hits) -> Truth:
    """Disparity of a view, by its first hits, and visibility, by rays from the other camera to the same points.

    Args:
        scene: The world.
        rig: The cameras.
        side: 0 for left, 1 for right.
        hits: Of this view's rays through the pixels' centres.
    """
    depth = depth_of(scene, rig, hits).astype(np.float64)
    disparity = rig.disparity(depth)
    other = np.arange(rig.width) + (disparity if side else -disparity)
    inside = (other >= 0) & (other <= rig.width - 1)
    points = rig.origin(side) + rig.rays(side) * depth.reshape(-1, 1)
    there = scene.cast(rig.origin(1 - side), points - rig.origin(1 - side))
    seen = there.t.reshape(depth.shape) > 1 - _BEFORE
    return Truth(disparity.astype(np.float32), inside & seen)
