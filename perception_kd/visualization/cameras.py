"""A camera's picture with boxes and radar returns drawn into it."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from numpy.typing import NDArray

from perception_kd.visualization.bev import crowding
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Camera, RadarPoints
from perception_kd.visualization.geometry import edge_lines, heading_lines, project_lines, project_points
from perception_kd.visualization.palette import INK, Colour, halo_of
from perception_kd.visualization.scales import Scale

SHARPNESS = 2.0
"""Pictures are kept at this many times the panel's pixels, so that a higher resolution still gains."""


class CameraPanel:
    """One image; what is drawn on it is given in the LiDAR frame.

    Args:
        axes: Empty axes of the image's aspect.
        camera: The camera.
        image: (H, W, 3) RGB as ``camera.read()`` gives it.
    """

    def __init__(self, *, axes: Axes, camera: Camera, image: NDArray[np.uint8]) -> None:
        self.axes, self.camera = axes, camera
        self.size = (image.shape[1], image.shape[0])
        width = axes.get_window_extent().width * SHARPNESS
        scale = min(1.0, width / image.shape[1])
        if scale < 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        axes.imshow(image, extent=(0, self.size[0], self.size[1], 0), aspect='auto', interpolation='lanczos')
        axes.set(xlim=(0, self.size[0]), ylim=(self.size[1], 0))

    def title(self, text: str, size: float = 8.5) -> None:
        """A small label in the top left corner."""
        self.axes.annotate(
            text,
            (0, 1),
            (6, -6),
            xycoords='axes fraction',
            textcoords='offset points',
            fontsize=size,
            color='white',
            ha='left',
            va='top',
            zorder=9,
            family='DejaVu Sans',
            bbox={'boxstyle': 'square,pad=0.25', 'facecolor': (*INK, 0.72), 'edgecolor': 'none'},
        )

    def boxes(
        self,
        boxes: Boxes,
        colours: list[Colour],
        *,
        width: float = 1.2,
        style: str = '-',
        zorder: float = 5,
        name: str = 'boxes',
    ) -> int:
        """All edges of each box, the front face tinted, far boxes first. Returns how many boxes are seen."""
        if not len(boxes):
            return 0
        distance = boxes.centres @ self.camera.lidar2cam[2, :3]
        order = np.argsort(-distance, kind='stable')
        corners = boxes.take(order).corners
        lines, seen = self._project(
            np.concatenate([edge_lines(corners), heading_lines(corners)[:, None]], axis=1)
        )
        for index in np.flatnonzero(seen.any(axis=1)):
            self._draw(lines[index][seen[index]], colours[order[index]], width, style, zorder, name)
            self._tint_front(corners[index], colours[order[index]], zorder)
        return int(seen.any(axis=1).sum())

    def _project(self, lines: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        return project_lines(lines, self.camera.lidar2cam, self.camera.cam2img, self.size)

    def _draw(
        self, lines: NDArray[np.float64], colour: Colour, width: float, style: str, zorder: float, name: str
    ) -> None:
        drawn = LineCollection(
            lines,
            colors=[colour],
            linewidths=width,
            linestyles=style,
            zorder=zorder,
            gid=name,
            capstyle='round',
        )
        rim = patheffects.Stroke(linewidth=width + 1.3, foreground=halo_of(colour), alpha=0.45)
        drawn.set_path_effects([rim, patheffects.Normal()])
        self.axes.add_collection(drawn, autolim=False)

    def _tint_front(self, corners: NDArray[np.float64], colour: Colour, zorder: float) -> None:
        """Fill the front face; one that the image plane cuts stays open."""
        pixels, depth, _ = project_points(corners[:4], self.camera.lidar2cam, self.camera.cam2img, self.size)
        if (depth > 0.5).all():
            self.axes.add_collection(
                PolyCollection(
                    [pixels], facecolors=[(*colour, 0.22)], edgecolors='none', zorder=zorder - 0.1
                ),
                autolim=False,
            )

    def lidar(
        self, points: NDArray[np.float32], *, values: NDArray[np.float64], scale: Scale, size: float = 2.2
    ) -> int:
        """LiDAR points (P, 5) coloured by ``values`` (P,), far ones first. Returns how many are in the picture."""
        style = {'s': size, 'linewidths': 0, 'zorder': 3, 'gid': 'lidar'}
        return self._points(points, values, scale, style)

    def radar(
        self,
        radar: RadarPoints,
        *,
        values: NDArray[np.float64],
        scale: Scale,
        size: float = 16,
        edge: Colour = (1.0, 1.0, 1.0),
    ) -> int:
        """Radar returns coloured by ``values`` (M,), far ones first. Returns how many are in the picture."""
        crowd = crowding(len(radar))
        style = {'s': size * crowd, 'linewidths': 0.6 * crowd, 'edgecolors': [edge], 'zorder': 4, 'gid': 'radar'}
        return self._points(radar.positions, values, scale, style)

    def _points(
        self, points: NDArray[np.floating], values: NDArray[np.float64], scale: Scale, style: dict[str, Any]
    ) -> int:
        pixels, depth, shown = project_points(points, self.camera.lidar2cam, self.camera.cam2img, self.size)
        order = np.flatnonzero(shown)[np.argsort(-depth[shown], kind='stable')]
        self.axes.scatter(*pixels[order].T, c=values[order], **scale.style, **style)
        return len(order)
