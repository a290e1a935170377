"""How dark the ground is under and beside things that stand on it: a map from above, made once an instant."""

from functools import lru_cache

import cv2
import numpy as np

from perception_kd.simulation.snapshot import Snapshot

_CELL, _SIDE = 0.25, 512
_DARKEST = 0.85
_LEGS = ('pedestrian', 'bicycle', 'motorcycle', 'traffic_cone')
"""These shade less than their box, since light gets under them."""


@lru_cache(maxsize=2)
def _shade_map(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """(512 * 512,) float32 share of light from above that reaches the ground, and x and y of its corner."""
    centre = snapshot.world.ego_pose(snapshot.time)[:2, 3]
    dark = np.zeros((_SIDE, _SIDE), np.float32)
    for actor in snapshot.world.actors:
        place, size, yaw = actor.box(snapshot.time)
        depth = 0.45 if actor.blueprint.name in _LEGS else 1.0
        axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        half = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * (size[:2] / 2) @ axes
        corners = (place[:2] - centre + half) / _CELL + _SIDE / 2
        cv2.fillConvexPoly(dark, np.round(corners * 16).astype(np.int32), depth, shift=4)
    soft = 0.6 * cv2.GaussianBlur(dark, (0, 0), 1.0) + 0.4 * cv2.GaussianBlur(dark, (0, 0), 3.0)
    soft[[0, -1]], soft[:, [0, -1]] = 0, 0
    return (1 - np.float32(_DARKEST) * soft).ravel(), centre - _SIDE * _CELL / 2


def openness(snapshot: Snapshot, points: np.ndarray) -> np.ndarray:
    """Share (N,) of the light from above that reaches ``points`` (3, N) on the ground; 1 beyond 64 m."""
    shade, corner = _shade_map(snapshot)
    across, along = (
        np.clip((x - np.float32(c)) * np.float32(1 / _CELL), 0, _SIDE - 1).astype(np.intp)
        for x, c in zip(points[:2], corner)
    )
    return shade.take(along * _SIDE + across)
