"""Light and dark: the colours of a 3D picture that are not those of classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Colormap
from numpy.typing import NDArray

from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, Colour, Palette, luminance
from perception_kd.visualization.scales import shaded
from perception_kd.visualization.view3d.shapes import mix

_LEAST_LIGHT = 0.34


@dataclass(frozen=True)
class Theme:
    """Colours; RGB in 0..1.

    Args:
        paper: Behind everything.
        ink, faint: Texts.
        ring, grid: Lines on the ground.
        paint, glass, tyre: The vehicle.
        dark: Whether bright things stand out.
    """

    paper: Colour
    ink: Colour
    faint: Colour
    ring: Colour
    grid: Colour
    paint: Colour
    glass: Colour
    tyre: Colour
    dark: bool

    def readable(self, colour: Colour) -> Colour:
        """The colour, on dark paper lightened until it shows; there, black and greys change places with white."""
        light = luminance(colour)
        if self.dark and max(colour) - min(colour) < 0.05:
            return (0.92 - 0.7 * light,) * 3
        if not self.dark or light >= _LEAST_LIGHT:
            return colour
        return tuple(mix(colour, (1.0, 1.0, 1.0), (_LEAST_LIGHT - light) / (1 - light)))

    def lidar_map(self, palette: Palette, by: str) -> Colormap:
        """Colours of LiDAR points by ``height`` or ``intensity``: high values stand out from the paper most."""
        name = palette.height if by == 'height' else palette.intensity
        return shaded(f'{name}_r', 0.22, 0.92) if self.dark else shaded(name, 0.30, 0.92)

    def fade(self, colours: NDArray[np.float64], positions: NDArray[np.float64], reach: float) -> NDArray[np.float64]:
        """Colours (N, 3) of things at positions (N, 3), going over into the paper beyond ``reach`` m."""
        distance = np.linalg.norm(positions[:, :2], axis=1)
        share = 0.75 * np.clip((distance / reach - 0.7) / 0.8, 0, 1)
        return mix(colours, self.paper, share[:, None])


LIGHT = Theme(
    paper=PAPER, ink=INK, faint=FAINT_INK, ring=(0.70, 0.73, 0.78), grid=(0.915, 0.925, 0.94),
    paint=(0.36, 0.40, 0.47), glass=(0.16, 0.18, 0.22), tyre=(0.10, 0.11, 0.13), dark=False,
)  # fmt: skip
DARK = Theme(
    paper=(0.047, 0.059, 0.082), ink=(0.93, 0.945, 0.965), faint=(0.60, 0.65, 0.72), ring=(0.29, 0.34, 0.42),
    grid=(0.098, 0.118, 0.153), paint=(0.86, 0.88, 0.92), glass=(0.20, 0.24, 0.30), tyre=(0.24, 0.26, 0.30),
    dark=True,
)  # fmt: skip
THEMES: dict[str, Theme] = {'light': LIGHT, 'dark': DARK}
