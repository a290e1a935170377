"""An object with a place in time."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from perception_kd.simulation.actors.catalogue import Blueprint
from perception_kd.simulation.mesh import areas
from perception_kd.simulation.poses import rotate, yaw_matrix
from perception_kd.simulation.road import Track

SURFACE_SAMPLES = 64
_FULL_SWING = 1.2
"""Those who walk slower in m/s swing their limbs less."""


@dataclass(frozen=True)
class Actor:
    """A blueprint on a track.

    Args:
        key: Unique in its scene.
        blueprint: What it is.
        track: Where it is.
        in_traffic: It stands in a lane and means to go on (nuScenes: stopped, not parked).
    """

    key: str
    blueprint: Blueprint
    track: Track
    in_traffic: bool = False

    def box(self, time: float) -> tuple[np.ndarray, np.ndarray, float]:
        """Centre (3,) in m, size (3,) as length, width, height, and yaw, in the world frame."""
        x, y, z, yaw = self.track.pose(time)
        size = np.array(self.blueprint.size)
        return np.array([x, y, z + size[2] / 2]), size, float(yaw)

    def vertices(self, time: float) -> np.ndarray:
        """Mesh vertices (V, 3) float32 in the world frame."""
        return self._placed(self._pose(time), time) if self.track.moves else self._standing

    @cached_property
    def _standing(self) -> np.ndarray:
        return self._placed(self._rest, 0.0)

    def surface_points(self, time: float) -> np.ndarray:
        """Points spread evenly over its surface, (64, 3) in the world frame; the same ones at any time."""
        corners, weights = self._samples
        return self._placed((self._pose(time)[corners] * weights[..., None]).sum(1), time)

    def _pose(self, time: float) -> np.ndarray:
        """Vertices (V, 3) around the foot point."""
        if not self.blueprint.figure.joints:
            return self._rest
        speed = np.hypot(self.track.speed, self.track.drift) * float(self.track.pace.share(time))
        return self.blueprint.figure.vertices(self.track.way(time), min(1.0, speed / _FULL_SWING))

    @cached_property
    def _rest(self) -> np.ndarray:
        return self.blueprint.figure.vertices()

    @cached_property
    def _samples(self) -> tuple[np.ndarray, np.ndarray]:
        """Vertices (64, 3) between which the points lie, and the weights (64, 3) of these."""
        mesh = self.blueprint.mesh
        weight = np.cumsum(areas(self._rest, mesh.triangles))
        rng = np.random.default_rng(len(mesh.triangles))
        chosen = np.searchsorted(weight, rng.random(SURFACE_SAMPLES) * weight[-1])
        a, b = rng.random((2, SURFACE_SAMPLES))
        a, b = np.where(a + b > 1, 1 - a, a), np.where(a + b > 1, 1 - b, b)
        return mesh.triangles[chosen], np.stack([1 - a - b, a, b], 1).astype(np.float32)

    def attribute(self, time: float) -> str:
        """The nuScenes attribute at ``time``, empty for cones and barriers."""
        name, moving = self.blueprint.name, self.track.moving(time)
        if name in ('bicycle', 'motorcycle'):
            return 'cycle.with_rider' if self.blueprint.ridden else 'cycle.without_rider'
        if name == 'pedestrian':
            return 'pedestrian.moving' if moving else 'pedestrian.standing'
        if name in ('traffic_cone', 'barrier'):
            return ''
        if moving:
            return 'vehicle.moving'
        return 'vehicle.stopped' if self.in_traffic else 'vehicle.parked'

    def _placed(self, points: np.ndarray, time: float) -> np.ndarray:
        x, y, z, yaw = self.track.pose(time)
        return (rotate(points, yaw_matrix(yaw)) + np.array([x, y, z], points.dtype)).astype(np.float32)
