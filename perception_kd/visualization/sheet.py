"""A figure measured in pixels from its top left corner; no display, none of pyplot's global state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.colors import Colormap, Normalize
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.typing import NDArray

from perception_kd.files import atomic_path
from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, RULE, Colour

DPI = 100
"""Resolution at which one unit of the layout is one pixel."""
DPI_LIMITS = (10, 1000)
LEAST_WIDTH = 64
_APART = 5
"""Pixels between two numbers of a scale."""


class Sheet:
    """An empty picture.

    Args:
        width, height: Pixels at 100 dpi.
    """

    def __init__(self, *, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=PAPER)
        self.canvas = _Canvas(self.figure)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without ticks whose box is given in pixels from the top left corner."""
        box = (left / self.width, 1 - (top + height) / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set(color=RULE, linewidth=0.8)
        return axes

    def overlay(self) -> Axes:
        """Axes over the whole sheet, in pixels from the top left corner, for swatches and rules."""
        axes = self.axes(0, 0, self.width, self.height)
        axes.set(xlim=(0, self.width), ylim=(self.height, 0))
        axes.set_axis_off()
        return axes

    def text(
        self,
        left: float,
        middle: float,
        text: str,
        *,
        size: float = 9,
        colour: Colour = INK,
        weight: str = 'normal',
        align: str = 'left',
    ) -> Text:
        """One line whose vertical middle lies at ``middle``; ``size`` in points."""
        return self.figure.text(
            left / self.width,
            1 - middle / self.height,
            text,
            fontsize=size,
            color=colour,
            fontweight=weight,
            ha=align,
            va='center_baseline',
            family='DejaVu Sans',
            parse_math=False,  # a dollar in a name is a dollar
        )

    def move(self, text: Text, left: float, middle: float) -> None:
        """Move a line to another place."""
        text.set_position((left / self.width, 1 - middle / self.height))

    def width_of(self, text: Text) -> float:
        """Width in pixels at 100 dpi."""
        return text.get_window_extent(self.canvas.get_renderer()).width * DPI / self.figure.dpi

    def shorten(self, text: Text, width: float, *, beginning: bool = False) -> None:
        """Cut the end of a line that takes more than ``width`` pixels, or its ``beginning``, as paths need it."""
        while self.width_of(text) > width and len(text.get_text()) > 1:
            whole = text.get_text()
            text.set_text('…' + whole.removeprefix('…')[1:].lstrip() if beginning
                          else whole.removesuffix('…')[:-1].rstrip() + '…')

    def run(
        self, left: float, middle: float, parts: Sequence[tuple[str, Colour]], *, gap: float = 9, **style: Any
    ) -> float:
        """Words of different colours after one another on one line; returns where the line ends."""
        for text, colour in parts:
            left += self.width_of(self.text(left, middle, text, colour=colour, **style)) + gap
        return left - gap

    def colour_bar(
        self,
        left: float,
        top: float,
        width: float,
        *,
        cmap: Colormap,
        limits: tuple[float, float],
        ticks: Sequence[float],
        unit: str,
        norm: Normalize | None = None,
        open_ends: tuple[bool, bool] = (False, False),
    ) -> None:
        """A horizontal scale, 10 px high, with numbers below it (20 px more), those in the middle where they have room.

        ``norm`` replaces a linear scale between ``limits``; ``open_ends`` marks the first and the last colour as those
        of all values beyond.
        """
        axes = self.axes(left, top, width, 10)
        axes.imshow(np.linspace(0, 1, 256)[None], cmap=cmap, aspect='auto')
        norm = norm or Normalize(*limits)
        last = len(ticks) - 1
        taken: list[tuple[float, float]] = []
        for index in sorted(range(len(ticks)), key=lambda index: 0 < index < last):
            align = 'left' if index == 0 else 'right' if index == last else 'center'
            beyond = '< ' if index == 0 and open_ends[0] else '> ' if index == last and open_ends[1] else ''
            label = beyond + f'{ticks[index]:g}'.replace('-', '\N{MINUS SIGN}')
            label = f'{label} {unit}' if index == last else label
            place = left + width * float(norm(ticks[index]))
            text = self.text(place, top + 20, label, size=8, colour=FAINT_INK, align=align)
            wide = self.width_of(text)
            start = place - wide * {'left': 0.0, 'center': 0.5, 'right': 1.0}[align]
            if any(start < end + _APART and begin < start + wide + _APART for begin, end in taken):
                text.remove()
            else:
                taken.append((start, start + wide))

    def pixels(self, *, dpi: float = DPI, max_width: int | None = None) -> NDArray[np.uint8]:
        """The picture as an array (H, W, 3), RGB; ``dpi`` and errors as ``save``."""
        self.figure.dpi = self._resolution(dpi, max_width)
        try:
            self.canvas.draw()
            return np.array(self.canvas.buffer_rgba())[..., :3]
        finally:
            self.figure.dpi = DPI

    def _resolution(self, dpi: float, max_width: int | None) -> float:
        """``dpi``, or less where the picture were wider than ``max_width`` pixels."""
        check_resolution(dpi, max_width)
        return min(dpi, max_width * DPI / self.width) if max_width else dpi

    def save(self, path: str | Path, *, dpi: float = DPI, max_width: int | None = None) -> tuple[int, int]:
        """Write a PNG atomically; ``max_width`` (pixels) lowers the resolution where the picture were wider.

        Returns:
            Width and height in pixels.

        Raises:
            ValueError: the name does not end in .png, or see ``check_resolution``.
        """
        path = check_png(path)
        dpi = self._resolution(dpi, max_width)
        with atomic_path(path) as temporary:
            self.figure.savefig(temporary, dpi=dpi, format='png', facecolor=PAPER)
        return int(self.width * dpi / DPI), int(self.height * dpi / DPI)


class _Renderer(RendererAgg):
    """Letters keep their shape: hinting widens small ones, so that lines which fit at 100 dpi would not at less."""

    def get_text_width_height_descent(self, *args: Any, **kwargs: Any) -> tuple[float, float, float]:
        """As Matplotlib's."""
        with _without_hinting():
            return super().get_text_width_height_descent(*args, **kwargs)

    def draw_text(self, *args: Any, **kwargs: Any) -> None:
        """As Matplotlib's."""
        with _without_hinting():
            super().draw_text(*args, **kwargs)


class _Canvas(FigureCanvasAgg):
    """Draws with ``_Renderer``."""

    def get_renderer(self) -> _Renderer:
        """The same one while size and resolution last."""
        kind = (*self.figure.bbox.size, self.figure.dpi)
        if kind != getattr(self, '_kind', None):
            self._kind, self.renderer = kind, _Renderer(*kind)
        return self.renderer


@contextmanager
def _without_hinting() -> Iterator[None]:
    """Matplotlib reads this setting with every text; it is another's before and after."""
    before = matplotlib.rcParams['text.hinting']
    matplotlib.rcParams['text.hinting'] = 'none'
    try:
        yield
    finally:
        matplotlib.rcParams['text.hinting'] = before


def check_resolution(dpi: float, max_width: int | None) -> None:
    """See that a picture can be drawn so finely; asked before it is drawn, as ``check_png``.

    Raises:
        ValueError: a number outside of what serves a reader and fits into memory.
    """
    low, high = DPI_LIMITS
    if not low <= dpi <= high:
        raise ValueError(f'dpi must lie in {low} to {high}, got {dpi:g}')
    if max_width is not None and max_width < LEAST_WIDTH:
        raise ValueError(f'max_width must be at least {LEAST_WIDTH} pixels, got {max_width}')


def check_png(path: str | Path) -> Path:
    """The path, if its name ends in .png; pictures can be slow to draw, so this is asked first.

    Raises:
        ValueError: it does not.
    """
    if Path(path).suffix.lower() != '.png':
        raise ValueError(f'{path}: pictures are PNG files; give a name that ends in .png')
    return Path(path)
