"""The picture ``scene``: cameras with boxes and returns, and the ground from above."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.bev import BEVPanel
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.cameras import CameraPanel
from perception_kd.visualization.frame import Camera, Frame
from perception_kd.visualization.layout import Place, ScenePlan, camera_text, shown_text, write_title
from perception_kd.visualization.legend import Key
from perception_kd.visualization.marks import extent_mark, moving_mark, outline_mark
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted
from perception_kd.visualization.palette import INK, WHITE, Colour
from perception_kd.visualization.scales import lidar_scale, lidar_values, radar_scale, radar_values
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import View, fit_view, squared, widest


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
    if predictions is not None:
        predictions = options.predictions(predictions)
    return _Scene(frame, predictions, options, steady).draw(note)


def common_view(frames: Iterable[Frame], options: PictureOptions) -> View:
    """A view that fits the boxes that count in each of some frames of one rig."""
    views = []
    for frame in frames:
        truth = options.truth(frame.truth)
        views.append(fit_view(frame, truth.take(counted(truth, frame))))
    view = widest(views)
    return view if len(frame.cameras) == 1 else squared(view)


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


class _Scene:
    """One picture in the making."""

    def __init__(self, frame: Frame, predictions: Boxes | None, options: PictureOptions, steady: bool) -> None:
        self.frame, self.predictions, self.options, self.steady = frame, predictions, options, steady
        self.truth = options.truth(frame.truth)
        self.view = options.view or common_view([frame], options)
        self.layers = self._layers()

    def draw(self, note: str | None) -> Sheet:
        """The whole picture."""
        frame, options = self.frame, self.options
        images = [camera.read() for camera in frame.cameras]
        plan = ScenePlan(options.width, [image.shape[:2] for image in images], self.view)
        sheet = Sheet(width=options.width, height=plan.height)
        write_title(sheet, frame, shown_text(frame, self.predictions is not None, options), note)
        for camera, image, place in zip(frame.cameras, images, plan.cameras):
            self._camera(sheet, place, camera, image)
        for view, place in plan.grounds:
            self._ground(sheet, place, view, [other for other, _ in plan.grounds if other is not view])
        self._keys(sheet, plan)
        return sheet

    def _layers(self) -> list[_Layer]:
        """Truth in its class colours; beside predictions it steps back to one neutral colour."""
        truth, of = self.truth, self.options.colours.of
        if self.predictions is None:
            own = [of(name) for name in truth.names]
            return [_Layer(truth, own, own, 'truth', 0.25, 1.4)]
        own = [of(name) for name in self.predictions.names]
        below = _Layer(truth, [INK] * len(truth), [WHITE] * len(truth), 'truth', 0.06, 1.0)
        above = _Layer(self.predictions, own, own, 'predictions', 0.25, 1.6, scored=True)
        return [below, above] if self.frame.annotated else [above]

    def _camera(self, sheet: Sheet, place: Place, camera: Camera, image: NDArray[np.uint8]) -> None:
        frame, options = self.frame, self.options
        panel = CameraPanel(axes=sheet.axes(*place), camera=camera, image=image)
        panel.title(camera_text(camera.name))
        if options.camera_lidar != 'none':
            values = lidar_values(frame.lidar, frame.lidar2ego, options.camera_lidar)
            scale = lidar_scale(options.camera_lidar, options.colours, on_photograph=True)
            panel.lidar(frame.lidar, values=values, scale=scale)
        if options.radar != 'none':
            # Slow returns are nearly white in the scale of velocities, near ones nearly black in that of distances.
            edge = INK if options.radar == 'velocity' else WHITE
            panel.radar(frame.radar, edge=edge, **self._radar)
        for order, layer in enumerate(self.layers):
            panel.boxes(layer.boxes, layer.image, width=0.9 * layer.width, zorder=5 + order, name=layer.name)

    def _ground(self, sheet: Sheet, place: Place, view: View, others: list[View]) -> None:
        """One panel; ``others`` are the views of the panels beside it."""
        frame, options = self.frame, self.options
        panel = BEVPanel(axes=sheet.axes(*place), view=view, lidar2ego=frame.lidar2ego)
        panel.rings()
        inner = [other for other in others if other.front < view.front]
        if others:
            panel.title('overview' if inner else 'close-up')
        for other in inner:
            panel.extent(other)
        if options.lidar != 'none':
            values = lidar_values(frame.lidar, frame.lidar2ego, options.lidar)
            panel.lidar(frame.lidar, values=values, scale=lidar_scale(options.lidar, options.colours))
        if options.radar != 'none':
            panel.radar(frame.radar, **self._radar)
        for order, layer in enumerate(self.layers):
            look = {'width': layer.width, 'zorder': 5 + order}
            places = panel.boxes(layer.boxes, layer.ground, fill=layer.fill, name=layer.name, **look)
            if options.velocities:
                panel.velocities(layer.boxes, layer.ground, name=f'{layer.name} velocity', **look)
        panel.ring_labels(direction=0 if self.steady else None)
        if self.layers[-1].scored and not self.steady:
            panel.scores(self.layers[-1].boxes, places, [INK] * len(places), beyond=inner)

    @property
    def _radar(self) -> dict:
        by, radar = self.options.radar, self.frame.radar
        values = radar_values(radar, self.frame.lidar2ego, by)
        return {'values': values, 'scale': radar_scale(by, self.options.colours, compensated=radar.compensated)}

    def _keys(self, sheet: Sheet, plan: ScenePlan) -> None:
        overlay = sheet.overlay()
        places = [*plan.keys]
        key: Key | None = None
        for write in (self._class_key, self._sensor_key, self._line_key):
            if places or key is None:
                left, top = places.pop(0)
                key = Key(sheet=sheet, overlay=overlay, left=left, top=top, width=plan.key_width)
            else:
                key.top += 14
            write(key, len(plan.grounds) > 1)

    def _class_key(self, key: Key, close_up: bool) -> None:
        titles = {'truth': 'truth', 'predictions': 'predicted'}
        columns = [(titles[layer.name], layer.boxes) for layer in self.layers]
        key.classes(columns, self.options, bounds=self.predictions is not None)

    def _sensor_key(self, key: Key, close_up: bool) -> None:
        key.sensors(self.frame, self.options)

    def _line_key(self, key: Key, close_up: bool) -> None:
        key.heading('Lines')
        car, entries = self.options.colours.of('car'), []
        if self.predictions is None:
            entries.append((outline_mark(car, fill=0.25), 'truth; the line points ahead'))
        elif self.frame.annotated:
            entries.append((outline_mark(INK, width=1.0, fill=0.06), 'truth, white in the cameras'))
        if self.predictions is not None:
            entries.append((outline_mark(car, fill=0.25), 'prediction in its class colour'))
        if self.options.velocities and (self.steady or self._moving):
            entries.append((moving_mark(car), 'box velocity: travel in 1 s'))
        if close_up:
            entries.append((extent_mark, 'what the close-up shows'))
        key.entries(entries)

    @property
    def _moving(self) -> bool:
        return any(layer.boxes.known_motion.any() for layer in self.layers)
