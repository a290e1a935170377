"""Rays, what they hit, and where."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.snapshot import Hits, Snapshot


@dataclass(frozen=True)
class View:
    """Rays and what they hit. Vectors are (3, N), which numpy works on much faster than on (N, 3).

    Args:
        snapshot: The world.
        origins: (3,) or (3, N) where the rays start.
        rays: (3, N) float32 unit directions, world frame.
        hits: (N,) all of them.
        angle: Of a pixel in rad.
        size: Width and height of the picture, row by row; None for rays that are no picture.
    """

    snapshot: Snapshot
    origins: np.ndarray
    rays: np.ndarray
    hits: Hits
    angle: float
    size: tuple[int, int] | None = None

    def start(self, index: np.ndarray) -> np.ndarray:
        """(3, 1) or (3, M) float32 where some of the rays start."""
        start = self.origins[:, None] if self.origins.ndim == 1 else self.origins.take(index, 1)
        return start.astype(np.float32)

    def points(self, index: np.ndarray) -> np.ndarray:
        """(3, M) float32 places that some of the rays hit."""
        return self.rays.take(index, 1) * self.hits.distance.take(index) + self.start(index)

    def normals(self, index: np.ndarray) -> np.ndarray:
        """(3, M) of what some of the rays hit."""
        return self.snapshot.normal_planes.take(self.hits.triangle.take(index), 1)


def column(colour: np.ndarray) -> np.ndarray:
    """A colour (3,) as (3, 1) float32."""
    return np.asarray(colour, np.float32)[:, None]
