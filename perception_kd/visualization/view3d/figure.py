"""A rendered scene with its title, its key and the radii of its rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text
from numpy.typing import NDArray

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.geometry import project_points
from perception_kd.visualization.layout import MARGIN, shown_text, write_title
from perception_kd.visualization.legend import draw_bar
from perception_kd.visualization.marks import Mark, moving_mark, outline_mark
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import FAINT_INK, INK, Colour
from perception_kd.visualization.scales import Scale, lidar_scale, radar_scale
from perception_kd.visualization.sheet import DPI, Sheet
from perception_kd.visualization.view3d.ground import ring_radii
from perception_kd.visualization.view3d.theme import Theme
from perception_kd.visualization.view3d.viewpoint import Size, Viewpoint

Picture = NDArray[np.uint8]
WIDTH = 1600
"""Of the layout; all other sizes are in its pixels."""
TITLE, FOOTER = 56, 92
_BAR, _ROW = 246, 24
_LABEL_ANGLES = (-50, 50, -75, 75, -30, 30, 105, -105)
"""Where the radii are written, degrees from the direction of sight: the first that has most of them in sight."""


@dataclass(frozen=True)
class FigureMaker:
    """Puts rendered scenes into figures of one size.

    Args:
        size: Of the whole figure in pixels.
        options: What is shown.
        theme: Colours.
        reach: Of the rings, m.
        bare: Nothing but the scene.
    """

    size: Size
    options: PictureOptions
    theme: Theme
    reach: float
    bare: bool = False

    @property
    def scene_size(self) -> Size:
        """Width and height of the rendered part in pixels."""
        width, height = self.size
        return (width, height) if self.bare else (width, height - round((TITLE + FOOTER) * width / WIDTH))

    def figure(self, picture: Picture, viewpoint: Viewpoint, frame: Frame, predictions: Boxes | None = None, *,
               note: str | None = None, steady: bool = False) -> Picture:
        """The figure (H, W, 3), RGB.

        Args:
            picture: The rendered scene, of ``scene_size``.
            viewpoint: Its camera.
            frame, predictions: What it shows.
            note: What the title says after the scene's name; sample and time if None.
            steady: Radii are written where every frame of a film has them.
        """
        if self.bare:
            return picture
        sheet = Sheet(width=WIDTH, height=WIDTH * self.size[1] / self.size[0])
        sheet.figure.set_facecolor(self.theme.paper)
        axes = sheet.axes(0, TITLE, WIDTH, sheet.height - TITLE - FOOTER)
        axes.set_axis_off()
        axes.imshow(picture, interpolation='none', aspect='auto', gid='scene')
        self._radii(axes, viewpoint, steady)
        write_title(sheet, frame, shown_text(frame, predictions is not None, self.options), note)
        self._key(sheet, frame, predictions)
        _recolour(sheet, self.theme)
        return _fitted(sheet.pixels(dpi=DPI * self.size[0] / WIDTH), self.size, self.theme)

    def _radii(self, axes: Axes, viewpoint: Viewpoint, steady: bool) -> None:
        radii, (width, height) = ring_radii(self.reach), self.scene_size
        best: list[tuple[float, NDArray[np.float64]]] = []
        for angle in np.deg2rad(_LABEL_ANGLES[:1] if steady else _LABEL_ANGLES) + _azimuth(viewpoint):
            places = np.stack([radii * np.cos(angle), radii * np.sin(angle), np.zeros_like(radii)], axis=1)
            pixels, _, _ = project_points(places, viewpoint.extrinsic, viewpoint.intrinsic((width, height)), (1, 1))
            margin = 0.03 * width
            inside = ((pixels > margin) & (pixels < (width - margin, height - margin))).all(1)
            if inside.sum() > len(best):
                best = [(radius, place) for radius, place in zip(radii[inside], pixels[inside])]
        for radius, (right, down) in best:
            under = {'boxstyle': 'round,pad=0.15', 'facecolor': (*self.theme.paper, 0.85), 'edgecolor': 'none'}
            axes.text(right, down, f'{radius:g} m', fontsize=8, color=FAINT_INK, ha='center', va='center', bbox=under)

    def _key(self, sheet: Sheet, frame: Frame, predictions: Boxes | None) -> None:
        overlay, top = sheet.overlay(), sheet.height - FOOTER + 14
        overlay.axhline(top - 14, color=self.theme.ring, linewidth=0.6)
        right = WIDTH - MARGIN
        for what, scale, count in self._scales(frame):
            sheet.text(right - _BAR, top + 8, f'{what} by {scale.title}', size=8.5)
            sheet.text(right, top + 8, f'{count:,}', size=8.5, align='right')
            draw_bar(sheet, right - _BAR, top + 24, _BAR, scale)
            right -= _BAR + 1.5 * MARGIN
        _flow(sheet, overlay, (MARGIN, top + 8), right - MARGIN, self._entries(frame, predictions))

    def _scales(self, frame: Frame) -> list[tuple[str, Scale, int]]:
        options, scales = self.options, []
        if options.radar != 'none' and len(frame.radar):
            scale = radar_scale(options.radar, options.colours, compensated=frame.radar.compensated)
            scales.append(('Radar', scale, len(frame.radar)))
        if options.lidar != 'none' and len(frame.lidar):
            scale = lidar_scale(options.lidar, options.colours)
            scale = replace(scale, cmap=self.theme.lidar_map(options.colours, options.lidar))
            scales.append(('LiDAR', scale, len(frame.lidar)))
        return scales

    def _entries(self, frame: Frame, predictions: Boxes | None) -> list[tuple[Mark, str]]:
        options, theme = self.options, self.theme
        truth = options.truth(frame.truth)
        shown = truth if predictions is None else options.predictions(predictions)
        entries = [(outline_mark(theme.readable(options.colours.of(name)), fill=0.3, width=1.4),
                    f'{name.replace("_", " ")} {shown.names.count(name)}')
                   for name in options.classes if name in shown.names]
        if predictions is not None and frame.annotated:
            entries.append((outline_mark(theme.ink, width=1.0), f'truth {len(truth)}'))
        moving = len(frame.radar) and frame.radar.compensated and options.radar != 'none'
        if moving or (options.velocities and shown.known_motion.any()):
            entries.append((moving_mark(theme.ink), 'velocity: the way in 1 s'))
        if len(shown) and options.lidar != 'none':
            entries.append((_dots(theme.readable(options.colours.of(shown.names[0]))), 'LiDAR points within a box'))
        return entries


def _azimuth(viewpoint: Viewpoint) -> float:
    """Direction of sight over the ground, or of what is up in a picture from straight above, rad."""
    sight = np.subtract(viewpoint.target, viewpoint.eye)
    ahead = sight if np.linalg.norm(sight[:2]) > 1e-6 else np.asarray(viewpoint.up)
    return float(np.arctan2(ahead[1], ahead[0]))


def _dots(colour: Colour) -> Mark:
    def draw(axes: Axes, left: float, middle: float) -> None:
        """Some points."""
        across = left + np.array([3, 8, 13, 18, 23, 6, 14, 21])
        axes.scatter(across, middle + np.array([-3, -4, -3, -4, -3, 3, 4, 3]), s=4, color=[colour], linewidths=0)

    return draw


def _flow(sheet: Sheet, overlay: Axes, start: tuple[float, float], right: float,
          entries: Sequence[tuple[Mark, str]]) -> None:
    """Marks with their meaning, in rows that end before ``right``."""
    left, middle = start
    for mark, text in entries:
        written = sheet.text(left + 34, middle, text, size=9)
        end = left + 34 + sheet.width_of(written)
        if end > right and left > start[0]:
            left, middle = start[0], middle + _ROW
            sheet.move(written, left + 34, middle)
            end = left + 34 + sheet.width_of(written)
        mark(overlay, left, middle)
        left = end + 22


def _recolour(sheet: Sheet, theme: Theme) -> None:
    """Sheets are written in dark ink; a dark theme exchanges it."""
    for text in sheet.figure.findobj(Text):
        if text.get_color() in (INK, FAINT_INK):
            text.set_color(theme.ink if text.get_color() == INK else theme.faint)
    for axes in sheet.figure.axes:
        axes.spines[:].set_color(theme.ring)


def _fitted(pixels: Picture, size: Size, theme: Theme) -> Picture:
    """Exactly ``size``: Matplotlib's figures can be a pixel off."""
    width, height = size
    fitted = np.empty((height, width, 3), np.uint8)
    fitted[:] = np.round(np.array(theme.paper) * 255)
    part = pixels[:height, :width]
    fitted[: len(part), : part.shape[1]] = part
    return fitted
