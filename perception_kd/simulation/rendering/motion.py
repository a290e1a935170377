"""Motion blur: what moves against the camera while the shutter is open."""

import cv2
import numpy as np

from perception_kd.simulation.poses import rotate
from perception_kd.simulation.rendering.view import View
from perception_kd.simulation.sensors.rig import Mount

_STEP = 4
_SHORT = 0.002
"""Exposures below this, in s, freeze the street."""
_FAR = 1e4
"""Where the sky is taken to be, in m."""


def blurred(image: np.ndarray, view: View, mount: Mount) -> np.ndarray:
    """The picture (H, W, 3) averaged along the way of each pixel."""
    shutter = view.snapshot.world.light.shutter
    if shutter < _SHORT:
        return image
    way = flow(view, mount, shutter)
    if np.abs(way).max() < 1:
        return image
    height, width = image.shape[:2]
    way = cv2.resize(cv2.GaussianBlur(way, (0, 0), 1.2), (width, height), interpolation=cv2.INTER_LINEAR)
    v, u = np.mgrid[:height, :width].astype(np.float32)
    # Three places a third of the way apart, then two places between them: as good as six.
    for shares in ((-1 / 3, 0, 1 / 3), (-1 / 12, 1 / 12)):
        total = np.zeros_like(image)
        for share in shares:
            x, y = u + np.float32(share) * way[..., 0], v + np.float32(share) * way[..., 1]
            total += cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        image = total / len(shares)
    return image


def flow(view: View, mount: Mount, duration: float) -> np.ndarray:
    """(H / 4, W / 4, 2) pixels that what every fourth pixel shows moves in ``duration`` s around the instant."""
    width, height = view.size
    index = np.arange(width * height).reshape(height, width)[::_STEP, ::_STEP]
    snapshot, chosen = view.snapshot, index.ravel()
    hits = view.hits.chosen(chosen)
    distance = np.where(hits.found, hits.distance, np.float32(_FAR))
    points = (view.start(chosen) + view.rays.take(chosen, 1) * distance).T
    speed = snapshot.velocities[snapshot.owner(hits) + 1]
    ends = []
    for share in (-0.5, 0.5):
        time = share * duration
        to_world = snapshot.world.ego_pose(snapshot.time + time) @ mount.to_ego
        local = rotate(points + speed * time - to_world[:3, 3], to_world[:3, :3].T)
        ends.append(local[:, :2] / np.maximum(local[:, 2:], 0.1))
    moved = (ends[1] - ends[0]) * mount.intrinsic[[0, 1], [0, 1]]
    return moved.reshape(*index.shape, 2).astype(np.float32)
