"""How dark the ground is under and beside things that stand on it: a map from above, made once an instant."""

from functools import lru_cache

import cv2
import numpy as np

from perception_kd.simulation.snapshot import Snapshot

_CELL, _SIDE = 0.125, 1024
_DARKEST = 0.85
_LEGS = ('pedestrian', 'bicycle', 'motorcycle', 'traffic_cone')
"""These shade less than their box, since light gets under them."""


@lru_cache(maxsize=16)
def _shade_map(snapshot: Snapshot) -> np.ndarray:
    """(1024, 1024) float32 share of light from above that reaches the ground, 128 m around the ego vehicle."""
    centre = snapshot.world.ego_pose(snapshot.time)[:2, 3]
    dark = np.zeros((_SIDE, _SIDE), np.float32)
    for actor in snapshot.world.actors:
        place, size, yaw = actor.box(snapshot.time)
        depth = 0.45 if actor.blueprint.name in _LEGS else 1.0
        axes = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        half = np.array([[1, 1], [1, -1], [-1, -1], [-1, 1]]) * (size[:2] / 2) @ axes
        corners = (place[:2] - centre + half) / _CELL + _SIDE / 2
        cv2.fillConvexPoly(dark, np.round(corners * 16).astype(np.int32), depth, shift=4)
    soft = 0.6 * cv2.GaussianBlur(dark, (0, 0), 2.0) + 0.4 * cv2.GaussianBlur(dark, (0, 0), 6.0)
    return 1 - np.float32(_DARKEST) * soft


def openness(snapshot: Snapshot, points: np.ndarray) -> np.ndarray:
    """Share (N,) of the light from above that reaches ``points`` (N, 3) on the ground; 1 beyond 64 m."""
    centre = snapshot.world.ego_pose(snapshot.time)[:2, 3]
    cells = ((points[:, :2] - centre.astype(np.float32)) * np.float32(1 / _CELL) + _SIDE / 2).astype(np.int32)
    inside = ((cells >= 0) & (cells < _SIDE)).all(1)
    cells = np.where(inside[:, None], cells, 0)
    return np.where(inside, _shade_map(snapshot)[cells[:, 1], cells[:, 0]], np.float32(1))
