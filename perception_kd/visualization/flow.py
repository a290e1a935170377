"""Keys written like words: from left to right, and on a new line where the sheet ends."""

from __future__ import annotations

from matplotlib.axes import Axes

from perception_kd.visualization.legend import LINE, draw_bar
from perception_kd.visualization.marks import Mark
from perception_kd.visualization.palette import FAINT_INK, INK, Colour
from perception_kd.visualization.scales import Scale
from perception_kd.visualization.sheet import Sheet

_INDENT, _GAP = 34, 24
_BAR, _BELOW = 220, 14


class Flow:
    """Lines of explanations over the width of a sheet.

    Args:
        sheet: Where.
        overlay: ``sheet.overlay()``.
        left, right, top: Where lines begin and end, and where the first one is, in pixels.
    """

    def __init__(self, *, sheet: Sheet, overlay: Axes, left: float, right: float, top: float) -> None:
        self.sheet, self.overlay = sheet, overlay
        self.left, self.right, self.top = left, right, top
        self._next, self._below = left, 0.0

    @property
    def bottom(self) -> float:
        """Where the line in hand ends."""
        return self.top + LINE + self._below

    def line(self) -> None:
        """Begin a new line, unless this one is empty."""
        if self._next > self.left:
            self.top, self._next, self._below = self.bottom, self.left, 0.0

    def mark(self, mark: Mark, text: str) -> None:
        """A mark and its meaning."""
        start = self._words(text, 9, INK, _INDENT)
        mark(self.overlay, start, self._middle)

    def text(self, text: str) -> None:
        """A remark."""
        self._words(text, 8.5, FAINT_INK, 0)

    def scale(self, text: str, scale: Scale) -> None:
        """A quantity and its colours."""
        self._words(text, 9, INK, 0, after=_BAR + 12)
        draw_bar(self.sheet, self._next - _GAP - _BAR, self._middle - 5, _BAR, scale)
        self._below = _BELOW

    @property
    def _middle(self) -> float:
        return self.top + LINE / 2

    def _words(self, text: str, size: float, colour: Colour, before: float, after: float = 0) -> float:
        """Write with room ``before`` and ``after``; returns where that room begins."""
        label = self.sheet.text(0, 0, text, size=size, colour=colour)
        width = before + self.sheet.width_of(label) + after
        if self._next + width > self.right:
            self.line()
        start = self._next
        self.sheet.move(label, start + before, self._middle)
        self._next += width + _GAP
        return start
