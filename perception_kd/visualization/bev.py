"""The bird's-eye view: forward is up, the vehicle at the origin, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, Polygon
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.frame import Frame, RadarPoints
from perception_kd.visualization.geometry import ground_outline, heading_lines
from perception_kd.visualization.labels import LabelPlacer
from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, RULE, Colour

HEIGHT_LIMITS = (-2.0, 4.0)
"""Heights (m above the ground under the vehicle's origin) between which LiDAR colours run."""
INTENSITY_LIMITS = (0.0, 100.0)
VELOCITY_LIMITS = (-10.0, 10.0)
ARROW_SPEED = 0.5
"""Radar returns slower than this (m/s) get no arrow."""


def shaded(name: str) -> LinearSegmentedColormap:
    """The darker part of a sequential colour map, so that its low end still shows on white."""
    colours = matplotlib.colormaps[name](np.linspace(0.28, 0.85, 256))
    return LinearSegmentedColormap.from_list(f'shaded {name}', colours)


@dataclass(frozen=True)
class View:
    """What of the ground is shown, in metres from the vehicle.

    Args:
        front, back, side: How far ahead, behind, and to either side; all positive or 0.
    """

    front: float
    back: float
    side: float

    def __post_init__(self) -> None:
        if self.front <= 0 or self.side <= 0 or self.back < 0:
            raise ValueError(f'range: front and side must be positive, back at least 0 m, got {self}')

    @property
    def aspect(self) -> float:
        """Height over width."""
        return (self.front + self.back) / (2 * self.side)

    def holds(self, ego: NDArray[np.float64]) -> NDArray[np.bool_]:
        """(N,) whether points (N, 2+) of the vehicle's frame are shown."""
        ahead = (ego[:, 0] <= self.front) & (ego[:, 0] >= -self.back)
        return ahead & (np.abs(ego[:, 1]) <= self.side)


def to_view(ego: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., 2+) of the vehicle's frame (x forward, y left) -> (..., 2) of the picture (right, up)."""
    return np.stack([-ego[..., 1], ego[..., 0]], axis=-1)


def fit_view(frame: Frame, boxes: Boxes) -> View:
    """A view that shows nearly all boxes: all round, or ahead only for a rig that looks ahead only."""
    ego = move(frame.lidar2ego, boxes.centres) if len(boxes) else np.zeros((1, 3))
    ahead_only = not any('BACK' in camera.name for camera in frame.cameras)
    if ahead_only:
        front = _round_up(np.quantile(ego[:, 0], 0.97) + 4, 10, 40, 80)
        side = _round_up(np.quantile(np.abs(ego[:, 1]), 0.97) + 4, 5, 20, front / 2)
        return View(front, 5, side)
    reach = _round_up(np.quantile(np.abs(ego[:, :2]).max(1), 0.95) + 3, 5, 25, 55)
    return View(reach, reach, reach)


def _round_up(value: float, step: float, low: float, high: float) -> float:
    return float(np.clip(np.ceil(value / step) * step, low, high))


class BEVPanel:
    """One bird's-eye view that layers are drawn on.

    Args:
        axes: Empty axes of the view's aspect.
        view: What is shown.
        lidar2ego: (4, 4).
    """

    def __init__(self, *, axes: Axes, view: View, lidar2ego: NDArray[np.float64]) -> None:
        self.axes, self.view, self.lidar2ego = axes, view, lidar2ego
        axes.set(xlim=(-view.side, view.side), ylim=(-view.back, view.front), facecolor=PAPER)
        self.labels = LabelPlacer(axes)
        self.pixels_per_metre = self.labels.frame.width / (2 * view.side)

    def rings(self, step: float | None = None, size: float = 8) -> None:
        """Circles of equal distance with their radius written on them, and the vehicle."""
        reach = max(self.view.front, self.view.side)
        step = step or (10 if reach * self.pixels_per_metre / 10 < 80 * reach / 10 and reach <= 60 else 20)
        for radius in np.arange(step, 1.5 * reach, step):
            self.axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=RULE, linewidth=0.8, zorder=1))
            self._ring_label(radius, size)
        nose = np.array([(0, 2.6), (1.1, -1.3), (0, -0.6), (-1.1, -1.3)]) * max(1, 7 / (2 * self.pixels_per_metre))
        self.axes.add_patch(Polygon(nose, closed=True, facecolor=INK, edgecolor=PAPER, linewidth=0.8, zorder=7))
        self.labels.avoid(nose)

    def _ring_label(self, radius: float, size: float) -> None:
        angle = np.deg2rad(52)
        place = radius * np.array([np.cos(angle), np.sin(angle)])
        if place[0] > self.view.side * 0.94 or place[1] > self.view.front * 0.96:
            return
        text = self.axes.text(*place, f'{radius:g} m', fontsize=size, color=FAINT_INK, ha='center', va='center',
                              zorder=8, family='DejaVu Sans')
        text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground=PAPER)])
        self.labels.texts.append(text.get_window_extent(self.labels.renderer))

    def lidar(self, points: NDArray[np.float32], *, by: str, cmap: str, size: float = 1.0) -> None:
        """LiDAR points (P, 5) coloured by ``height`` or ``intensity``."""
        ego = move(self.lidar2ego, points.astype(np.float64))
        shown = self.view.holds(ego)
        values = ego[shown, 2] if by == 'height' else points[shown, 3]
        limits = HEIGHT_LIMITS if by == 'height' else INTENSITY_LIMITS
        order = np.argsort(values, kind='stable')
        place = to_view(ego[shown])[order]
        self.axes.scatter(place[:, 0], place[:, 1], c=values[order], cmap=shaded(cmap), vmin=limits[0],
                          vmax=limits[1], s=size, linewidths=0, zorder=2, gid='lidar')

    def radar(self, radar: RadarPoints, *, values: NDArray[np.float64], cmap: str, limits: tuple[float, float],
              size: float = 26) -> None:
        """Radar returns coloured by ``values`` (M,), with the way that each moves within one second."""
        ego = move(self.lidar2ego, radar.positions)
        shown = self.view.holds(ego)
        place = to_view(ego[shown])
        self.axes.scatter(place[:, 0], place[:, 1], c=values[shown], cmap=cmap, vmin=limits[0], vmax=limits[1],
                          s=size, linewidths=0.7, edgecolors=[INK], zorder=4.5, gid='radar')
        self._arrows(place, to_view(radar.velocities[shown] @ self.lidar2ego[:2, :2].T))

    def _arrows(self, place: NDArray[np.float64], motion: NDArray[np.float64]) -> None:
        fast = np.linalg.norm(motion, axis=1) > ARROW_SPEED
        if fast.any():
            self.axes.quiver(*place[fast].T, *motion[fast].T, angles='xy', scale_units='xy', scale=1, units='inches',
                             width=0.016, headwidth=4, headlength=4.5, headaxislength=4, color=[INK], zorder=4.4,
                             minlength=0, gid='radar velocity')

    def boxes(self, boxes: Boxes, colours: list[Colour], *, width: float = 1.4, style: str = '-', fill: float = 0.0,
              heading: bool = True, zorder: float = 5, name: str = 'boxes') -> list[Bbox]:
        """Outlines with a line from the centre to the front. Returns the place of each in pixels."""
        if not len(boxes):
            return []
        corners = in_frame(boxes, self.lidar2ego)
        outlines = to_view(ground_outline(corners))
        faces = [(*colour, fill) for colour in colours]
        self.axes.add_collection(PolyCollection(outlines, facecolors=faces, edgecolors=colours, linewidths=width,
                                                linestyles=style, zorder=zorder, gid=name), autolim=False)
        if heading:
            self.axes.add_collection(LineCollection(to_view(heading_lines(corners)), colors=colours, linewidths=width,
                                                    zorder=zorder, gid=f'{name} heading'), autolim=False)
        return [self.labels.avoid(outline) for outline in outlines]

    def crosses(self, boxes: Boxes, colour: Colour, *, size: float, zorder: float = 6) -> None:
        """A cross over each box centre."""
        place = to_view(move(self.lidar2ego, boxes.centres))
        self.axes.scatter(place[:, 0], place[:, 1], marker='x', s=size, linewidths=1.3, color=[colour], zorder=zorder)

    def scores(self, boxes: Boxes, places: list[Bbox], colours: list[Colour], size: float = 7.5) -> int:
        """Write the score beside each box, best first, where there is room. Returns how many were written."""
        centres = move(self.lidar2ego, boxes.centres) if len(boxes) else np.zeros((0, 3))
        shown = self.view.holds(centres)
        order = [index for index in np.argsort(-boxes.scores, kind='stable') if shown[index]]
        return sum(self.labels.place(places[index], f'{boxes.scores[index]:.2f}', size=size, colour=colours[index])
                   for index in order)
