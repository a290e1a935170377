"""Cameras that look at a scene: fixed ones by name, and a round tour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.view import View

Array = NDArray[np.float64]
Size = tuple[int, int]
"""Width and height in pixels."""
CAMERAS = ('chase', 'bird', 'side', 'front')


@dataclass(frozen=True)
class Viewpoint:
    """A pinhole camera in the vehicle's frame.

    Args:
        eye, target: Where it stands and what it looks at, m.
        up: Direction that is up in the picture.
        angle: Vertical opening angle, degrees.
    """

    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    up: tuple[float, float, float] = (0.0, 0.0, 1.0)
    angle: float = 45.0

    def __post_init__(self) -> None:
        if not 1 <= self.angle <= 150:
            raise ValueError(f'opening angle must lie in 1 to 150 degrees, got {self.angle:g}')
        if np.linalg.norm(np.cross(np.subtract(self.target, self.eye), self.up)) < 1e-6:
            raise ValueError(f'a camera at {self.eye} that looks at {self.target} cannot have {self.up} up')

    @property
    def extrinsic(self) -> Array:
        """(4, 4), from the vehicle's frame to the camera's (x right, y down, z ahead)."""
        ahead = _unit(np.subtract(self.target, self.eye))
        right = _unit(np.cross(ahead, self.up))
        matrix = np.eye(4)
        matrix[:3, :3] = right, np.cross(ahead, right), ahead
        matrix[:3, 3] = -matrix[:3, :3] @ self.eye
        return matrix

    def intrinsic(self, size: Size) -> Array:
        """(3, 3) for a picture of ``size``: square pixels, the centre of the picture on the axis."""
        width, height = size
        focal = height / 2 / np.tan(np.deg2rad(self.angle) / 2)
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])


def _unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def viewpoint(name: str, view: View, aspect: float = 16 / 9) -> Viewpoint:
    """A fixed camera that shows a view of the ground.

    Args:
        name: ``chase`` (behind and above), ``bird`` (straight down, ahead is up), ``side`` (from the right), or
            ``front`` (from ahead, looking back).
        view: What of the ground matters.
        aspect: Width over height of the picture.

    Raises:
        ValueError: no such camera.
    """
    front, middle, reach = view.front, (view.front - view.back) / 2, max(view.front, view.side)
    if name == 'chase':
        return Viewpoint((-0.52 * reach, 0.0, 0.36 * reach), (0.24 * front, 0.0, 0.0), angle=40)
    if name == 'bird':
        half = max((front + view.back) / 2, view.side / aspect)
        height = 1.04 * half / np.tan(np.deg2rad(15))
        return Viewpoint((middle, 0.0, height), (middle, 0.0, 0.0), up=(1.0, 0.0, 0.0), angle=30)
    if name == 'side':
        return Viewpoint((middle, -0.95 * reach, 0.42 * reach), (middle, 0.0, 0.0), angle=40)
    if name == 'front':
        return Viewpoint((1.02 * front, 0.0, 0.36 * reach), (0.12 * front, 0.0, 0.0), angle=40)
    raise ValueError(f'camera: {name!r} is not among {", ".join(CAMERAS)}')


def orbit(view: View, count: int) -> Iterator[Viewpoint]:
    """``count`` cameras on one circle around the view, counter-clockwise from behind the vehicle.

    Raises:
        ValueError: fewer than 2.
    """
    if count < 2:
        raise ValueError(f'an orbit needs at least 2 frames, got {count}')
    reach = max(view.front, view.side)
    centre = (view.front - view.back) / 4
    for angle in np.pi + np.linspace(0, 2 * np.pi, count, endpoint=False):
        eye = (centre + 0.72 * reach * np.cos(angle), 0.72 * reach * np.sin(angle), 0.42 * reach)
        yield Viewpoint(eye, (centre, 0.0, 0.0), angle=42)
