"""Keys to a picture: what each mark, line and colour means."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Polygon, Rectangle

from perception_kd.visualization.bev import HEIGHT_LIMITS, INTENSITY_LIMITS, VELOCITY_LIMITS, shaded
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import FAINT_INK, INK, RULE, Colour
from perception_kd.visualization.sheet import Sheet

LINE = 23
"""Height of one line of a key in pixels."""
_INDENT = 40

Mark = Callable[[Axes, float, float], None]


def outline_mark(colour: Colour, *, width: float = 1.6, style: str = '-', fill: float = 0.0) -> Mark:
    """A small box seen from above, heading to the right."""

    def draw(axes: Axes, left: float, middle: float) -> None:
        """26 pixels wide, from ``left`` on."""
        axes.add_patch(
            Rectangle(
                (left, middle - 6),
                26,
                12,
                facecolor=(*colour, fill),
                edgecolor=colour,
                linewidth=width,
                linestyle=style,
            )
        )
        axes.add_line(Line2D([left + 13, left + 26], [middle, middle], color=colour, linewidth=width))

    return draw


def cross_mark(colour: Colour) -> Mark:
    """A small box with a cross."""

    def draw(axes: Axes, left: float, middle: float) -> None:
        """26 pixels wide, from ``left`` on."""
        outline_mark(colour, fill=0.12)(axes, left, middle)
        axes.scatter([left + 13], [middle], marker='x', s=30, color=[colour], linewidths=1.4)

    return draw


def arrow_mark(axes: Axes, left: float, middle: float) -> None:
    """The arrow of a moving radar return."""
    axes.annotate(
        '',
        (left + 27, middle),
        (left + 3, middle),
        arrowprops={'arrowstyle': '-|>,head_length=0.4,head_width=0.2', 'color': INK, 'linewidth': 1.1},
    )


def vehicle_mark(axes: Axes, left: float, middle: float) -> None:
    """The vehicle's chevron."""
    shape = np.array([(0, -9), (7, 7), (0, 3), (-7, 7)]) + (left + 13, middle)
    axes.add_patch(Polygon(shape, closed=True, facecolor=INK, edgecolor='none'))


def key(sheet: Sheet, overlay: Axes, left: float, top: float, entries: Sequence[tuple[Mark, str]]) -> float:
    """One mark and its meaning a line. Returns where the next line begins."""
    for mark, text in entries:
        mark(overlay, left, top + LINE / 2)
        sheet.text(left + _INDENT, top + LINE / 2, text, size=9)
        top += LINE
    return top


def heading(sheet: Sheet, overlay: Axes, left: float, top: float, width: float, text: str) -> float:
    """A section's title over a thin rule. Returns where its content begins."""
    sheet.text(left, top + 9, text, size=10, weight='bold')
    overlay.add_line(Line2D([left, left + width], [top + 23, top + 23], color=RULE, linewidth=0.8))
    return top + 30


def class_table(
    sheet: Sheet,
    overlay: Axes,
    left: float,
    top: float,
    width: float,
    truth: Boxes,
    predictions: Boxes | None,
    options: PictureOptions,
) -> float:
    """Classes with their colours and how many boxes of each are drawn. Returns where the table ends."""
    top = heading(sheet, overlay, left, top, width, 'Boxes')
    columns = [('truth', truth)] + ([('predicted', predictions)] if predictions is not None else [])
    rights = [left + width - 90 * (len(columns) - 1 - index) for index in range(len(columns))]
    for right, (title, _) in zip(rights, columns):
        sheet.text(right, top + LINE / 2, title, size=8.5, colour=FAINT_INK, align='right')
    top += LINE
    for name in options.classes:
        counts = [boxes.names.count(name) for _, boxes in columns]
        ink = INK if any(counts) else FAINT_INK
        colour = options.colours.of(name)
        overlay.add_patch(
            Rectangle((left, top + 6), 26, 11, facecolor=(*colour, 0.35), edgecolor=colour, linewidth=1.4)
        )
        sheet.text(left + _INDENT, top + LINE / 2, name.replace('_', ' '), size=9, colour=ink)
        for right, count in zip(rights, counts):
            sheet.text(right, top + LINE / 2, str(count) if count else '–', size=9, colour=ink, align='right')
        top += LINE
    return top


def sensor_key(
    sheet: Sheet,
    overlay: Axes,
    left: float,
    top: float,
    width: float,
    options: PictureOptions,
    frame: Frame,
    reach: float,
) -> float:
    """What LiDAR and radar colours mean, with how many points there are. Returns where the key ends."""
    top = heading(sheet, overlay, left, top, width, 'Sensors')
    if options.lidar != 'none':
        what = 'height above ground' if options.lidar == 'height' else 'return intensity'
        sheet.text(left, top + LINE / 2, f'LiDAR points by {what}: {len(frame.lidar):,}', size=9)
        top = _lidar_bar(sheet, left, top + LINE + 2, width, options)
    if options.radar != 'none':
        speed = 'radial velocity' if frame.radar.compensated else 'raw radial velocity'
        what = 'distance' if options.radar == 'depth' else speed
        sheet.text(left, top + LINE / 2, f'Radar returns by {what}: {len(frame.radar):,}', size=9)
        top = _radar_bar(sheet, left, top + LINE + 2, width, options, reach)
        if frame.radar.compensated:
            top = key(sheet, overlay, left, top, [(arrow_mark, 'way of a radar return within one second')])
    return key(sheet, overlay, left, top, [(vehicle_mark, 'this vehicle; rings show the distance from it')])


def _lidar_bar(sheet: Sheet, left: float, top: float, width: float, options: PictureOptions) -> float:
    palette = options.colours
    if options.lidar == 'height':
        sheet.colour_bar(
            left, top, width, cmap=shaded(palette.height), limits=HEIGHT_LIMITS, ticks=(-2, 0, 2, 4), unit='m'
        )
    else:
        sheet.colour_bar(
            left,
            top,
            width,
            cmap=shaded(palette.intensity),
            limits=INTENSITY_LIMITS,
            ticks=(0, 25, 50, 75, 100),
            unit='of 255',
        )
    return top + 38


def _radar_bar(
    sheet: Sheet, left: float, top: float, width: float, options: PictureOptions, reach: float
) -> float:
    cmap, limits = radar_scale(options, reach)
    ticks = (
        (-10, -5, 0, 5, 10)
        if options.radar == 'velocity'
        else tuple(np.arange(0, reach + 0.1, 10 if reach <= 60 else 20))
    )
    unit = 'm/s' if options.radar == 'velocity' else 'm'
    sheet.colour_bar(left, top, width, cmap=matplotlib.colormaps[cmap], limits=limits, ticks=ticks, unit=unit)
    return top + 38


def radar_scale(options: PictureOptions, reach: float) -> tuple[str, tuple[float, float]]:
    """Colour map and limits of radar returns; ``reach`` (m) is the largest distance shown."""
    if options.radar == 'velocity':
        return options.colours.velocity, VELOCITY_LIMITS
    return options.colours.depth, (0.0, reach)


def comparison_key(sheet: Sheet, overlay: Axes, left: float, top: float, options: PictureOptions) -> None:
    """One line: the looks of matches, misses and false alarms, and the rule that tells them apart."""
    colours = options.colours
    entries = [
        (outline_mark(colours.match, fill=0.22), 'match'),
        (outline_mark(colours.miss, style=(0, (2, 1)), fill=0.18), 'missed object'),
        (cross_mark(colours.false_alarm), 'false alarm'),
        (outline_mark(INK, width=0.6), 'truth'),
    ]
    for mark, text in entries:
        mark(overlay, left, top + LINE / 2)
        left += 34 + sheet.width_of(sheet.text(left + 34, top + LINE / 2, text, size=9)) + 26
    rule = (
        'Match: same class, centres less than 2 m apart, best score first, as nuScenes counts. '
        'Counted: boxes in view, in the range of their class, truth with LiDAR or radar points.'
    )
    sheet.text(left, top + LINE / 2, rule, size=8.5, colour=FAINT_INK)


def class_key(
    sheet: Sheet, overlay: Axes, left: float, top: float, options: PictureOptions, names: set[str]
) -> None:
    """One line: the colours of the classes that occur."""
    for name in (name for name in options.classes if name in names):
        colour = options.colours.of(name)
        outline_mark(colour, fill=0.3, width=1.2)(overlay, left, top + LINE / 2)
        text = sheet.text(left + 34, top + LINE / 2, name.replace('_', ' '), size=9)
        left += 34 + sheet.width_of(text) + 22
