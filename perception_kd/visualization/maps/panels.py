"""One map drawn: the vehicle's frame, ahead is up, true boxes outlined, its own colour scale beneath."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

from perception_kd.structures import BEVGrid
from perception_kd.visualization.maps.bev_map import BEVMap, Scale
from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, Colour
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import to_view

PANEL_WIDTH, TICKS, GAP = 236, 30, 14
TITLE_HEIGHT, BELOW = 24, 92
"""Pixels: width of a map, room for the numbers at its left side, between panels, above a map and below it."""
_TALLEST = 1.6
_TEXT = 8
_VEHICLE = 0.03
"""Half of the mark of the vehicle, as a part of the picture."""


@dataclass(frozen=True)
class Ground:
    """Where maps lie around the vehicle.

    Args:
        grid2ego: (4, 4) from the frame of the grids to the vehicle's, x ahead and y left, m.
        outlines: (N, 4, 2) ground corners of true boxes in the vehicle's frame, m.
        grids: What the panels show at least.
    """

    grid2ego: NDArray[np.float64]
    outlines: NDArray[np.float64]
    grids: tuple[BEVGrid, ...]

    @property
    def to_picture(self) -> Affine2D:
        """From x and y of a grid to right and up in the picture, m."""
        matrix = np.eye(3)
        matrix[0, :2], matrix[0, 2] = -self.grid2ego[1, :2], -self.grid2ego[1, 3]
        matrix[1, :2], matrix[1, 2] = self.grid2ego[0, :2], self.grid2ego[0, 3]
        return Affine2D(matrix)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top of all grids and of the vehicle in the picture, m."""
        corners = [(x, y) for grid in self.grids for x in (grid.x_min, grid.x_max) for y in (grid.y_min, grid.y_max)]
        seen = self.to_picture.transform(np.array(corners))
        seen = np.concatenate([seen, np.outer((-1, 1), np.ptp(seen, axis=0)) * _VEHICLE])
        return seen[:, 0].min(), seen[:, 0].max(), seen[:, 1].min(), seen[:, 1].max()

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of a map in pixels."""
        left, right, bottom, top = self.extent
        aspect = (top - bottom) / (right - left)
        return (PANEL_WIDTH, PANEL_WIDTH * aspect) if aspect <= _TALLEST else (
            PANEL_WIDTH * _TALLEST / aspect, PANEL_WIDTH * _TALLEST)


def colours_of(scale: Scale) -> Colormap:
    """The colour map of a kind of scale."""
    if scale == 'diverging':
        return matplotlib.colormaps['RdBu_r']
    if scale == 'mask':
        return LinearSegmentedColormap.from_list('mask', matplotlib.colormaps['Purples'](np.linspace(0, 0.9, 256)))
    return matplotlib.colormaps['viridis']


def draw_map(sheet: Sheet, left: float, top: float, shown: BEVMap, ground: Ground) -> Axes:
    """Title, map, scale and one line about it; ``left`` and ``top`` (pixels) are those of the panel.

    The panel takes ``TICKS + PANEL_WIDTH`` by ``TITLE_HEIGHT + ground.size[1] + BELOW`` pixels.
    """
    width, height = ground.size
    left, top = left + TICKS + (PANEL_WIDTH - width) / 2, top + TITLE_HEIGHT
    sheet.text(left, top - 12, shown.title, size=9, weight='bold')
    axes = sheet.axes(left, top, width, height)
    grid, (low, high) = shown.grid, shown.shown_limits
    image = axes.imshow(shown.values, origin='lower', extent=(grid.x_min, grid.x_max, grid.y_min, grid.y_max),
                        cmap=colours_of(shown.scale), vmin=low, vmax=high, zorder=1, gid='map')
    image.set_transform(ground.to_picture + axes.transData)
    axes.set(aspect='auto', xlim=ground.extent[:2], ylim=ground.extent[2:])
    _metres(axes, ground)
    _boxes(axes, ground, INK if shown.scale != 'sequential' else PAPER)
    axes.plot(0, 0, marker='^', markersize=6, color=PAPER, markeredgecolor=INK, markeredgewidth=1.0, zorder=6,
              clip_on=True, gid='vehicle')
    middle = (low + high) / 2
    sheet.colour_bar(left, top + height + 22, width, cmap=colours_of(shown.scale), limits=(low, high),
                     ticks=(low, middle, high), unit=shown.unit)
    write_lines(sheet, left, top + height + 58, shown.about, width=width, size=_TEXT, most=2)
    return axes


def write_lines(
    sheet: Sheet, left: float, middle: float, text: str, *, width: float, size: float, most: int,
    colour: Colour = FAINT_INK
) -> int:
    """Write a text in lines no wider than ``width`` pixels, ``most`` of them; returns how many there are."""
    lines, line = [], sheet.text(left, middle, '', size=size, colour=colour)
    words, held = text.split(), ''
    for word in words:
        line.set_text(f'{held} {word}'.strip())
        if held and sheet.width_of(line) > width:
            lines.append(held)
            held = word
        else:
            held = line.get_text()
    line.remove()
    lines.append(held)
    for number, one in enumerate(lines[:most]):
        cut = '…' if number == most - 1 and len(lines) > most else ''
        sheet.text(left, middle + number * size * 1.75, one + cut, size=size, colour=colour)
    return min(len(lines), most)


def _metres(axes: Axes, ground: Ground) -> None:
    left, right, bottom, top = ground.extent
    reach = max(right - left, top - bottom)
    step = next((step for step in (1, 2, 5, 10, 20, 50) if reach / step <= 6), 100)
    for axis, low, high in ((axes.xaxis, left, right), (axes.yaxis, bottom, top)):
        ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step + 0.0  # no -0
        axis.set_ticks(ticks, [f'{tick:g}'.replace('-', '\N{MINUS SIGN}') + ' m' * (tick == ticks[-1])
                               for tick in ticks])
    axes.tick_params(length=2.5, width=0.6, pad=2, labelsize=6.5, colors=FAINT_INK, labelfontfamily='DejaVu Sans')


def _boxes(axes: Axes, ground: Ground, colour: Colour) -> None:
    if not len(ground.outlines):
        return
    halo = INK if colour == PAPER else PAPER
    lines = PolyCollection(to_view(ground.outlines), facecolors='none', edgecolors=[colour], linewidths=0.7, zorder=5,
                           gid='truth')
    lines.set_path_effects([patheffects.withStroke(linewidth=1.7, foreground=(*halo, 0.8))])
    axes.add_collection(lines, autolim=False)
