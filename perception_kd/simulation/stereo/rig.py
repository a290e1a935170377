"""Two rectified cameras side by side."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Rig:
    """The left camera in the origin, the right one ``baseline`` m along x; both look along z.

    Args:
        width, height: px.
        focal: px.
        centre: Principal point (x, y) of the left picture in px; pixel centres have whole numbers.
        baseline: m.
        doffs: By how much the right principal point lies further right, px (as Middlebury's calib.txt).
    """

    width: int
    height: int
    focal: float
    centre: tuple[float, float]
    baseline: float
    doffs: float

    def origin(self, side: int) -> np.ndarray:
        """(3,) centre of the left (0) or right (1) camera in m."""
        return np.array([side * self.baseline, 0, 0], np.float32)

    def rays(self, side: int, samples: int = 1) -> np.ndarray:
        """(H * samples * W * samples, 3) directions of length 1 m along z, through the centres of the pixels' equal
        squares, row by row."""
        across, down = ((np.arange(count * samples) + 0.5) / samples - 0.5 for count in (self.width, self.height))
        x = (across - self.centre[0] - side * self.doffs) / self.focal
        y = (down - self.centre[1]) / self.focal
        rays = np.ones((len(y), len(x), 3), np.float32)
        rays[..., 0], rays[..., 1] = x, y[:, None]
        return rays.reshape(-1, 3)

    def disparity(self, depth: np.ndarray) -> np.ndarray:
        """px of depths in m along z: d = f b / z - doffs."""
        return self.focal * self.baseline / depth - self.doffs
