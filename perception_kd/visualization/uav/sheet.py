"""The sheet ``uav``: photographs with their boxes, and beside each close-ups of what is wrong, or small.

Two boxes get a close-up each; a single one gets two, the nearer one without lines, for they hide a tiny target.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.patheffects as effects
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from perception_kd.visualization.flow import Flow
from perception_kd.visualization.layout import GAP, MARGIN
from perception_kd.visualization.marks import Mark
from perception_kd.visualization.palette import FAINT_INK, PAPER, SAFE, Colour, halo_of
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.uav.view import ALARM, MATCH, MISS, REGION, TARGET, Item, UAVView, told

WIDTH = 1800
_HEAD, _BETWEEN = 30, 14
_CLOSE_UPS, _SHOWN, _LEAST = 2, 4.0, 24.0  # per picture; sides of a target in its window; px of the smallest window
_PAPER_RIM, _LINE, _OUT = 1.6, 1.6, 2.0  # points, points, and px of the sheet between a target and its line
COLOURS: dict[str, Colour] = {MATCH: SAFE.match, MISS: SAFE.miss, ALARM: SAFE.false_alarm, TARGET: PAPER,
                              REGION: SAFE.of('barrier')}
"""Of each kind; the dashes say the same to those who do not see colours."""
DASHES: dict[str, Any] = {MATCH: '-', MISS: (0, (4, 2)), ALARM: (0, (1, 1.2)), TARGET: '-', REGION: (0, (6, 4))}
_MEANINGS = {MATCH: 'prediction that found a target', MISS: 'target that was missed', ALARM: 'false alarm',
             TARGET: 'target', REGION: 'region that does not count'}


def draw_uav(views: Sequence[UAVView], *, columns: int = 2, width: int = WIDTH, remark: str = '') -> Sheet:
    """Draw pictures in columns, each with up to two close-ups: of misses and false alarms before finds.

    Args:
        views: One or more.
        columns: Of pictures.
        width: Of the sheet, px.
        remark: Behind the key, such as the thresholds.

    Raises:
        ValueError: nothing to draw, or no column to draw in.
    """
    if not views or columns < 1:
        raise ValueError('a sheet shows one picture or more, in one column or more')
    columns = min(columns, len(views))
    wide = (width - 2 * MARGIN - (columns - 1) * 2 * GAP) / columns
    panels = [_Panel(view, wide) for view in views]
    rows = [panels[first:first + columns] for first in range(0, len(panels), columns)]
    kinds = [kind for kind in COLOURS if any(one.kind == kind for panel in panels for one in panel.items)]
    key = _key(Sheet(width=width, height=MARGIN), 0, kinds, remark)
    heights = [max(panel.height for panel in row) + _BETWEEN for row in rows]
    sheet = Sheet(width=width, height=MARGIN + sum(heights) + key)
    top = MARGIN / 2
    for row, height in zip(rows, heights):
        for column, panel in enumerate(row):
            panel.draw(sheet, MARGIN + column * (wide + 2 * GAP), top)
        top += height
    _key(sheet, top, kinds, remark)
    return sheet


class _Panel:
    """A picture with its title and close-ups."""

    def __init__(self, view: UAVView, width: float) -> None:
        self.view, self.width, self.items = view, width, view.items()
        tall, across = view.picture.shape[:2]
        aspect = tall / across
        self.wide = (width - GAP / 2) / (1 + aspect / _CLOSE_UPS)  # close-ups are squares over the height
        self.tall = self.wide * aspect
        self.side = (self.tall - GAP) / _CLOSE_UPS
        self.height = _HEAD + self.tall

    def draw(self, sheet: Sheet, left: float, top: float) -> None:
        """With the upper left corner there, px of the sheet."""
        title = sheet.text(left, top + 16, self.view.title, size=11, weight='bold')
        sheet.shorten(title, 0.6 * self.wide, beginning=True)
        note = sheet.text(left + sheet.width_of(title) + 14, top + 17, told(self.items), size=9, colour=FAINT_INK)
        sheet.shorten(note, self.width - sheet.width_of(title) - 14)
        axes = sheet.axes(left, top + _HEAD, self.wide, self.tall)
        tall, across = self.view.picture.shape[:2]
        axes.imshow(self.view.picture, aspect='auto', interpolation='auto')
        axes.set(xlim=(-0.5, across - 0.5), ylim=(tall - 0.5, -0.5))
        self._boxes(axes, across / self.wide)
        chosen = close_ups(self.items)
        places = [sheet.axes(left + self.wide + GAP, top + _HEAD + place * (self.side + GAP), self.side, self.side)
                  for place in range(min(2 * len(chosen), _CLOSE_UPS))]
        for place, item in zip(places, chosen):
            self._close_up(place, item, axes)
        if len(places) > len(chosen):
            self._magnify(places[-1], chosen[0].centre, window(chosen[0]) / 4)

    def _magnify(self, axes: Axes, centre: tuple[float, float], reach: float) -> None:
        """Bare pixels, not smoothed, ``reach`` px to each side."""
        x, y = centre
        axes.imshow(self.view.picture, aspect='auto', interpolation='nearest')
        axes.set(xlim=(x - reach - 0.5, x + reach - 0.5), ylim=(y + reach - 0.5, y - reach - 0.5), facecolor=FAINT_INK)

    def _close_up(self, axes: Axes, item: Item, whole: Axes) -> None:
        """Of a target in a window that shows it and what is around it: at most the picture."""
        reach, (x, y) = window(item) / 2, item.centre
        tall, across = self.view.picture.shape[:2]
        if 2 * reach > max(tall, across):
            reach, x, y = max(tall, across) / 2, across / 2, tall / 2
        self._magnify(axes, (x, y), reach)
        self._boxes(axes, 2 * reach / self.side, words=(x - reach, y - reach, x + reach, y + reach))
        frame = Rectangle((x - reach - 0.5, y - reach - 0.5), 2 * reach, 2 * reach, fill=False, edgecolor=PAPER,
                          linewidth=0.8)
        frame.set_path_effects([effects.withStroke(linewidth=1.6, foreground=FAINT_INK)])
        whole.add_patch(frame)

    def _boxes(self, axes: Axes, scale: float, words: tuple[float, float, float, float] | None = None) -> None:
        """``scale``: px of the picture per px of the sheet; ``words``: window in which they are written."""
        for item in reversed(self.items):  # what is wrong comes on top
            out, (left, top, wide, tall) = _OUT * scale, item.box
            colour = COLOURS[item.kind]
            thin = 0.6 if item.kind == TARGET and any(one.kind == MATCH for one in self.items) else 1.0
            box = Rectangle((left - out - 0.5, top - out - 0.5), wide + 2 * out, tall + 2 * out, fill=False,
                            edgecolor=colour, linewidth=_LINE * thin, linestyle=DASHES[item.kind], joinstyle='miter')
            box.set_path_effects([effects.withStroke(linewidth=_LINE * thin + _PAPER_RIM, foreground=halo_of(colour)),
                                  effects.Normal()])
            axes.add_patch(box)
            x, y = item.centre
            if words and words[0] <= x <= words[2] and words[1] <= y <= words[3] and (text := _words(item)):
                low, above = max(left, words[0] + 4 * scale), item.kind == MISS
                axes.text(low, top - 7 * scale if above else top + tall + 7 * scale, text, fontsize=8, ha='left',
                          va='bottom' if above else 'top', color=halo_of(colour), clip_on=True,
                          bbox=dict(facecolor=colour, edgecolor='none', pad=1.5, clip_on=True))


def close_ups(items: Sequence[Item], most: int = _CLOSE_UPS) -> list[Item]:
    """Items to look at closely, in their order; none that an earlier one's window shows."""
    chosen: list[Item] = []
    for item in items:
        shown = any(max(abs(mine - theirs) for mine, theirs in zip(item.centre, one.centre)) + item.side / 2
                    < window(one) / 2 for one in chosen)
        if item.kind != REGION and not shown and len(chosen) < most:
            chosen.append(item)
    return chosen


def window(item: Item) -> float:
    """Side of its close-up, px of the picture."""
    return max(_LEAST, _SHOWN * max(item.box[2], item.box[3]))


def _words(item: Item) -> str:
    if item.kind == MATCH:
        return f'{item.score:.2f}, IoU {item.iou:.2f}'
    if item.kind == ALARM:
        return f'false {item.score:.2f}'
    return f'missed, {item.side:.0f} px' if item.kind == MISS else ''


def _key(sheet: Sheet, top: float, kinds: Sequence[str], remark: str) -> float:
    """Returns its height."""
    flow = Flow(sheet=sheet, overlay=sheet.overlay(), left=MARGIN, right=sheet.width - MARGIN, top=top)
    for kind in kinds:
        flow.mark(_mark(kind), _MEANINGS[kind])
    if remark:
        flow.text(remark)
    return flow.bottom - top


def _mark(kind: str) -> Mark:
    def draw(axes: Axes, left: float, middle: float) -> None:
        """A small box with the line of its kind."""
        box = Rectangle((left, middle - 6), 26, 12, fill=False, edgecolor=COLOURS[kind], linewidth=_LINE,
                        linestyle=DASHES[kind])
        rim = halo_of(COLOURS[kind]) if kind == TARGET else PAPER
        box.set_path_effects([effects.withStroke(linewidth=_LINE + _PAPER_RIM, foreground=rim), effects.Normal()])
        axes.add_patch(box)

    return draw
