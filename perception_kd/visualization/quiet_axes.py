"""Axes of charts whose data speak: faint numbers, fine lines behind, no box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from matplotlib.axes import Axes

from perception_kd.visualization.palette import FAINT_INK, RULE


def quiet_axes(axes: Axes, grid: Literal['x', 'y', 'both'], *, hidden: Sequence[str] = ('top', 'right'),
               size: float = 8) -> None:
    """Style them.

    Args:
        axes: With their data.
        grid: Whose numbers have lines.
        hidden: Sides without a line.
        size: Of the numbers, points.
    """
    axes.tick_params(labelsize=size, colors=FAINT_INK, length=2.5)
    axes.grid(axis=grid, color=RULE, linewidth=0.5)
    axes.set_axisbelow(True)
    for side in hidden:
        axes.spines[side].set_visible(False)
