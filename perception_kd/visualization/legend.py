"""Keys to a picture: what each mark, line and colour means."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.marks import Mark, radar_mark, vehicle_mark
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import FAINT_INK, INK, RULE
from perception_kd.visualization.scales import Scale, lidar_scale, radar_scale
from perception_kd.visualization.sheet import Sheet

LINE = 23
"""Height of one line of a key in pixels."""
_INDENT = 40
_COLUMN = 70
_NONE = '\N{EN DASH}'


class Key:
    """A column of explanations, written from the top down.

    Args:
        sheet: Where.
        overlay: ``sheet.overlay()``.
        left, top, width: In pixels. ``top`` moves down with what is written.
    """

    def __init__(self, *, sheet: Sheet, overlay: Axes, left: float, top: float, width: float) -> None:
        self.sheet, self.overlay = sheet, overlay
        self.left, self.top, self.width = left, top, width

    def heading(self, text: str) -> None:
        """A section's title over a thin rule."""
        self.sheet.text(self.left, self.top + 9, text, size=10, weight='bold')
        ends = [self.left, self.left + self.width]
        self.overlay.add_line(Line2D(ends, [self.top + 23] * 2, color=RULE, linewidth=0.8))
        self.top += 30

    def entries(self, entries: Sequence[tuple[Mark, str]]) -> None:
        """One mark and its meaning a line."""
        for mark, text in entries:
            mark(self.overlay, self.left, self._middle)
            self.sheet.text(self.left + _INDENT, self._middle, text, size=9)
            self.top += LINE

    def classes(self, columns: Sequence[tuple[str, Boxes]], options: PictureOptions, *, bounds: bool = False) -> None:
        """Classes with their colours, how many boxes of each are drawn, and with ``bounds`` from which score on."""
        self.heading('Boxes')
        bounded = bounds and bool(options.class_scores)
        titles = [title for title, _ in columns] + ['score \N{GREATER-THAN OR EQUAL TO}'] * bounded
        self._cells(titles, FAINT_INK, 8.5)
        for name in options.classes:
            counts = [boxes.names.count(name) for _, boxes in columns]
            cells = [str(count) if count else _NONE for count in counts]
            colour, ink = options.colours.of(name), INK if any(counts) else FAINT_INK
            style = {'facecolor': (*colour, 0.35), 'edgecolor': colour, 'linewidth': 1.4}
            self.overlay.add_patch(Rectangle((self.left, self.top + 6), 26, 11, **style))
            self.sheet.text(self.left + _INDENT, self._middle, name.replace('_', ' '), size=9, colour=ink)
            self._cells(cells + [f'{options.score_of(name):g}'] * bounded, ink, 9)

    def sensors(self, frame: Frame, options: PictureOptions) -> None:
        """What LiDAR and radar colours mean, with how many points there are."""
        self.heading('Sensors')
        colours, points = options.colours, len(frame.lidar)
        if options.needs_lidar and not points:
            self._line('No LiDAR points')
        elif options.lidar != 'none':
            self._scale('LiDAR', lidar_scale(options.lidar, colours), points)
        if options.camera_lidar != 'none' and points:
            scale = lidar_scale(options.camera_lidar, colours, on_photograph=True)
            self._scale('LiDAR in the cameras', scale, None if options.lidar != 'none' else points)
        if options.radar != 'none' and not len(frame.radar):
            self._line('No radar returns')
        elif options.radar != 'none':
            scale = radar_scale(options.radar, colours, compensated=frame.radar.compensated)
            self._scale('Radar', scale, len(frame.radar))
            if frame.radar.compensated:
                self.entries([(radar_mark, 'radar velocity: travel in 1 s')])
        self.entries([(vehicle_mark, 'this vehicle; rings show the distance from it')])

    @property
    def _middle(self) -> float:
        return self.top + LINE / 2

    def _cells(self, texts: Sequence[str], ink: tuple[float, float, float], size: float) -> None:
        """A line of the table, from the right; moves on."""
        for index, text in enumerate(reversed(texts)):
            right = self.left + self.width - _COLUMN * index
            self.sheet.text(right, self._middle, text, size=size, colour=ink, align='right')
        self.top += LINE

    def _line(self, text: str, number: str = '') -> None:
        self.sheet.text(self.left, self._middle, text, size=9)
        self.sheet.text(self.left + self.width, self._middle, number, size=9, align='right')
        self.top += LINE

    def _scale(self, what: str, scale: Scale, count: int | None) -> None:
        self._line(f'{what} by {scale.title}', '' if count is None else f'{count:,}')
        draw_bar(self.sheet, self.left, self.top + 2, self.width, scale)
        self.top += 40


def draw_bar(sheet: Sheet, left: float, top: float, width: float, scale: Scale) -> None:
    """A colour bar with numbers, 30 pixels high."""
    limits = (scale.ticks[0], scale.ticks[-1])
    sheet.colour_bar(left, top, width, cmap=scale.cmap, limits=limits, ticks=scale.ticks, unit=scale.unit,
                     norm=scale.norm, open_ends=scale.open_ends)
