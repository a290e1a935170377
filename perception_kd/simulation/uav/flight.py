"""Smooth paths through the air, and how a body lies in it on them.

World: the camera at the origin, x right, y down, z ahead at azimuth 0; metres and seconds, time 0 in the middle of a
sequence.
"""

from dataclasses import dataclass

import numpy as np

GRAVITY = np.array([0.0, 9.81, 0.0])


@dataclass(frozen=True)
class Flight:
    """A straight way with waves on it.

    Args:
        place: (3,) at time 0.
        speed: (3,) m/s.
        sway: (K, 3) amplitudes of waves in m.
        pace: (K,) their angular frequencies in rad/s.
        phase: (K,) their phases in rad.
    """

    place: np.ndarray
    speed: np.ndarray
    sway: np.ndarray
    pace: np.ndarray
    phase: np.ndarray

    @staticmethod
    def straight(place: np.ndarray, speed: np.ndarray) -> 'Flight':
        """Without waves."""
        return Flight(place, speed, np.zeros((1, 3)), np.ones(1), np.zeros(1))

    def position(self, time: float) -> np.ndarray:
        """(3,) m."""
        return self.place + self.speed * time + (np.sin(self.pace * time + self.phase) - np.sin(self.phase)) @ self.sway

    def velocity(self, time: float) -> np.ndarray:
        """(3,) m/s."""
        return self.speed + (self.pace * np.cos(self.pace * time + self.phase)) @ self.sway

    def acceleration(self, time: float) -> np.ndarray:
        """(3,) m/s2."""
        return -(self.pace**2 * np.sin(self.pace * time + self.phase)) @ self.sway


@dataclass(frozen=True)
class Attitude:
    """How a body lies in the air.

    Args:
        kind: ``hover`` leans into its acceleration and against the wind; ``wing`` and ``flap`` point along their
            way and bank in turns.
        heading: Azimuth of the nose in rad at time 0, of what hovers.
        turning: rad/s.
        drag: Share of gravity that leaning against the air takes for each m/s.
        wind: (3,) m/s.
    """

    kind: str
    heading: float = 0.0
    turning: float = 0.0
    drag: float = 0.02
    wind: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def rotation(self, flight: Flight, time: float) -> np.ndarray:
        """(3, 3) world from body."""
        through_air = flight.velocity(time) - np.array(self.wind)
        lift = flight.acceleration(time) - GRAVITY
        if self.kind == 'hover':
            lift = lift + self.drag * 9.81 * through_air * (1, 0, 1)
            azimuth = self.heading + self.turning * time
            ahead = np.array([np.sin(azimuth), 0, np.cos(azimuth)])
            down = -_unit(lift)
            return _axes(down=down, ahead=_unit(ahead - down * (down @ ahead)))
        ahead = _unit(through_air)
        return _axes(down=-_unit(lift - ahead * (ahead @ lift)), ahead=ahead)


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / max(float(np.linalg.norm(vector)), 1e-9)


def _axes(*, down: np.ndarray, ahead: np.ndarray) -> np.ndarray:
    return np.stack([np.cross(down, ahead), down, ahead], 1)


def draw_sway(rng: np.random.Generator, reach: float, seconds: float, waves: int = 2) -> tuple[np.ndarray, ...]:
    """Amplitudes (K, 3) up to ``reach`` m, angular frequencies (K,) and phases (K,) of waves that fit the time."""
    pace = 2 * np.pi * np.exp(rng.uniform(np.log(0.15), np.log(1.2), waves)) / max(seconds, 1.0)
    sway = rng.normal(0, reach / 2, (waves, 3)) * (1, 0.6, 1)
    return np.clip(sway, -reach, reach), pace, rng.uniform(0, 2 * np.pi, waves)
