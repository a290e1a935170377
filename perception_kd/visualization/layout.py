"""Where the parts of a picture lie, in pixels from the top left corner of its sheet."""

from __future__ import annotations

from collections.abc import Sequence

from perception_kd.visualization.frame import Frame
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import FAINT_INK
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import View, close_up

Place = tuple[float, float, float, float]
"""Left, top, width, height."""
Shape = tuple[int, int]
"""Height and width of an image."""

MARGIN, GAP, TITLE = 24, 8, 58
FIGURE_SPACE = '\u2007'
"""As wide as a digit: numbers that change in a video keep their width."""
KEY_WIDTH, KEY_HEIGHT, KEY_STACK = 340, 290, 700
PANEL_TITLE = 52
_GROUND_HEIGHT, _TALL_GROUND = 780, 900


def camera_grid(width: float, top: float, shapes: Sequence[Shape], columns: int) -> tuple[list[Place], float]:
    """Rows of pictures over the width of the sheet. Returns their places and where the last row ends."""
    places: list[Place] = []
    wide = (width - 2 * MARGIN - GAP * (columns - 1)) / columns
    for first in range(0, len(shapes), columns):
        row = [wide * tall / across for tall, across in shapes[first : first + columns]]
        places += [(MARGIN + index * (wide + GAP), top, wide, tall) for index, tall in enumerate(row)]
        top += max(row) + GAP
    return places, top - GAP if shapes else top


class ScenePlan:
    """Cameras above, below them the ground as a whole and as a close-up, and the keys; for a single camera, the ground
    beside it.

    Args:
        width: Of the sheet.
        shapes: Of the images.
        view: Of the ground.

    ``keys`` are the places of columns of keys: one for all, or three.
    """

    def __init__(self, width: float, shapes: Sequence[Shape], view: View) -> None:
        self.keys: tuple[tuple[float, float], ...]
        self.key_width: float = KEY_WIDTH
        self.cameras: list[Place]
        self.grounds: list[tuple[View, Place]]
        if len(shapes) == 1:
            self._beside(width, shapes[0], view)
        else:
            self._below(width, shapes, view)

    def _below(self, width: float, shapes: Sequence[Shape], view: View) -> None:
        self.cameras, top = camera_grid(width, TITLE, shapes, max(1, min(3, len(shapes))))
        top += MARGIN if shapes else 0
        wide = min((width - 4 * MARGIN - KEY_WIDTH) / 2, _TALL_GROUND / view.aspect)
        place = (top, wide, wide * view.aspect)
        self.grounds = [(view, (MARGIN, *place)), (close_up(view), (2 * MARGIN + wide, *place))]
        self.keys = ((width - MARGIN - KEY_WIDTH, top),)
        self.height = top + max(wide * view.aspect, KEY_STACK) + MARGIN

    def _beside(self, width: float, shape: Shape, view: View) -> None:
        wide = min(round(0.36 * width), _GROUND_HEIGHT / view.aspect)
        left = width - MARGIN - wide
        camera = left - 2 * MARGIN
        self.grounds = [(view, (left, TITLE, wide, wide * view.aspect))]
        self.cameras = [(MARGIN, TITLE, camera, camera * shape[0] / shape[1])]
        top = TITLE + self.cameras[0][3] + MARGIN
        self.key_width = (camera - 4 * MARGIN) / 3
        self.keys = tuple((MARGIN + index * (self.key_width + 2 * MARGIN), top) for index in range(3))
        self.height = max(TITLE + self.grounds[0][1][3], top + KEY_HEIGHT) + MARGIN


class ComparePlan:
    """A column for the truth and for each model, cameras below, the key at the foot.

    Args:
        width: Of the sheet.
        columns: Truth and models together.
        view: Of the ground.
        shapes: Of the images.
        key: Height of the key.
        by_column: One picture in every column (the first shape), else all pictures once, in rows of three.
    """

    def __init__(
        self, *, width: float, columns: int, view: View, shapes: Sequence[Shape], key: float, by_column: bool
    ) -> None:
        top = TITLE + PANEL_TITLE
        wide = (width - 2 * MARGIN - 2 * GAP * (columns - 1)) / columns
        wide = min(wide, _GROUND_HEIGHT / view.aspect)
        inset = (width - columns * wide - 2 * GAP * (columns - 1)) / 2
        self.lefts = [inset + index * (wide + 2 * GAP) for index in range(columns)]
        self.grounds: list[Place] = [(left, top, wide, wide * view.aspect) for left in self.lefts]
        self.cameras: list[Place] = []
        top += wide * view.aspect
        if shapes and by_column:
            tall = wide * shapes[0][0] / shapes[0][1]
            self.cameras = [(left, top + GAP, wide, tall) for left in self.lefts]
            top += GAP + tall
        elif shapes:
            self.camera_title = top + MARGIN + 10
            self.cameras, top = camera_grid(width, top + MARGIN + 28, shapes, min(3, len(shapes)))
        self.key_top = top + 14
        self.height = self.key_top + key + 12


def write_title(sheet: Sheet, frame: Frame, remark: str, note: str | None = None) -> None:
    """Scene and ``note`` (sample and time) on the left, what is shown on the right.

    A note that would run into the remark is cut.
    """
    start = MARGIN
    if frame.scene:
        start += sheet.width_of(sheet.text(MARGIN, 29, frame.scene, size=15, weight='bold')) + 18
    if note is None:
        note = f'sample {frame.token}   ·   {frame.time_text}'
    style = {'size': 10, 'colour': FAINT_INK}
    end = sheet.width - MARGIN - sheet.width_of(sheet.text(sheet.width - MARGIN, 31, remark, align='right', **style))
    sheet.shorten(sheet.text(start, 31, note, **style), end - MARGIN - start)


def score_text(options: PictureOptions) -> str:
    """Which predictions are shown."""
    other = '; other bounds in the key' if options.class_scores else ''
    return f'predictions with a score of {options.score:g} or more{other}'


def shown_text(frame: Frame, predicted: bool, options: PictureOptions) -> str:
    """Which boxes are shown: truth, ``predicted`` ones, or both."""
    if not predicted:
        return 'annotated boxes' if frame.annotated else 'not annotated'
    return score_text(options) + (', over the truth' if frame.annotated else '')


def camera_text(name: str) -> str:
    """``CAM_FRONT_LEFT`` -> ``front left``."""
    return name.removeprefix('CAM_').replace('_', ' ').lower()
