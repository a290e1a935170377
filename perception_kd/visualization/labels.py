"""Short texts beside things, placed so that none covers another or is cut off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.text import Text
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
        """Note an outline (K, 2) in data coordinates that labels should not cover. Returns its pixel box."""
        pixels = self.axes.transData.transform(outline)
        box = Bbox([pixels.min(0), pixels.max(0)])
        self.things.append(box)
        return box

    def place(self, around: Bbox, text: str, *, size: float, colour: Colour, margin: float = 2) -> bool:
        """Write ``text`` beside a thing where there is room; leave it out where there is none.

        Returns:
            Whether it was written.
        """
        label = self._draw(text, size, colour, halo=1.8)
        half = self._half(label)
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

    def place_row(
        self, rays: Sequence[NDArray[np.float64]], texts: Sequence[str], *, size: float, colour: Colour
    ) -> int:
        """Write all texts along the best of several ``rays``, (K, 2) in data coordinates each; returns which."""
        drawn = [self._draw(text, size, colour, halo=2.5) for text in texts]
        rows = [[self._box_at(text, place) for text, place in zip(drawn, ray)] for ray in rays]
        best = max(range(len(rays)), key=lambda index: (self._merit(rows[index]), -index))
        for text, box, place in zip(drawn, rows[best], rays[best]):
            if self._is_inside(box):
                self.texts.append(box)
                text.set_position(place)
            else:
                text.remove()
        return best

    def _merit(self, boxes: list[Bbox]) -> int:
        """Labels within the frame, less three for each that covers something."""
        inside = [box for box in boxes if self._is_inside(box)]
        return len(inside) - 3 * sum(not self._is_free(box, self.things) for box in inside)

    def _draw(self, text: str, size: float, colour: Colour, halo: float) -> Text:
        style = {'ha': 'center', 'va': 'center', 'family': 'DejaVu Sans'}
        label = self.axes.text(0, 0, text, fontsize=size, color=colour, zorder=9, **style)
        label.set_path_effects([patheffects.withStroke(linewidth=halo, foreground=PAPER)])
        return label

    def _half(self, text: Text) -> NDArray[np.float64]:
        extent = text.get_window_extent(self.renderer)
        return np.array([extent.width, extent.height]) / 2 + 1

    def _box_at(self, text: Text, place: NDArray[np.float64]) -> Bbox:
        centre, half = self.axes.transData.transform(place), self._half(text)
        return Bbox([centre - half, centre + half])

    def _is_inside(self, box: Bbox) -> bool:
        return bool((box.min >= self.frame.min + 2).all() and (box.max <= self.frame.max - 2).all())

    def _is_free(self, box: Bbox, things: list[Bbox]) -> bool:
        return self._is_inside(box) and not any(box.overlaps(other) for other in (*self.texts, *things))
