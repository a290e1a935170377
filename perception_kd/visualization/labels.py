"""Short texts beside things, placed so that none covers another or is cut off."""

from __future__ import annotations

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from perception_kd.visualization.palette import PAPER, Colour

_DIRECTIONS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1), (1, 1), (-1, 1), (-1, -1), (1, -1)], np.float64)


class LabelPlacer:
    """Keeps what is taken in one pair of axes; limits and size of the axes must be final.

    Args:
        axes: Where to write.
    """

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.renderer = axes.figure.canvas.get_renderer()
        self.frame = axes.get_window_extent(self.renderer)
        self.texts: list[Bbox] = []
        self.things: list[Bbox] = []

    def avoid(self, outline: NDArray[np.float64]) -> Bbox:
        """Note a thing, (K, 2) in data coordinates, that labels had better not cover. Returns its box in pixels."""
        pixels = self.axes.transData.transform(outline)
        box = Bbox([pixels.min(0), pixels.max(0)])
        self.things.append(box)
        return box

    def place(self, around: Bbox, text: str, *, size: float, colour: Colour, margin: float = 2) -> bool:
        """Write ``text`` beside a thing where there is room; leave it out where there is none.

        Returns:
            Whether it was written.
        """
        label = self.axes.text(0, 0, text, fontsize=size, color=colour, ha='center', va='center', zorder=9,
                               family='DejaVu Sans', clip_on=False)
        label.set_path_effects([patheffects.withStroke(linewidth=1.8, foreground=PAPER)])
        extent = label.get_window_extent(self.renderer)
        half = np.array([extent.width, extent.height]) / 2 + 1
        for things in (self.things, []):
            for direction in _DIRECTIONS:
                reach = np.array([around.width, around.height]) / 2 + margin
                centre = (around.min + around.max) / 2 + direction * (reach + half)
                box = Bbox([centre - half, centre + half])
                if self._is_free(box, [thing for thing in things if thing is not around]):
                    self.texts.append(box)
                    label.set_position(self.axes.transData.inverted().transform(centre))
                    return True
        label.remove()
        return False

    def _is_free(self, box: Bbox, things: list[Bbox]) -> bool:
        inside = (box.min >= self.frame.min).all() and (box.max <= self.frame.max).all()
        return bool(inside) and not any(box.overlaps(other) for other in (*self.texts, *things))
