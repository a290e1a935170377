"""A camera on a tripod, in a panning head, in the hand, or kept on a target."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.stereo.meshes import rotation


@dataclass(frozen=True)
class Lens:
    """A pinhole camera; the centre of the pixel in column u and row v lies at (u + 0.5, v + 0.5).

    Args:
        width, height: px.
        focal: px.
    """

    width: int
    height: int
    focal: float

    def rays(self, places: np.ndarray) -> np.ndarray:
        """(..., 3) directions in the camera's frame, z being 1, of places (..., 2) in the picture."""
        x = (places[..., 0] - self.width / 2) / self.focal
        y = (places[..., 1] - self.height / 2) / self.focal
        return np.stack([x, y, np.ones_like(x)], -1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Places (..., 2) in the picture of points (..., 3) in the camera's frame; nan behind the camera."""
        depth = np.where(points[..., 2:] > 1e-6, points[..., 2:], np.nan)
        return points[..., :2] / depth * self.focal + np.array([self.width, self.height]) / 2


@dataclass(frozen=True)
class CameraPath:
    """Where the camera looks over time.

    Args:
        yaw, pitch: Polynomials, highest power first, in rad and s; pitch is positive upwards.
        roll: rad.
        shake: (K, 2) amplitudes of waves in yaw and pitch, rad.
        pace: (K,) angular frequencies in rad/s.
        phase: (K, 2) rad.
    """

    yaw: np.ndarray
    pitch: np.ndarray
    roll: float
    shake: np.ndarray
    pace: np.ndarray
    phase: np.ndarray

    def angles(self, time: float) -> np.ndarray:
        """(2,) yaw and pitch."""
        waves = (self.shake * np.sin(self.pace[:, None] * time + self.phase)).sum(0)
        return np.array([np.polyval(self.yaw, time), np.polyval(self.pitch, time)]) + waves

    def rotation(self, time: float) -> np.ndarray:
        """(3, 3) world from camera."""
        return rotation(*self.angles(time), self.roll)

    def following(self, track: Callable[[float], np.ndarray], seconds: float, lag: float) -> 'CameraPath':
        """This path, led by the direction of what is at ``track(time)`` (3,), as it was ``lag`` s before."""
        times = np.linspace(-seconds / 2, seconds / 2, 9)
        angles = np.array([direction_angles(track(time - lag)) for time in times])
        yaw, pitch = (np.polyfit(times, np.unwrap(angle), 3) for angle in angles.T)
        now = direction_angles(track(0.0))
        yaw[-1], pitch[-1] = yaw[-1] - now[0] + self.yaw[-1], pitch[-1] - now[1] + self.pitch[-1]
        return CameraPath(yaw, pitch, self.roll, self.shake, self.pace, self.phase)


def direction_angles(direction: np.ndarray) -> np.ndarray:
    """Azimuth and elevation (..., 2) in rad of directions (..., 3)."""
    x, y, z = np.moveaxis(np.asarray(direction), -1, 0)
    return np.stack([np.arctan2(x, z), np.arctan2(-y, np.hypot(x, z))], -1)


def draw_path(rng: np.random.Generator, lens: Lens, pitch: float, seconds: float, kind: str) -> CameraPath:
    """A path around azimuth 0 and the elevation ``pitch``.

    Args:
        rng: Draws it.
        lens: The camera.
        pitch: Elevation of the picture's middle in rad.
        seconds: Length of the sequence.
        kind: ``static``, ``pan`` or ``follow`` (the part of it that does not depend on a target).
    """
    px = 1 / lens.focal
    pan = np.zeros(2)
    if kind == 'pan':
        pan = rng.choice([-1, 1]) * rng.uniform(0.3, 1.2) * lens.width * px / max(seconds, 1.0) * np.array([1, 0])
        pan[1] = 0.15 * rng.normal() * abs(pan[0])
    hand = {'static': rng.choice([0.0, 0.4, 2.0]), 'pan': 1.0, 'follow': 3.0}[kind] * px
    waves = rng.uniform(0.3, 4.0, 4)
    shake = hand * rng.normal(0, 1, (4, 2)) / np.sqrt(waves)[:, None]
    return CameraPath(np.array([pan[0], 0.0]), np.array([pan[1], pitch]), rng.normal(0, np.deg2rad(0.8)), shake,
                      2 * np.pi * waves, rng.uniform(0, 2 * np.pi, (4, 2)))  # fmt: skip
