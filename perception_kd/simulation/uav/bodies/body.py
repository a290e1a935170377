"""A flying thing as rays meet it, and the shapes that it is built of.

Axes of a body: x to its right, y down, z to its nose; metres.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.stereo.meshes import Mesh, patch

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Paint:
    """colour: linear RGB, 0..1; gloss: mirror share, 0 (matt) .. 1."""

    colour: Colour
    gloss: float = 0.05


@dataclass(frozen=True)
class Rotor:
    """Blades on an axis; they are no mesh, since each ray meets them at its own moment.

    Args:
        centre: (3,) m.
        axis: (3,) unit vector.
        radius: m.
        chord: Width of a blade in m.
        blades: How many.
        rate: Turns a second.
        phase: Turns at time 0.
        colour: Linear RGB.
    """

    centre: np.ndarray
    axis: np.ndarray
    radius: float
    chord: float
    blades: int
    rate: float
    phase: float
    colour: Colour

    def rim(self) -> np.ndarray:
        """(8, 3) points of the circle of the blades' tips."""
        across, other = plane_of(self.axis)
        angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)[:, None]
        return self.centre + self.radius * (np.cos(angle) * across + np.sin(angle) * other)


@dataclass(frozen=True)
class Body:
    """A model of something that flies.

    Args:
        category: ``drone``, ``bird``, ``airplane`` or ``helicopter``.
        kind: How it flies: ``hover``, ``wing`` or ``flap``.
        shape: Its mesh at a time in s; materials are numbers of ``paints``.
        paints: Their list.
        speed: Range in m/s.
        rotors: Blades.
        rigid: The mesh is the same at any time.
    """

    category: str
    kind: str
    shape: Callable[[float], Mesh]
    paints: tuple[Paint, ...]
    speed: tuple[float, float]
    rotors: tuple[Rotor, ...] = ()
    rigid: bool = True

    def outline(self, time: float) -> np.ndarray:
        """(N, 3) points whose hull holds all of it."""
        return np.concatenate([self.shape(time).points, *(rotor.rim() for rotor in self.rotors)])


def plane_of(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (3,) at right angles to an axis and to each other."""
    across = np.cross(axis, np.eye(3)[np.argmin(np.abs(axis))])
    across /= np.linalg.norm(across)
    return across, np.cross(axis, across)


def hull(stations: Sequence[tuple[float, float, float, float]], material: int, segments: int = 14) -> Mesh:
    """A body of elliptic rings: stations (z, half width, half height, y), from the tail to the nose."""
    z, wide, high, y = np.asarray(stations, float).T[:, :, None]
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    return patch(np.stack([wide * np.cos(angle), y + high * np.sin(angle), z + 0 * angle], -1), material)


def panel(sections: Sequence[tuple[float, float, float, float, float]], material: int, upright: bool = False) -> Mesh:
    """A wing or fin: sections (x, y, z of the leading edge, chord, thickness), from one tip to the other.

    Args:
        sections: Each with its chord along -z.
        material: A number.
        upright: Thickness along x, as of fins, instead of y.
    """
    x, y, z, chord, thick = np.asarray(sections, float).T[:, :, None]
    angle = np.linspace(0, 2 * np.pi, 11)
    along = z - chord * (0.5 - 0.5 * np.cos(angle))
    bulge = 0.5 * thick * np.sin(angle) * (0.7 + 0.3 * np.cos(angle))
    flat = 0 * angle
    points = (x + bulge, y + flat, along) if upright else (x + flat, y + bulge, along)
    return patch(np.stack(points, -1), material)


def fixed(mesh: Mesh) -> Callable[[float], Mesh]:
    """The ``shape`` of a rigid body."""
    return lambda _time: mesh
