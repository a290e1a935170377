"""What a reader may choose about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.palette import PALETTES, Palette
from perception_kd.visualization.view import View


@dataclass(frozen=True)
class PictureOptions:
    """Choices common to all pictures.

    Args:
        score: Predictions below it are left out.
        classes: Classes to show.
        view: What of the ground to show; None fits it to the boxes.
        lidar: Colour LiDAR points by ``height`` or ``intensity``, or leave them out: ``none``.
        radar: Colour radar returns by ``depth`` or ``velocity``, or leave them out: ``none``.
        palette: ``nuscenes`` or ``safe``.
        width: Width of the layout in pixels at 100 dpi.

    Raises:
        ValueError: a choice that does not exist.
    """

    score: float = 0.3
    classes: tuple[str, ...] = NUSCENES_CLASSES
    view: View | None = None
    lidar: str = 'height'
    radar: str = 'depth'
    palette: str = 'nuscenes'
    width: int = 1800

    def __post_init__(self) -> None:
        unknown = sorted(set(self.classes) - set(NUSCENES_CLASSES))
        if unknown or not self.classes:
            raise ValueError(f'unknown classes {", ".join(unknown)}; there are {", ".join(NUSCENES_CLASSES)}')
        if not 0 <= self.score <= 1:
            raise ValueError(f'score must lie in 0..1, got {self.score}')
        _check('lidar', self.lidar, ('height', 'intensity', 'none'))
        _check('radar', self.radar, ('depth', 'velocity', 'none'))
        _check('palette', self.palette, tuple(PALETTES))

    @property
    def colours(self) -> Palette:
        """The palette chosen."""
        return PALETTES[self.palette]

    def truth(self, boxes: Boxes) -> Boxes:
        """Truth that is shown."""
        return boxes.of_classes(self.classes)

    def predictions(self, boxes: Boxes) -> Boxes:
        """Predictions that are shown, best first."""
        return boxes.of_classes(self.classes).at_least(self.score)


def _check(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise ValueError(f'{name}: {value!r} is not among {", ".join(choices)}')


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
