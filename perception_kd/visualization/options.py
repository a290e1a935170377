"""What a reader may choose about a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.palette import PALETTES, Palette
from perception_kd.visualization.view import View


@dataclass(frozen=True)
class PictureOptions:
    """Choices common to all pictures.

    Args:
        score: Predictions below it are left out.
        class_scores: Such a bound for some classes, in place of ``score``.
        classes: Classes to show.
        view: What of the ground to show; None fits it to the boxes.
        lidar: Colour LiDAR points of the ground view by ``height`` or ``intensity``, or leave them out: ``none``.
        camera_lidar: Colour LiDAR points in the cameras by ``depth``, ``height`` or ``intensity``, or leave them out.
        radar: Colour radar returns by ``depth`` or ``velocity``, or leave them out: ``none``.
        velocities: Whether boxes have arrows of their velocity in the ground view.
        palette: ``nuscenes`` or ``safe``.
        width: Width of the layout in pixels at 100 dpi.

    Raises:
        ValueError: a choice that does not exist.
    """

    score: float = 0.3
    class_scores: Mapping[str, float] = field(default_factory=dict)
    classes: tuple[str, ...] = NUSCENES_CLASSES
    view: View | None = None
    lidar: str = 'height'
    camera_lidar: str = 'none'
    radar: str = 'depth'
    velocities: bool = True
    palette: str = 'nuscenes'
    width: int = 1800

    def __post_init__(self) -> None:
        unknown = sorted({*self.classes, *self.class_scores} - set(NUSCENES_CLASSES))
        if unknown or not self.classes:
            raise ValueError(f'unknown classes {", ".join(unknown)}; there are {", ".join(NUSCENES_CLASSES)}')
        for name, score in (('score', self.score), *self.class_scores.items()):
            if not 0 <= score <= 1:
                raise ValueError(f'{name}: a score must lie in 0..1, got {score:g}')
        _check('lidar', self.lidar, ('height', 'intensity', 'none'))
        _check('camera_lidar', self.camera_lidar, ('depth', 'height', 'intensity', 'none'))
        _check('radar', self.radar, ('depth', 'velocity', 'none'))
        _check('palette', self.palette, tuple(PALETTES))

    @property
    def colours(self) -> Palette:
        """The palette chosen."""
        return PALETTES[self.palette]

    @property
    def needs_lidar(self) -> bool:
        """Whether LiDAR points are shown anywhere."""
        return not self.lidar == self.camera_lidar == 'none'

    def score_of(self, name: str) -> float:
        """The bound of a class."""
        return self.class_scores.get(name, self.score)

    def truth(self, boxes: Boxes) -> Boxes:
        """Truth that is shown."""
        return boxes.of_classes(self.classes)

    def predictions(self, boxes: Boxes) -> Boxes:
        """Predictions that are shown, best first."""
        shown = boxes.of_classes(self.classes)
        return shown.at_least(np.array([self.score_of(name) for name in shown.names]))


def _check(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f'{name}: {value!r} is not among {", ".join(choices)}')


def scores_of_texts(texts: Sequence[str]) -> tuple[float, dict[str, float]]:
    """``--score 0.3 car=0.4``: the bound of all classes (0.3 where none is given) and those of single ones.

    Raises:
        ValueError: something else than a number, alone or after ``CLASS=``; two bounds for all.
    """
    general, single = [], {}
    for text in texts:
        name, _, number = text.rpartition('=')
        try:
            value = float(number)
        except ValueError:
            raise ValueError(f'score: {text!r} is neither a number nor CLASS=NUMBER, like 0.3 or car=0.4') from None
        if name:
            single[name] = value
        else:
            general.append(value)
    if len(general) > 1:
        raise ValueError(f'score: one number goes for all classes, got {len(general)}; use CLASS=NUMBER for others')
    return (general or [0.3])[0], single


def view_of_range(numbers: Sequence[float] | None) -> View | None:
    """``--range``: one number all round, or ahead, behind and to the side. None stays None.

    Raises:
        ValueError: two, or more than three numbers.
    """
    if numbers is None:
        return None
    if len(numbers) not in (1, 3):
        raise ValueError(f'range takes 1 number (all round) or 3 (ahead, behind, side), got {len(numbers)}')
    return View(*(numbers if len(numbers) == 3 else numbers * 3))
