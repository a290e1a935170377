"""The picture ``compare``: truth, teacher and students side by side, with what each found and missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from perception_kd.visualization.bev import BEVPanel
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.cameras import CameraPanel
from perception_kd.visualization.flow import Flow
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.layout import (
    FIGURE_SPACE,
    MARGIN,
    ComparePlan,
    Place,
    camera_text,
    score_text,
    write_title,
)
from perception_kd.visualization.marks import cross_mark, moving_mark, outline_mark, vehicle_mark
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import Outcome, counted, judge
from perception_kd.visualization.palette import FAINT_INK, INK, Colour
from perception_kd.visualization.scales import lidar_scale, lidar_values, radar_scale, radar_values
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import View, fit_view, widest

CAMERA_CHOICES = ('front', 'all', 'none')
RULES = (
    'Match: same class, centres less than 2 m apart, best score first, as nuScenes counts.',
    'Counted: boxes in view, in the range of their class, truth with LiDAR or radar points.',
)


def draw_compare(
    frame: Frame,
    models: Mapping[str, Boxes],
    options: PictureOptions | None = None,
    *,
    cameras: str = 'front',
    note: str | None = None,
    steady: bool = False,
) -> Sheet:
    """Draw one sample as several models see it, matched to the truth by nuScenes' rule.

    Args:
        frame: The sample.
        models: Title of each model and its predictions, from left to right.
        options: Choices; the defaults if None.
        cameras: ``front`` shows the front camera in every column, ``all`` all cameras with the last model's
            boxes, ``none`` no camera.
        note: What the title says after the scene's name; sample and time if None.
        steady: Write texts only where every frame of a video has them, and all classes into the key. (The video also
            needs one ``options.view`` for all frames.)

    Returns:
        The picture, to be saved with ``Sheet.save``.

    Raises:
        FileNotFoundError, ValueError: an image is missing or broken; no model; an unknown choice of cameras; a frame
            without annotations.
    """
    check_comparison(models, cameras)
    if not frame.annotated:
        raise ValueError(f'sample {frame.token} has no annotations to compare with; draw its predictions with `scene`')
    return _Comparison(frame, models, options or PictureOptions(), cameras, steady).draw(note)


def check_comparison(models: Mapping[str, Any], cameras: str) -> None:
    """See that there is something to compare.

    Raises:
        ValueError: no model; an unknown choice of cameras.
    """
    if cameras not in CAMERA_CHOICES:
        raise ValueError(f'cameras: {cameras!r} is not among {", ".join(CAMERA_CHOICES)}')
    if not models:
        raise ValueError('nothing to compare: give the results of one model at least')


def common_compare_view(frames: Iterable[Frame], options: PictureOptions) -> View:
    """A view that fits the boxes that count in each of some frames."""
    shown = ((frame, options.truth(frame.truth)) for frame in frames)
    return widest([fit_view(frame, truth.take(counted(truth, frame))) for frame, truth in shown])


class _Comparison:
    """One picture in the making."""

    def __init__(
        self, frame: Frame, models: Mapping[str, Boxes], options: PictureOptions, cameras: str, steady: bool
    ) -> None:
        self.frame, self.options, self.by_column, self.steady = frame, options, cameras != 'all', steady
        self.direction = 0 if steady else None
        truth = options.truth(frame.truth)
        self.view: View = options.view or common_compare_view([frame], options)
        keep = counted(truth, frame, self.view)
        self.truth, self.beyond = truth.take(keep), truth.take(~keep)
        self.outcomes: dict[str, Outcome] = {title: self._judge(boxes) for title, boxes in models.items()}
        chosen = {'front': frame.cameras[_front(frame) :][:1], 'all': frame.cameras, 'none': ()}[cameras]
        self.images = [(camera, camera.read()) for camera in chosen]

    def _judge(self, boxes: Boxes) -> Outcome:
        shown = self.options.predictions(boxes)
        return judge(self.truth, shown.take(counted(shown, self.frame, self.view)))

    def draw(self, note: str | None) -> Sheet:
        """The whole picture."""
        shapes = [image.shape[:2] for _, image in self.images]
        plan = ComparePlan(
            width=self.options.width,
            columns=len(self.outcomes) + 1,
            view=self.view,
            shapes=shapes,
            key=self._write_key(Sheet(width=self.options.width, height=MARGIN), 0),
            by_column=self.by_column,
        )
        sheet = Sheet(width=self.options.width, height=plan.height)
        write_title(sheet, self.frame, score_text(self.options), note)
        self._truth_panel(sheet, plan.grounds[0])
        for (title, outcome), place in zip(self.outcomes.items(), plan.grounds[1:]):
            self._model_panel(sheet, place, title, outcome)
        self._cameras(sheet, plan)
        self._write_key(sheet, plan.key_top)
        return sheet

    def _write_key(self, sheet: Sheet, top: float) -> float:
        """Returns its height."""
        flow = Flow(sheet=sheet, overlay=sheet.overlay(), left=MARGIN, right=sheet.width - MARGIN, top=top)
        colours = self.options.colours
        flow.mark(outline_mark(colours.match, fill=0.22), 'match')
        flow.mark(outline_mark(colours.miss, style=(0, (2, 1)), fill=0.18), 'missed object')
        flow.mark(cross_mark(colours.false_alarm), 'false alarm')
        flow.mark(outline_mark(INK, width=0.6), 'truth')
        for rule in RULES:
            flow.text(rule)
        flow.line()
        self._class_key(flow)
        flow.line()
        self._measured_key(flow)
        return flow.bottom - top

    def _class_key(self, flow: Flow) -> None:
        """Colours of classes, and bounds on their scores that differ."""
        names = self.options.classes if self.steady else self.truth.names
        for name in (name for name in self.options.classes if name in names or name in self.options.class_scores):
            bound = self.options.class_scores.get(name)
            text = name.replace('_', ' ') + ('' if bound is None else f' \N{GREATER-THAN OR EQUAL TO} {bound:g}')
            flow.mark(outline_mark(self.options.colours.of(name), fill=0.3, width=1.2), text)

    def _measured_key(self, flow: Flow) -> None:
        """Colours of LiDAR points and radar returns, velocities, the vehicle."""
        options, frame = self.options, self.frame
        if options.lidar != 'none' and len(frame.lidar):
            scale = lidar_scale(options.lidar, options.colours)
            flow.scale(f'LiDAR by {scale.title}', scale)
        if options.camera_lidar != 'none' and len(frame.lidar) and self.images:
            scale = lidar_scale(options.camera_lidar, options.colours, on_photograph=True)
            flow.scale(f'LiDAR in the cameras by {scale.title}', scale)
        if options.radar != 'none' and len(frame.radar):
            scale = radar_scale(options.radar, options.colours, compensated=frame.radar.compensated)
            flow.scale(f'Radar by {scale.title}', scale)
        if options.velocities and (self.steady or self._moving):
            flow.mark(moving_mark(FAINT_INK), 'velocity: travel in 1 s')
        flow.mark(vehicle_mark, 'this vehicle')

    @property
    def _moving(self) -> bool:
        return any(boxes.known_motion.any() for outcome in self.outcomes.values()
                   for boxes in (self.truth, outcome.hits))

    def _panel(self, sheet: Sheet, place: Place, strength: float) -> BEVPanel:
        panel = BEVPanel(axes=sheet.axes(*place), view=self.view, lidar2ego=self.frame.lidar2ego)
        panel.rings(size=7.5)
        by, frame = self.options.lidar, self.frame
        if by != 'none':
            values, scale = lidar_values(frame.lidar, frame.lidar2ego, by), lidar_scale(by, self.options.colours)
            panel.lidar(frame.lidar, values=values, scale=scale, size=0.5, strength=strength)
        return panel

    def _ring_labels(self, panel: BEVPanel) -> None:
        """The first panel chooses the direction for all."""
        self.direction = panel.ring_labels(7.5, direction=self.direction)

    def _velocities(self, panel: BEVPanel, boxes: Boxes, colours: list[Colour], width: float, zorder: float) -> None:
        if self.options.velocities:
            panel.velocities(boxes, colours, width=width, zorder=zorder)

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
            values = radar_values(frame.radar, frame.lidar2ego, options.radar)
            panel.radar(frame.radar, values=values, scale=radar_scale(options.radar, options.colours), size=9)
        panel.boxes(
            self.beyond, [FAINT_INK] * len(self.beyond), width=0.7, style=':', heading=False, name='beyond'
        )
        colours = [options.colours.of(name) for name in self.truth.names]
        panel.boxes(self.truth, colours, width=1.2, fill=0.3, name='truth')
        self._velocities(panel, self.truth, colours, 1.4, 5)
        self._ring_labels(panel)

    def _model_panel(self, sheet: Sheet, place: Place, title: str, outcome: Outcome) -> None:
        colours = self.options.colours
        sheet.text(place[0], place[1] - 37, title, size=12, weight='bold')
        sheet.run(
            place[0],
            place[1] - 14,
            [
                (self._count(len(outcome.hits), 'match', 'matches'), colours.match),
                (self._count(len(outcome.misses), 'miss', 'misses'), colours.miss),
                (self._count(len(outcome.false_alarms), 'false alarm', 'false alarms'), colours.false_alarm),
            ],
            size=9.5,
            weight='bold',
            gap=14,
        )
        panel = self._panel(sheet, place, strength=0.3)
        # Misses are truth, too: an outline below would show in the gaps of their dashes.
        panel.boxes(outcome.found, [INK] * len(outcome.found), width=0.6, heading=False, zorder=4, name='truth')
        self._velocities(panel, self.truth, [INK] * len(self.truth), 0.8, 7.1)
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
        green = [colours.match] * len(outcome.hits)
        panel.boxes(outcome.hits, green, width=1.4, fill=0.22, zorder=7, name='matches')
        self._velocities(panel, outcome.hits, green, 1.4, 7.2)
        self._ring_labels(panel)

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
            if outcome is None or not self.by_column:
                self._lidar_in(panel)
            self._fill_camera(panel, outcome)

    def _lidar_in(self, panel: CameraPanel) -> None:
        by, frame = self.options.camera_lidar, self.frame
        if by != 'none':
            values = lidar_values(frame.lidar, frame.lidar2ego, by)
            panel.lidar(frame.lidar, values=values, scale=lidar_scale(by, self.options.colours, on_photograph=True))

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

    def _count(self, number: int, one: str, many: str) -> str:
        """In a video with room for two digits, so that words do not jump."""
        if self.steady:
            return f'{number:{FIGURE_SPACE}>2} {many}'
        return f'{number} {one if number == 1 else many}'


def _front(frame: Frame) -> int:
    names = [camera.name for camera in frame.cameras]
    return names.index('CAM_FRONT') if 'CAM_FRONT' in names else 0
