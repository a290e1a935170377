"""Where the parts of a picture lie, in pixels from the top left corner of its sheet."""

from __future__ import annotations

from collections.abc import Sequence

from perception_kd.visualization.frame import Frame
from perception_kd.visualization.palette import FAINT_INK
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.view import FARTHEST, View

Place = tuple[float, float, float, float]
"""Left, top, width, height."""
Shape = tuple[int, int]
"""Height and width of an image."""

MARGIN, GAP, TITLE = 24, 8, 58
KEY_WIDTH, KEY_HEIGHT = 350, 330
PANEL_TITLE = 52
_GROUND_HEIGHT = 780


def camera_grid(width: float, top: float, shapes: Sequence[Shape], columns: int) -> tuple[list[Place], float]:
    """Rows of pictures over the width of the sheet. Returns their places and where the last row ends."""
    places: list[Place] = []
    wide = (width - 2 * MARGIN - GAP * (columns - 1)) / columns
    for first in range(0, len(shapes), columns):
        row = [wide * tall / across for tall, across in shapes[first : first + columns]]
        places += [(MARGIN + index * (wide + GAP), top, wide, tall) for index, tall in enumerate(row)]
        top += max(row) + GAP
    return places, top - GAP if shapes else top


def fill_width(view: View, width: float) -> View:
    """Widen an all-round view to the room between the keys, where a square would leave paper white."""
    room = width - 2 * (2 * MARGIN + KEY_WIDTH)
    wide = min((view.front + view.back) / 2 * room / _GROUND_HEIGHT, FARTHEST)
    return View(view.front, view.back, max(view.side, wide))


class ScenePlan:
    """Cameras above and the ground view between its keys; for a single camera, the ground view beside it.

    Args:
        width: Of the sheet.
        shapes: Of the images.
        view: Of the ground.
    """

    def __init__(self, width: float, shapes: Sequence[Shape], view: View) -> None:
        self.keys: tuple[tuple[float, float], ...]
        self.key_width: float = KEY_WIDTH
        self.cameras: list[Place]
        self.ground: Place
        if len(shapes) == 1:
            self._beside(width, shapes[0], view)
        else:
            self._below(width, shapes, view)

    def _below(self, width: float, shapes: Sequence[Shape], view: View) -> None:
        self.cameras, top = camera_grid(width, TITLE, shapes, max(1, min(3, len(shapes))))
        top += MARGIN if shapes else 0
        wide = min(width - 2 * (2 * MARGIN + KEY_WIDTH), _GROUND_HEIGHT / view.aspect)
        self.ground = ((width - wide) / 2, top, wide, wide * view.aspect)
        self.keys = ((MARGIN, top), (width - MARGIN - KEY_WIDTH, top))
        self.height = top + max(wide * view.aspect, KEY_HEIGHT) + MARGIN

    def _beside(self, width: float, shape: Shape, view: View) -> None:
        wide = round(0.36 * width)
        left = width - MARGIN - wide
        camera = left - 2 * MARGIN
        self.ground = (left, TITLE, wide, wide * view.aspect)
        self.cameras = [(MARGIN, TITLE, camera, camera * shape[0] / shape[1])]
        top = TITLE + self.cameras[0][3] + MARGIN
        self.key_width = (camera - 4 * MARGIN) / 3
        self.keys = tuple((MARGIN + index * (self.key_width + 2 * MARGIN), top) for index in range(3))
        self.height = max(TITLE + self.ground[3], top + KEY_HEIGHT) + MARGIN


class ComparePlan:
    """A column for the truth and for each model, cameras below, the key at the foot.

    Args:
        width: Of the sheet.
        columns: Truth and models together.
        view: Of the ground.
        shapes: Of the images.
        by_column: One picture in every column (the first shape), else all pictures once, in rows of three.
    """

    def __init__(
        self, *, width: float, columns: int, view: View, shapes: Sequence[Shape], by_column: bool
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
        self.key = (MARGIN, top + 14)
        self.height = top + 14 + 2 * 24 + 12


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
    left = sheet.text(start, 31, note, **style)
    while start + sheet.width_of(left) > end - MARGIN and len(left.get_text()) > 1:
        left.set_text(left.get_text().removesuffix('…')[:-1].rstrip() + '…')


def camera_text(name: str) -> str:
    """``CAM_FRONT_LEFT`` -> ``front left``."""
    return name.removeprefix('CAM_').replace('_', ' ').lower()
