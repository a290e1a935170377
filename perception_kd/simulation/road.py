"""The road's own coordinates, and motion in them.

``s`` runs along the centre line, ``d`` to its left; both in m. The centre line has one curvature. World
frame: x along the road at s = 0, y left, z up, z = 0 on the roadway.
"""

from dataclasses import dataclass

import numpy as np

LANE_WIDTH = 3.5
LANES = (-1.75, -5.25, 1.75, 5.25)
"""Lane centres (d). Traffic keeps right: negative d goes with s, positive d against it."""
CYCLE_LANE = -6.95
PARKING = 8.25
KERB = 9.5
SIDEWALK_END = 13.8
KERB_HEIGHT = 0.15


@dataclass(frozen=True)
class Road:
    """A road of constant curvature.

    Args:
        curvature: 1/m, positive bends to the left; 0 is straight.
        start, end: Range of s in m.
        crossing: s where the pedestrian crossing begins (3.5 m long).
    """

    curvature: float
    start: float
    end: float
    crossing: float

    def to_world(
        self, s: np.ndarray | float, d: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(s, d) -> x, y in m and the road's heading in rad."""
        s, d = np.asarray(s, float), np.asarray(d, float)
        if abs(self.curvature) < 1e-9:
            return s + 0 * d, d + 0 * s, 0 * s + 0 * d
        radius, angle = 1 / self.curvature, s * self.curvature
        return (radius - d) * np.sin(angle), radius - (radius - d) * np.cos(angle), angle + 0 * d

    def line(self, s: np.ndarray, d: float, z: float) -> np.ndarray:
        """Points (N, 3) of the line at offset ``d`` and height ``z``."""
        x, y, _ = self.to_world(s, d)
        return np.stack([x, y, np.full_like(x, z)], 1)


def ground_height(d: float) -> float:
    """Height of the ground at offset ``d`` in m."""
    return 0.0 if abs(d) < KERB else KERB_HEIGHT


@dataclass(frozen=True)
class Track:
    """Uniform motion in road coordinates; speeds 0 for things that stand.

    Args:
        road: Its road.
        s, d: Place at time 0 in m.
        speed: ds/dt in m/s (negative against the road's direction).
        drift: dd/dt in m/s, for those who cross.
        facing: Heading of the object against the road's heading in rad.
    """

    road: Road
    s: float
    d: float
    speed: float = 0.0
    drift: float = 0.0
    facing: float = 0.0

    def pose(self, time: np.ndarray | float) -> np.ndarray:
        """(..., 4): x, y, z of the foot point in m, yaw in rad, at ``time`` (...) in s."""
        time = np.asarray(time, float)
        d = self.d + self.drift * time
        x, y, heading = self.road.to_world(self.s + self.speed * time, d)
        z = np.where(np.abs(d) < KERB, 0.0, KERB_HEIGHT)
        return np.stack(np.broadcast_arrays(x, y, z, heading + self.facing), -1)

    def velocity(self, time: float) -> np.ndarray:
        """(3,) velocity in m/s, world frame."""
        d = self.d + self.drift * time
        heading = float(self.road.to_world(self.s + self.speed * time, d)[2])
        along, left = self.speed * (1 - self.road.curvature * d), self.drift
        cos, sin = np.cos(heading), np.sin(heading)
        return np.array([cos * along - sin * left, sin * along + cos * left, 0.0])

    @property
    def moves(self) -> bool:
        """Whether it moves at all."""
        return self.speed != 0 or self.drift != 0
