"""The road's own coordinates, and motion in them.

``s`` runs along the centre line, ``d`` to its left; both in m. The centre line has one curvature. World
frame: x along the main road at s = 0, y left, z up, z = 0 on the roadway.
"""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.pace import STEADY, Pace

LANE_WIDTH = 3.5
LANES = (-1.75, -5.25, 1.75, 5.25)
"""Lane centres (d). Traffic keeps right: negative d goes with s, positive d against it."""
CYCLE_LANE = -6.95
PARKING = 8.25
KERB = 9.5
SIDEWALK_END = 13.8
KERB_HEIGHT = 0.15
SIDE_KERB, SIDE_PARKING = 5.75, 4.65
"""The side street: a lane each way, and parking strips."""
CORNER = 3.0
"""Radius of the kerbs at a crossroads, and width of the side street's pavements."""
SIDE_REACH = 95.0
"""Length of the side street to either side."""
ZEBRA = 3.5
"""Length of a pedestrian crossing."""


@dataclass(frozen=True)
class Road:
    """A road of constant curvature.

    Args:
        curvature: 1/m, positive bends to the left; 0 is straight.
        start, end: Range of s in m.
        crossing: s where the (first) pedestrian crossing begins.
        mouth: s where another street crosses it, and half the width of that street's roadway.
        half: Offset of the kerbs.
        origin: World x, y and heading at s = 0.
    """

    curvature: float
    start: float
    end: float
    crossing: float
    mouth: tuple[float, float] | None = None
    half: float = KERB
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def crossings(self) -> tuple[float, ...]:
        """Where pedestrian crossings begin: one, or one on either side of the crossroads."""
        if self.mouth is None:
            return (self.crossing,)
        return self.crossing, 2 * self.mouth[0] - self.crossing - ZEBRA

    def to_world(
        self, s: np.ndarray | float, d: np.ndarray | float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(s, d) -> x, y in m and the road's heading in rad."""
        x, y, heading = self._local(np.asarray(s, float), np.asarray(d, float))
        x0, y0, turn = self.origin
        cos, sin = np.cos(turn), np.sin(turn)
        return x0 + cos * x - sin * y, y0 + sin * x + cos * y, heading + turn

    def _local(self, s: np.ndarray, d: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        if abs(self.curvature) < 1e-9:
            return s + 0 * d, d + 0 * s, 0 * s + 0 * d
        radius, angle = 1 / self.curvature, s * self.curvature
        return (radius - d) * np.sin(angle), radius - (radius - d) * np.cos(angle), angle + 0 * d

    def line(self, s: np.ndarray, d: np.ndarray | float, z: float) -> np.ndarray:
        """Points (N, 3) of the line at offset ``d`` and height ``z``."""
        x, y, _ = self.to_world(s, d)
        return np.stack([x, y, np.full_like(x, z)], 1)

    def along(self, s: np.ndarray | float, d: np.ndarray | float) -> np.ndarray:
        """How far (s, d) lies ahead of the middle of the street that crosses, in m."""
        s, d = np.asarray(s, float) - (self.mouth or (0.0,))[0], np.asarray(d, float)
        return self._local(s, d)[0]

    def cut(self, d: float, ahead: float) -> float:
        """The s at offset ``d`` that lies ``ahead`` m of the middle of the street that crosses."""
        middle = self.mouth[0] if self.mouth else 0.0
        if abs(self.curvature) < 1e-9:
            return middle + ahead
        radius = 1 / self.curvature
        return float(middle + radius * np.arcsin(ahead / (radius - d)))

    def height(self, s: np.ndarray | float, d: np.ndarray | float) -> np.ndarray:
        """Height of the ground in m: 0 on roadways, else that of the kerb."""
        beyond = np.abs(np.asarray(d, float)) - self.half
        low = beyond < 0
        if self.mouth:
            away = np.abs(self.along(s, d)) - self.mouth[1]
            inside = np.hypot(np.minimum(away, CORNER) - CORNER, np.minimum(beyond, CORNER) - CORNER) <= CORNER
            low = low | (away < 0) | ~inside
        return np.where(low, 0.0, KERB_HEIGHT)

    def side_street(self) -> 'Road':
        """The straight street that crosses this one; its s runs to the left of this road.

        Raises:
            ValueError: none does.
        """
        if self.mouth is None:
            raise ValueError('no street crosses this road')
        x, y, heading = self.to_world(self.mouth[0], 0.0)
        origin = float(x), float(y), float(heading) + np.pi / 2
        return Road(0.0, -SIDE_REACH, SIDE_REACH, KERB + 0.9, (0.0, self.half), self.mouth[1], origin)


@dataclass(frozen=True)
class Track:
    """Motion in road coordinates; speeds 0 for things that stand.

    Args:
        road: Its road.
        s, d: Place at time 0 in m.
        speed: Full speed ds/dt in m/s (negative against the road's direction).
        drift: Full speed dd/dt in m/s, for those who cross.
        facing: Heading of the object against the road's heading in rad.
        pace: Share of the full speed over time.
    """

    road: Road
    s: float
    d: float
    speed: float = 0.0
    drift: float = 0.0
    facing: float = 0.0
    pace: Pace = STEADY

    def place(self, time: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """s and d (...) at ``time`` (...)."""
        covered = self.pace.covered(time)
        return self.s + self.speed * covered, self.d + self.drift * covered

    def pose(self, time: np.ndarray | float) -> np.ndarray:
        """(..., 4): x, y, z of the foot point in m, yaw in rad, at ``time`` (...) in s."""
        s, d = self.place(time)
        x, y, heading = self.road.to_world(s, d)
        return np.stack(np.broadcast_arrays(x, y, self.road.height(s, d), heading + self.facing), -1)

    def velocity(self, time: float) -> np.ndarray:
        """(3,) velocity in m/s, world frame."""
        s, d = self.place(time)
        share, heading = float(self.pace.share(time)), float(self.road.to_world(s, d)[2])
        along, left = share * self.speed * float(1 - self.road.curvature * d), share * self.drift
        cos, sin = np.cos(heading), np.sin(heading)
        return np.array([cos * along - sin * left, sin * along + cos * left, 0.0])

    def yaw_rate(self, time: float) -> float:
        """In rad/s."""
        return float(self.pace.share(time)) * self.speed * self.road.curvature

    def way(self, time: float) -> float:
        """Metres covered since time 0."""
        return float(np.hypot(self.speed, self.drift) * self.pace.covered(time))

    @property
    def moves(self) -> bool:
        """Whether it ever moves."""
        return (self.speed != 0 or self.drift != 0) and any(self.pace.shares)

    def moving(self, time: np.ndarray | float) -> np.ndarray:
        """Whether (...) it moves at ``time`` (...)."""
        return np.asarray(self.moves & (self.pace.share(time) > 0.01))
