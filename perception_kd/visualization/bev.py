"""The bird's-eye view: forward is up, the vehicle at the origin, layer by layer."""

from __future__ import annotations

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patches import Circle, Polygon
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.frame import RadarPoints
from perception_kd.visualization.geometry import ground_outline, heading_lines
from perception_kd.visualization.labels import LabelPlacer
from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, RULE, Colour
from perception_kd.visualization.view import View, to_view

HEIGHT_LIMITS = (-2.0, 4.0)
"""Heights (m above the ground under the vehicle's origin) between which LiDAR colours run."""
INTENSITY_LIMITS = (0.0, 100.0)
VELOCITY_LIMITS = (-10.0, 10.0)
_LABEL_ANGLES = (52, 40, 64, 128, 140, 116, 76, 28)
ARROW_SPEED = 0.5
"""Radar returns slower than this (m/s) get no arrow."""


def shaded(name: str) -> LinearSegmentedColormap:
    """The darker part of a sequential colour map, so that its low end still shows on white."""
    colours = matplotlib.colormaps[name](np.linspace(0.28, 0.85, 256))
    return LinearSegmentedColormap.from_list(f'shaded {name}', colours)


def crowding(count: int) -> float:
    """Factor on the size of marks, so that thousands of returns do not cover the picture."""
    return float(np.clip((500 / max(count, 1)) ** 0.5, 0.3, 1.0))


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

    def rings(self, size: float = 8) -> None:
        """Circles of equal distance, and the vehicle."""
        reach = max(self.view.front, self.view.side)
        least = max(38 / self.pixels_per_metre, reach / 7)
        step = next((step for step in (1, 2, 5, 10, 20, 50) if step >= least), 100)
        self.radii = np.arange(step, 1.5 * reach, step)
        for radius in self.radii:
            self.axes.add_patch(Circle((0, 0), radius, fill=False, edgecolor=RULE, linewidth=0.8, zorder=1))
        nose = np.array([(0, 17), (8, -9), (0, -4), (-8, -9)]) * size / 8 / self.pixels_per_metre
        style = {'facecolor': INK, 'edgecolor': PAPER, 'linewidth': 0.8}
        self.axes.add_patch(Polygon(nose, closed=True, zorder=7, gid='vehicle', **style))
        self.labels.avoid(nose)

    def ring_labels(self, size: float = 8, *, fixed: bool = False) -> None:
        """Radii on the rings, all in the direction where they are most free of boxes; call it after those.

        ``fixed`` writes them where every picture of the same view has them.
        """
        texts = [f'{radius:g} m' for radius in self.radii]
        angles = np.deg2rad(_LABEL_ANGLES[:1] if fixed else _LABEL_ANGLES)
        rays = [self.radii[:, None] * (np.cos(angle), np.sin(angle)) for angle in angles]
        self.labels.place_row(rays, texts, size=size, colour=FAINT_INK)

    def lidar(
        self, points: NDArray[np.float32], *, by: str, cmap: str, size: float = 1.0, strength: float = 1.0
    ) -> None:
        """LiDAR points (P, 5) coloured by ``height`` or ``intensity``; pale where ``strength`` is below 1."""
        ego = move(self.lidar2ego, points.astype(np.float64))
        shown = self.view.holds(ego)
        values = ego[shown, 2] if by == 'height' else points[shown, 3]
        limits = HEIGHT_LIMITS if by == 'height' else INTENSITY_LIMITS
        order = np.argsort(values, kind='stable')
        place = to_view(ego[shown])[order]
        self.axes.scatter(
            place[:, 0],
            place[:, 1],
            c=values[order],
            cmap=shaded(cmap),
            vmin=limits[0],
            vmax=limits[1],
            s=size,
            alpha=strength,
            linewidths=0,
            zorder=2,
            gid='lidar',
        )

    def radar(
        self,
        radar: RadarPoints,
        *,
        values: NDArray[np.float64],
        cmap: str,
        limits: tuple[float, float],
        size: float = 20,
    ) -> None:
        """Radar returns coloured by ``values`` (M,); an arrow shows the way within one second."""
        ego = move(self.lidar2ego, radar.positions)
        shown = self.view.holds(ego)
        place = to_view(ego[shown])
        self.axes.scatter(
            place[:, 0],
            place[:, 1],
            c=values[shown],
            cmap=cmap,
            vmin=limits[0],
            vmax=limits[1],
            s=size * crowding(len(radar)),
            linewidths=0.7 * crowding(len(radar)),
            edgecolors=[INK],
            zorder=4.5,
            gid='radar',
        )
        if radar.compensated:
            self._arrows(place, to_view(radar.velocities[shown] @ self.lidar2ego[:2, :2].T))

    def _arrows(self, place: NDArray[np.float64], motion: NDArray[np.float64]) -> None:
        fast = np.linalg.norm(motion, axis=1) > ARROW_SPEED
        if fast.any():
            self.axes.quiver(
                *place[fast].T,
                *motion[fast].T,
                angles='xy',
                scale_units='xy',
                scale=1,
                units='inches',
                width=0.016,
                headwidth=4,
                headlength=4.5,
                headaxislength=4,
                color=[INK],
                zorder=4.4,
                minlength=0,
                gid='radar velocity',
            )

    def boxes(
        self,
        boxes: Boxes,
        colours: list[Colour],
        *,
        width: float = 1.4,
        style: str = '-',
        fill: float = 0.0,
        heading: bool = True,
        zorder: float = 5,
        name: str = 'boxes',
    ) -> list[Bbox]:
        """Outlines with a line from the centre to the front. Returns the place of each in pixels."""
        if not len(boxes):
            return []
        corners = in_frame(boxes, self.lidar2ego)
        outlines = to_view(ground_outline(corners))
        faces = [(*colour, fill) for colour in colours]
        self.axes.add_collection(
            PolyCollection(
                outlines,
                facecolors=faces,
                edgecolors=colours,
                linewidths=width,
                linestyles=style,
                zorder=zorder,
                gid=name,
            ),
            autolim=False,
        )
        if heading:
            self.axes.add_collection(
                LineCollection(
                    to_view(heading_lines(corners)),
                    colors=colours,
                    linewidths=width,
                    zorder=zorder,
                    gid=f'{name} heading',
                ),
                autolim=False,
            )
        return [self.labels.avoid(outline) for outline in outlines]

    def crosses(self, boxes: Boxes, colour: Colour, *, size: float, zorder: float = 6) -> None:
        """A cross over each box centre."""
        place = to_view(move(self.lidar2ego, boxes.centres))
        self.axes.scatter(
            place[:, 0], place[:, 1], marker='x', s=size, linewidths=1.3, color=[colour], zorder=zorder
        )

    def scores(self, boxes: Boxes, places: list[Bbox], colours: list[Colour], size: float = 7.5) -> int:
        """Write the score beside each box, best first, where there is room. Returns how many were written."""
        centres = move(self.lidar2ego, boxes.centres) if len(boxes) else np.zeros((0, 3))
        shown = self.view.holds(centres)
        order = [index for index in np.argsort(-boxes.scores, kind='stable') if shown[index]]
        return sum(
            self.labels.place(places[index], f'{boxes.scores[index]:.2f}', size=size, colour=colours[index])
            for index in order
        )
