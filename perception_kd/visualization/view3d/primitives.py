"""What a 3D picture is made of: points, lines, triangles and photographs as plain arrays.

Nothing of this package is imported here: the process that Open3D draws in would wait seconds for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Colour = tuple[float, float, float]


def _check(name: str, array: Array, shape: tuple[int | None, ...]) -> None:
    """Raise ValueError unless the shape fits (None: any length) and all values are finite."""
    fits = array.ndim == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape))
    if not fits:
        wanted = ', '.join('N' if length is None else str(length) for length in shape)
        raise ValueError(f'{name}: expected an array ({wanted}), got {array.shape}')
    if not np.isfinite(array).all():
        raise ValueError(f'{name} holds NaN or infinity')


@dataclass(frozen=True)
class Points:
    """Square marks of one size in pixels.

    Args:
        name: Of the layer.
        positions: (N, 3), m.
        colours: (N, 3), 0..1.
        size: Pixels in a picture 1600 wide.
    """

    name: str
    positions: Array
    colours: Array
    size: float = 2.0

    def __post_init__(self) -> None:
        _check(f'points of {self.name}', self.positions, (None, 3))
        _check(f'colours of {self.name}', self.colours, (len(self.positions), 3))


@dataclass(frozen=True)
class Lines:
    """Straight lines of one width in pixels.

    Args:
        name: Of the layer.
        segments: (M, 2, 3), m.
        colours: (M, 3), 0..1.
        width: Pixels in a picture 1600 wide.
    """

    name: str
    segments: Array
    colours: Array
    width: float = 1.5

    def __post_init__(self) -> None:
        _check(f'lines of {self.name}', self.segments, (None, 2, 3))
        _check(f'colours of {self.name}', self.colours, (len(self.segments), 3))


@dataclass(frozen=True)
class Mesh:
    """Triangles of one colour each, seen from both sides, without light.

    Args:
        name: Of the layer.
        triangles: (T, 3, 3) corners, m.
        colours: (T, 3), 0..1.
        translucent: Whether what lies behind shines through, by the scene's ``opacity``.
    """

    name: str
    triangles: Array
    colours: Array
    translucent: bool = False

    def __post_init__(self) -> None:
        _check(f'triangles of {self.name}', self.triangles, (None, 3, 3))
        _check(f'colours of {self.name}', self.colours, (len(self.triangles), 3))


@dataclass(frozen=True)
class Photo:
    """A photograph that hangs in space.

    Args:
        name: Of the layer.
        corners: (4, 3) top left, top right, bottom right, bottom left, m; a parallelogram.
        image: (H, W, 3), RGB, 0..255.
    """

    name: str
    corners: Array
    image: NDArray[np.uint8]

    def __post_init__(self) -> None:
        _check(f'corners of {self.name}', self.corners, (4, 3))
        _check(f'image of {self.name}', self.image, (None, None, 3))


Layer = Points | Lines | Mesh | Photo


@dataclass(frozen=True)
class Scene3D:
    """Layers in the vehicle's frame (x ahead, y left, z up, m), empty ones left out.

    Args:
        layers: What there is.
        background: Colour behind it.
        opacity: Of translucent meshes, 0..1. Of several behind one another, the nearest counts.
    """

    layers: Sequence[Layer]
    background: Colour = (1.0, 1.0, 1.0)
    opacity: float = 0.4

    def __post_init__(self) -> None:
        object.__setattr__(self, 'layers', tuple(layer for layer in self.layers if not _is_empty(layer)))
        if not 0 <= self.opacity <= 1:
            raise ValueError(f'opacity must lie in 0..1, got {self.opacity}')

    def opaque(self) -> Scene3D:
        """The scene without its translucent meshes."""
        kept = [layer for layer in self.layers if not getattr(layer, 'translucent', False)]
        return Scene3D(kept, self.background, self.opacity)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the layers."""
        return tuple(layer.name for layer in self.layers)


def _is_empty(layer: Layer) -> bool:
    return not isinstance(layer, Photo) and not len(layer.colours)
