"""The picture ``compare``: truth, teacher and students side by side, with what each found and missed."""

from __future__ import annotations

from collections.abc import Mapping

from perception_kd.visualization.bev import BEVPanel
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.cameras import CameraPanel, radar_depth
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.layout import ComparePlan, Place, camera_text, write_title
from perception_kd.visualization.legend import class_key, comparison_key, radar_scale
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import Outcome, counted, judge
from perception_kd.visualization.palette import FAINT_INK, INK
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import View, fit_view

CAMERA_CHOICES = ('front', 'all', 'none')
WHITE = (1.0, 1.0, 1.0)


def draw_compare(
    frame: Frame,
    models: Mapping[str, Boxes],
    options: PictureOptions | None = None,
    *,
    cameras: str = 'front',
) -> Sheet:
    """Draw one sample as several models see it, matched to the truth by nuScenes' rule.

    Args:
        frame: The sample.
        models: Title of each model and its predictions, from left to right.
        options: Choices; the defaults if None.
        cameras: ``front`` shows the front camera in every column, ``all`` all cameras with the last model's
            boxes, ``none`` no camera.

    Returns:
        The picture, to be saved with ``Sheet.save``.

    Raises:
        FileNotFoundError, ValueError: an image is missing or broken; no model; an unknown choice of cameras.
    """
    options = options or PictureOptions()
    if cameras not in CAMERA_CHOICES:
        raise ValueError(f'cameras: {cameras!r} is not among {", ".join(CAMERA_CHOICES)}')
    if not models:
        raise ValueError('nothing to compare: give the results of one model at least')
    return _Comparison(frame, models, options, cameras).draw()


class _Comparison:
    """One picture in the making."""

    def __init__(
        self, frame: Frame, models: Mapping[str, Boxes], options: PictureOptions, cameras: str
    ) -> None:
        self.frame, self.options, self.by_column = frame, options, cameras != 'all'
        truth = options.truth(frame.truth)
        self.view: View = options.view or fit_view(frame, truth.take(counted(truth, frame)))
        keep = counted(truth, frame, self.view)
        self.truth, self.beyond = truth.take(keep), truth.take(~keep)
        self.outcomes: dict[str, Outcome] = {title: self._judge(boxes) for title, boxes in models.items()}
        chosen = {'front': frame.cameras[_front(frame) :][:1], 'all': frame.cameras, 'none': ()}[cameras]
        self.images = [(camera, camera.read()) for camera in chosen]

    def _judge(self, boxes: Boxes) -> Outcome:
        shown = self.options.predictions(boxes)
        return judge(self.truth, shown.take(counted(shown, self.frame, self.view)))

    def draw(self) -> Sheet:
        """The whole picture."""
        shapes = [image.shape[:2] for _, image in self.images]
        plan = ComparePlan(
            width=self.options.width,
            columns=len(self.outcomes) + 1,
            view=self.view,
            shapes=shapes,
            by_column=self.by_column,
        )
        sheet = Sheet(width=self.options.width, height=plan.height)
        write_title(sheet, self.frame, f'predictions with a score of {self.options.score:g} or more')
        self._truth_panel(sheet, plan.grounds[0])
        for (title, outcome), place in zip(self.outcomes.items(), plan.grounds[1:]):
            self._model_panel(sheet, place, title, outcome)
        self._cameras(sheet, plan)
        overlay = sheet.overlay()
        comparison_key(sheet, overlay, *plan.key, self.options)
        class_key(sheet, overlay, plan.key[0], plan.key[1] + 24, self.options, set(self.truth.names))
        return sheet

    def _panel(self, sheet: Sheet, place: Place, strength: float) -> BEVPanel:
        panel = BEVPanel(axes=sheet.axes(*place), view=self.view, lidar2ego=self.frame.lidar2ego)
        panel.rings(size=7.5)
        lidar, colours = self.options.lidar, self.options.colours
        if lidar != 'none':
            cmap = colours.height if lidar == 'height' else colours.intensity
            panel.lidar(self.frame.lidar, by=lidar, cmap=cmap, size=0.5, strength=strength)
        return panel

    def _truth_panel(self, sheet: Sheet, place: Place) -> None:
        """Truth in class colours over what the sensors measured."""
        options, frame = self.options, self.frame
        sheet.text(place[0], place[1] - 37, 'Truth', size=12, weight='bold')
        remark = f'{len(self.truth)} counted'
        if len(self.beyond):
            remark += f', {len(self.beyond)} without points or out of range'
        sheet.text(place[0], place[1] - 14, remark, size=9, colour=FAINT_INK)
        panel = self._panel(sheet, place, strength=1.0)
        if options.radar != 'none':
            reach = max(self.view.front, self.view.side)
            cmap, limits = radar_scale(options, reach)
            values = (
                frame.radar.radial
                if options.radar == 'velocity'
                else radar_depth(frame.radar, frame.lidar2ego)
            )
            panel.radar(frame.radar, values=values, cmap=cmap, limits=limits, size=9)
        panel.boxes(
            self.beyond, [FAINT_INK] * len(self.beyond), width=0.7, style=':', heading=False, name='beyond'
        )
        panel.boxes(
            self.truth,
            [options.colours.of(name) for name in self.truth.names],
            width=1.2,
            fill=0.3,
            name='truth',
        )
        panel.ring_labels(7.5)

    def _model_panel(self, sheet: Sheet, place: Place, title: str, outcome: Outcome) -> None:
        colours = self.options.colours
        sheet.text(place[0], place[1] - 37, title, size=12, weight='bold')
        sheet.run(
            place[0],
            place[1] - 14,
            [
                (_count(len(outcome.hits), 'match', 'matches'), colours.match),
                (_count(len(outcome.misses), 'miss', 'misses'), colours.miss),
                (_count(len(outcome.false_alarms), 'false alarm', 'false alarms'), colours.false_alarm),
            ],
            size=9.5,
            weight='bold',
            gap=14,
        )
        panel = self._panel(sheet, place, strength=0.3)
        panel.boxes(self.truth, [INK] * len(self.truth), width=0.6, heading=False, zorder=4, name='truth')
        panel.boxes(
            outcome.misses,
            [colours.miss] * len(outcome.misses),
            width=1.5,
            style=(0, (2, 1)),
            fill=0.18,
            heading=False,
            zorder=5,
            name='misses',
        )
        alarms = outcome.false_alarms
        panel.boxes(
            alarms, [colours.false_alarm] * len(alarms), width=1.2, fill=0.1, zorder=6, name='false alarms'
        )
        panel.crosses(alarms, colours.false_alarm, size=16, zorder=6.1)
        panel.boxes(
            outcome.hits, [colours.match] * len(outcome.hits), width=1.4, fill=0.22, zorder=7, name='matches'
        )
        panel.ring_labels(7.5)

    def _cameras(self, sheet: Sheet, plan: ComparePlan) -> None:
        if self.by_column:
            pairs = [
                (picture, outcome) for picture in self.images for outcome in (None, *self.outcomes.values())
            ]
        else:
            title, last = list(self.outcomes.items())[-1]
            pairs = [(picture, last) for picture in self.images]
            if pairs:
                sheet.text(
                    plan.cameras[0][0], plan.camera_title, f'{title}: all cameras', size=12, weight='bold'
                )
        for ((camera, image), outcome), place in zip(pairs, plan.cameras):
            panel = CameraPanel(axes=sheet.axes(*place), camera=camera, image=image)
            panel.title(camera_text(camera.name))
            self._fill_camera(panel, outcome)

    def _fill_camera(self, panel: CameraPanel, outcome: Outcome | None) -> None:
        colours = self.options.colours
        if outcome is None:
            panel.boxes(self.truth, [colours.of(name) for name in self.truth.names], width=1.0, name='truth')
            return
        layers = (
            (outcome.misses, colours.miss, (0, (2, 1))),
            (outcome.false_alarms, colours.false_alarm, '-'),
            (outcome.hits, colours.match, '-'),
        )
        for order, (boxes, colour, style) in enumerate(layers):
            panel.boxes(boxes, [colour] * len(boxes), width=1.1, style=style, zorder=5 + order)


def _count(number: int, one: str, many: str) -> str:
    return f'{number} {one if number == 1 else many}'


def _front(frame: Frame) -> int:
    names = [camera.name for camera in frame.cameras]
    return names.index('CAM_FRONT') if 'CAM_FRONT' in names else 0
