"""How a 3D picture is taken, apart from what it shows."""

from __future__ import annotations

from dataclasses import dataclass

from perception_kd.visualization.view3d.renderers import RENDERERS
from perception_kd.visualization.view3d.theme import THEMES, Theme
from perception_kd.visualization.view3d.viewpoint import CAMERAS, Size

SIZE_LIMITS = (320, 7680)


@dataclass(frozen=True)
class Stage:
    """Camera, colours, size and renderer.

    Args:
        camera: ``chase``, ``bird``, ``side`` or ``front``.
        theme: ``light`` or ``dark``.
        size: Width and height in pixels.
        renderer: ``auto`` (Open3D where it can, else ours), ``open3d`` or ``software``.
        fineness: Pictures are rendered so many times as large and made smaller, 1 to 4.
        photos: Whether the cameras' pictures hang around the vehicle.
        bare: Whether title, key and radii are left out.

    Raises:
        ValueError: a choice that does not exist, a size outside of 320 to 7680, or more than three times as wide as
            high or higher than wide.
    """

    camera: str = 'chase'
    theme: str = 'light'
    size: Size = (1600, 900)
    renderer: str = 'auto'
    fineness: int = 1
    photos: bool = False
    bare: bool = False

    def __post_init__(self) -> None:
        choices = (('camera', CAMERAS), ('theme', tuple(THEMES)), ('renderer', RENDERERS), ('fineness', (1, 2, 3, 4)))
        for name, known in choices:
            if getattr(self, name) not in known:
                raise ValueError(f'{name}: {getattr(self, name)!r} is not among {", ".join(map(str, known))}')
        width, height = self.size
        low, high = SIZE_LIMITS
        if not (low <= min(self.size) and max(self.size) <= high and height <= width <= 3 * height):
            raise ValueError(f'size: sides must lie in {low} to {high} pixels, the width in 1 to 3 heights, '
                             f'got {width} x {height}')

    @property
    def colours(self) -> Theme:
        """The theme chosen."""
        return THEMES[self.theme]


def size_of_text(text: str) -> Size:
    """``1600x900`` as width and height.

    Raises:
        ValueError: something else.
    """
    parts = text.lower().split('x')
    if len(parts) != 2 or not all(part.isdecimal() for part in parts):
        raise ValueError(f'size: {text!r} is not WIDTHxHEIGHT, like 1600x900')
    return int(parts[0]), int(parts[1])
