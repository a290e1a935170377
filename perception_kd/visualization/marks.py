"""Small drawings of what a key explains, 26 pixels wide from ``left`` on, around the height ``middle``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, Colour

Mark = Callable[[Axes, float, float], None]


def outline_mark(colour: Colour, *, width: float = 1.6, style: Any = '-', fill: float = 0.0) -> Mark:
    """A small box seen from above, heading to the right."""
    look = {'facecolor': (*colour, fill), 'edgecolor': colour, 'linewidth': width, 'linestyle': style}

    def draw(axes: Axes, left: float, middle: float) -> None:
        """See the module."""
        axes.add_patch(Rectangle((left, middle - 6), 26, 12, **look))
        axes.add_line(Line2D([left + 13, left + 26], [middle, middle], color=colour, linewidth=width))

    return draw


def cross_mark(colour: Colour) -> Mark:
    """A small box with a cross."""

    def draw(axes: Axes, left: float, middle: float) -> None:
        """See the module."""
        outline_mark(colour, fill=0.12)(axes, left, middle)
        axes.scatter([left + 13], [middle], marker='x', s=30, color=[colour], linewidths=1.4)

    return draw


def moving_mark(colour: Colour) -> Mark:
    """A small box that an arrow leaves."""

    def draw(axes: Axes, left: float, middle: float) -> None:
        """See the module."""
        look = {'facecolor': (*colour, 0.25), 'edgecolor': colour, 'linewidth': 1.4}
        axes.add_patch(Rectangle((left, middle - 5), 12, 10, **look))
        _arrow(axes, left + 5, left + 29, middle, colour, 1.6)

    return draw


def radar_mark(axes: Axes, left: float, middle: float) -> None:
    """A moving radar return."""
    axes.scatter([left + 5], [middle], s=16, color=[PAPER], edgecolors=[INK], linewidths=0.7)
    _arrow(axes, left + 7, left + 29, middle, FAINT_INK, 0.9)


def vehicle_mark(axes: Axes, left: float, middle: float) -> None:
    """The vehicle's chevron."""
    shape = np.array([(0, -9), (7, 7), (0, 3), (-7, 7)]) + (left + 13, middle)
    axes.add_patch(Polygon(shape, closed=True, facecolor=INK, edgecolor='none'))


def extent_mark(axes: Axes, left: float, middle: float) -> None:
    """The frame around the close-up."""
    style = {'edgecolor': FAINT_INK, 'linewidth': 0.9, 'linestyle': (0, (4, 3))}
    axes.add_patch(Rectangle((left, middle - 6), 26, 12, fill=False, **style))


def _arrow(axes: Axes, start: float, end: float, middle: float, colour: Colour, width: float) -> None:
    style = {'arrowstyle': '-|>,head_length=0.4,head_width=0.2', 'color': colour, 'linewidth': width, 'shrinkA': 0}
    axes.annotate('', (end, middle), (start, middle), arrowprops=style)
