"""The bird's-eye view: forward is up, the vehicle at the origin, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.patches import Circle, Polygon, Rectangle
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.frame import RadarPoints
from perception_kd.visualization.geometry import ground_outline, heading_lines
from perception_kd.visualization.labels import LabelPlacer
from perception_kd.visualization.palette import FAINT_INK, INK, PAPER, RULE, Colour
from perception_kd.visualization.scales import Scale
from perception_kd.visualization.view import View, to_view

_LABEL_ANGLES = (52, 40, 64, 128, 140, 116, 76, 28)
ARROW_SPEED = 0.5
"""Boxes and radar returns slower than this (m/s) get no arrow."""


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

    def title(self, text: str, size: float = 8.5) -> None:
        """A small label in the top left corner; labels keep away from it."""
        label = self.axes.annotate(
            text,
            (0, 1),
            (7, -7),
            xycoords='axes fraction',
            textcoords='offset points',
            fontsize=size,
            color=FAINT_INK,
            ha='left',
            va='top',
            zorder=9,
            family='DejaVu Sans',
            bbox={'boxstyle': 'square,pad=0.25', 'facecolor': (*PAPER, 0.85), 'edgecolor': 'none'},
        )
        self.labels.texts.append(label.get_window_extent(self.labels.renderer))

    def extent(self, view: View) -> None:
        """A thin frame around what another panel shows larger."""
        corner, sides = (-view.side, -view.back), (2 * view.side, view.front + view.back)
        style = {'edgecolor': FAINT_INK, 'linewidth': 0.8, 'linestyle': (0, (4, 3)), 'zorder': 3, 'gid': 'close-up'}
        self.axes.add_patch(Rectangle(corner, *sides, fill=False, **style))

    def ring_labels(self, size: float = 8, *, direction: int | None = None) -> int:
        """Radii on the rings, all in the direction where they are most free of boxes; call it after those.

        Args:
            size: In points.
            direction: Write them there, as another picture of the same view has them (the first: 0).

        Returns:
            The direction.
        """
        texts = [f'{radius:g} m' for radius in self.radii]
        angles = np.deg2rad(_LABEL_ANGLES if direction is None else _LABEL_ANGLES[direction : direction + 1])
        rays = [self.radii[:, None] * (np.cos(angle), np.sin(angle)) for angle in angles]
        best = self.labels.place_row(rays, texts, size=size, colour=FAINT_INK)
        return best if direction is None else direction

    def lidar(
        self,
        points: NDArray[np.float32],
        *,
        values: NDArray[np.float64],
        scale: Scale,
        size: float = 1.0,
        strength: float = 1.0,
    ) -> None:
        """LiDAR points (P, 5) coloured by ``values`` (P,), high ones last; pale where ``strength`` is below 1."""
        ego = move(self.lidar2ego, points.astype(np.float64))
        shown = np.flatnonzero(self.view.holds(ego))
        shown = shown[np.argsort(values[shown], kind='stable')]
        style = {'s': size, 'alpha': strength, 'linewidths': 0, 'zorder': 2, 'gid': 'lidar'}
        self.axes.scatter(*to_view(ego[shown]).T, c=values[shown], **scale.style, **style)

    def radar(
        self, radar: RadarPoints, *, values: NDArray[np.float64], scale: Scale, size: float = 20
    ) -> None:
        """Radar returns coloured by ``values`` (M,); an arrow shows the way within one second."""
        ego = move(self.lidar2ego, radar.positions)
        shown = self.view.holds(ego)
        place, crowd = to_view(ego[shown]), crowding(len(radar))
        style = {'s': size * crowd, 'linewidths': 0.7 * crowd, 'edgecolors': [INK], 'zorder': 4.5, 'gid': 'radar'}
        self.axes.scatter(*place.T, c=values[shown], **scale.style, **style)
        if radar.compensated:
            motion = to_view(radar.velocities[shown] @ self.lidar2ego[:2, :2].T)
            self._arrows(place, motion, [FAINT_INK] * len(place), width=0.012, zorder=4.4, name='radar velocity')

    def velocities(
        self, boxes: Boxes, colours: list[Colour], *, width: float = 1.6, zorder: float = 5, name: str = 'velocity'
    ) -> None:
        """An arrow from the centre of each moving box to where it is one second later."""
        place = to_view(move(self.lidar2ego, boxes.centres))
        motion = to_view(boxes.motions @ self.lidar2ego[:3, :3].T)
        self._arrows(place, motion, colours, width=width / 72, zorder=zorder, name=name)

    def _arrows(
        self,
        place: NDArray[np.float64],
        motion: NDArray[np.float64],
        colours: list[Colour],
        *,
        width: float,
        zorder: float,
        name: str,
    ) -> None:
        """``width`` of the shafts in inches."""
        fast = np.flatnonzero(np.linalg.norm(motion, axis=1) > ARROW_SPEED)
        if not len(fast):
            return
        head = {'headwidth': 4, 'headlength': 4.5, 'headaxislength': 4, 'minlength': 0}
        scale = {'angles': 'xy', 'scale_units': 'xy', 'scale': 1, 'units': 'inches', 'width': width}
        look = {'color': [colours[index] for index in fast], 'zorder': zorder, 'gid': name}
        self.axes.quiver(*place[fast].T, *motion[fast].T, **scale, **head, **look)

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
            place[:, 0], place[:, 1], marker='x', s=size, linewidths=1.3, color=[colour], zorder=zorder, gid='crosses'
        )

    def scores(
        self,
        boxes: Boxes,
        places: list[Bbox],
        colours: list[Colour],
        size: float = 7.5,
        beyond: Sequence[View] = (),
    ) -> int:
        """Write the score beside each box, best first, where there is room. Returns how many were written.

        Boxes in a view of ``beyond`` get none.
        """
        centres = move(self.lidar2ego, boxes.centres)
        shown = self.view.holds(centres)
        for view in beyond:
            shown &= ~view.holds(centres)
        order = [index for index in np.argsort(-boxes.scores, kind='stable') if shown[index]]
        return sum(
            self.labels.place(places[index], f'{boxes.scores[index]:.2f}', size=size, colour=colours[index])
            for index in order
        )
