"""From measured values to colours: distances, heights, intensities, velocities; the same in every picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap, LogNorm, Normalize
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.frame import RadarPoints
from perception_kd.visualization.palette import Palette


@dataclass(frozen=True)
class Scale:
    """What colours mean.

    Args:
        title: The quantity, as a key names it.
        cmap, norm: Colour map, and where in it a value lies.
        ticks: Numbers under the bar, the limits among them.
        unit: Of the numbers.
        open_ends: Whether values below the first tick and above the last have their colours.
    """

    title: str
    cmap: Colormap
    norm: Normalize
    ticks: tuple[float, ...]
    unit: str
    open_ends: tuple[bool, bool] = (True, True)

    @property
    def style(self) -> dict[str, Any]:
        """Arguments of Matplotlib's ``scatter``."""
        return {'cmap': self.cmap, 'norm': self.norm}


def shaded(name: str, low: float = 0.28, high: float = 0.85) -> LinearSegmentedColormap:
    """Part of a colour map: by default the darker one of a sequential map, whose low end still shows on white."""
    colours = matplotlib.colormaps[name](np.linspace(low, high, 256))
    return LinearSegmentedColormap.from_list(f'{name} {low:g} to {high:g}', colours)


def lidar_scale(by: str, palette: Palette, *, on_photograph: bool = False) -> Scale:
    """Scale of LiDAR points by ``depth``, ``height`` or ``intensity``; bright colours on photographs."""
    if by == 'depth':
        return _depth_scale(palette)
    bright = shaded(palette.photograph, 0.25, 1.0)
    if by == 'height':
        cmap = bright if on_photograph else shaded(palette.height)
        return Scale('height above ground', cmap, Normalize(-2, 4), (-2, 0, 2, 4), 'm')
    cmap = bright if on_photograph else shaded(palette.intensity)
    return Scale('return intensity', cmap, Normalize(0, 100), (0, 25, 50, 75, 100), 'of 255', (False, True))


def radar_scale(by: str, palette: Palette, *, compensated: bool = True) -> Scale:
    """Scale of radar returns by ``depth`` or ``velocity``."""
    if by == 'depth':
        return _depth_scale(palette)
    cmap = matplotlib.colormaps[palette.velocity]
    title = 'radial velocity' if compensated else 'relative radial velocity'
    return Scale(title, cmap, Normalize(-10, 10), (-10, -5, 0, 5, 10), 'm/s')


def _depth_scale(palette: Palette) -> Scale:
    """Logarithmic: far returns spread over a hundred metres, near ones over ten."""
    cmap = shaded(palette.depth, 0.0, 0.9)
    return Scale('distance', cmap, LogNorm(5, 100), (5, 10, 20, 40, 100), 'm')


def lidar_values(points: NDArray[np.float32], lidar2ego: NDArray[np.float64], by: str) -> NDArray[np.float64]:
    """(P,) of points (P, 5): distance in the ground plane or height in the vehicle's frame (m), or intensity."""
    if by == 'intensity':
        return points[:, 3].astype(np.float64)
    ego = move(lidar2ego, points.astype(np.float64))
    return ego[:, 2] if by == 'height' else np.linalg.norm(ego[:, :2], axis=1)


def radar_values(radar: RadarPoints, lidar2ego: NDArray[np.float64], by: str) -> NDArray[np.float64]:
    """(M,) distance of each return from the vehicle in the ground plane (m), or its radial velocity (m/s)."""
    if by == 'velocity':
        return radar.radial
    return np.linalg.norm(move(lidar2ego, radar.positions)[:, :2], axis=1)
