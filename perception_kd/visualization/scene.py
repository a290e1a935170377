"""The picture ``scene``: cameras with boxes and radar returns, and one bird's-eye view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from perception_kd.visualization.bev import BEVPanel
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.cameras import CameraPanel, radar_depth
from perception_kd.visualization.frame import Camera, Frame
from perception_kd.visualization.layout import ScenePlan, camera_text, fill_width, write_title
from perception_kd.visualization.legend import (
    class_table,
    heading,
    key,
    outline_mark,
    radar_scale,
    sensor_key,
)
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted
from perception_kd.visualization.palette import INK, Colour
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import View, fit_view, widest

WHITE: Colour = (1.0, 1.0, 1.0)


@dataclass
class _Layer:
    """Boxes with one look, in the ground view and in the cameras."""

    boxes: Boxes
    ground: list[Colour]
    image: list[Colour]
    name: str
    fill: float
    width: float
    scored: bool = False


def draw_scene(
    frame: Frame,
    predictions: Boxes | None = None,
    options: PictureOptions | None = None,
    *,
    note: str | None = None,
    steady: bool = False,
) -> Sheet:
    """Draw one sample.

    Args:
        frame: The sample.
        predictions: Boxes of a detector, or None to draw the truth alone.
        options: Choices; the defaults if None.
        note: What the title says after the scene's name; sample and time if None.
        steady: Write texts in the ground view only where every frame of a video has them: radii in one
            direction, no scores. (The video also needs one ``options.view`` for all frames.)

    Returns:
        The picture, to be saved with ``Sheet.save``.

    Raises:
        FileNotFoundError, ValueError: an image is missing or broken.
    """
    options = options or PictureOptions()
    truth = options.truth(frame.truth)
    if predictions is not None:
        predictions = options.predictions(predictions)
    view = options.view or common_view([frame], options)
    images = [camera.read() for camera in frame.cameras]
    plan = ScenePlan(options.width, [image.shape[:2] for image in images], view)
    sheet = Sheet(width=options.width, height=plan.height)
    bound = f'predictions with a score of {options.score:g} or more, over the truth'
    write_title(sheet, frame, 'truth' if predictions is None else bound, note)
    scale = _RadarScale(frame, options, max(view.front, view.side))
    layers = _layers(truth, predictions, options)
    for camera, image, place in zip(frame.cameras, images, plan.cameras):
        _draw_camera(sheet.axes(*place), camera, image, frame, layers, scale)
    _draw_ground(sheet.axes(*plan.ground), view, frame, layers, scale, options, steady)
    _write_keys(sheet, plan, frame, truth, predictions, options, scale.reach)
    return sheet


def common_view(frames: Iterable[Frame], options: PictureOptions) -> View:
    """A view that fits the boxes that count in each of some frames of one rig."""
    views = []
    for frame in frames:
        truth = options.truth(frame.truth)
        views.append(fit_view(frame, truth.take(counted(truth, frame))))
    view = widest(views)
    return view if len(frame.cameras) == 1 else fill_width(view, options.width)


class _RadarScale:
    """Values, colour map and limits of the radar returns."""

    def __init__(self, frame: Frame, options: PictureOptions, reach: float) -> None:
        self.shown = options.radar != 'none'
        self.reach = reach
        by_velocity = options.radar == 'velocity'
        self.values: NDArray[np.float64] = (
            frame.radar.radial if by_velocity else radar_depth(frame.radar, frame.lidar2ego)
        )
        self.cmap, self.limits = radar_scale(options, reach)
        # Slow returns are nearly white in the map of velocities, near ones nearly black in that of distances.
        self.edge: Colour = INK if by_velocity else WHITE

    @property
    def style(self) -> dict:
        return {'values': self.values, 'cmap': self.cmap, 'limits': self.limits}


def _layers(truth: Boxes, predictions: Boxes | None, options: PictureOptions) -> list[_Layer]:
    """Truth in its class colours; beside predictions it steps back to one neutral colour."""
    if predictions is None:
        own = [options.colours.of(name) for name in truth.names]
        return [_Layer(truth, own, own, 'truth', 0.25, 1.4)]
    own = [options.colours.of(name) for name in predictions.names]
    return [
        _Layer(truth, [INK] * len(truth), [WHITE] * len(truth), 'truth', 0.06, 1.0),
        _Layer(predictions, own, own, 'predictions', 0.25, 1.6, scored=True),
    ]


def _draw_camera(
    axes: Axes,
    camera: Camera,
    image: NDArray[np.uint8],
    frame: Frame,
    layers: list[_Layer],
    scale: _RadarScale,
) -> None:
    panel = CameraPanel(axes=axes, camera=camera, image=image)
    panel.title(camera_text(camera.name))
    if scale.shown:
        panel.radar(frame.radar, edge=scale.edge, **scale.style)
    for order, layer in enumerate(layers):
        panel.boxes(layer.boxes, layer.image, width=0.9 * layer.width, zorder=5 + order, name=layer.name)


def _draw_ground(
    axes: Axes,
    view: View,
    frame: Frame,
    layers: list[_Layer],
    scale: _RadarScale,
    options: PictureOptions,
    steady: bool,
) -> None:
    panel = BEVPanel(axes=axes, view=view, lidar2ego=frame.lidar2ego)
    panel.rings()
    if options.lidar != 'none':
        cmap = options.colours.height if options.lidar == 'height' else options.colours.intensity
        panel.lidar(frame.lidar, by=options.lidar, cmap=cmap)
    if scale.shown:
        panel.radar(frame.radar, **scale.style)
    for order, layer in enumerate(layers):
        places = panel.boxes(
            layer.boxes, layer.ground, width=layer.width, fill=layer.fill, zorder=5 + order, name=layer.name
        )
    panel.ring_labels(fixed=steady)
    if layers[-1].scored and not steady:
        panel.scores(layers[-1].boxes, places, [INK] * len(places))


def _write_keys(
    sheet: Sheet,
    plan: ScenePlan,
    frame: Frame,
    truth: Boxes,
    predictions: Boxes | None,
    options: PictureOptions,
    reach: float,
) -> None:
    overlay = sheet.overlay()
    (left, top), (right, below), *more = plan.keys
    class_table(sheet, overlay, left, top, plan.key_width, truth, predictions, options)
    below = sensor_key(sheet, overlay, right, below, plan.key_width, options, frame, reach) + 12
    if predictions is not None:
        left, top = more[0] if more else (right, below)
        top = heading(sheet, overlay, left, top, plan.key_width, 'Lines')
        entries = [
            (outline_mark(INK, width=1.0, fill=0.06), 'truth, white in the cameras'),
            (outline_mark(options.colours.of('car'), fill=0.25), 'prediction in its class colour'),
        ]
        key(sheet, overlay, left, top, entries)
