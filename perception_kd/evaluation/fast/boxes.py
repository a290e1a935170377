"""Boxes of many key frames as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES
from perception_kd.structures.classes import NUSCENES_CLASSES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

LABELS = {name: place for place, name in enumerate(NUSCENES_CLASSES)}
"""Label of a class name."""

ATTRIBUTE_CODES = {'': -1, **{name: place for place, name in enumerate(ATTRIBUTES)}}
"""Code of an attribute name; -1 where a box has none."""

_SHAPES: dict[str, tuple[type, tuple[int, ...]]] = {
    'frame': (np.int64, ()), 'label': (np.int64, ()), 'translation': (np.float64, (3,)), 'size': (np.float64, (3,)),
    'rotation': (np.float64, (4,)), 'velocity': (np.float64, (2,)), 'score': (np.float64, ()),
    'attribute': (np.int64, ()), 'num_pts': (np.int64, ()), 'ego_translation': (np.float64, (3,)),
}  # fmt: skip


@dataclass(frozen=True)
class BoxArrays:
    """N boxes in the global frame; every field means what nuscenes-devkit's ``DetectionBox`` means by it.

    Boxes of one key frame stand in the order of the table or file that they are from: the devkit breaks ties by it.

    Args:
        frame: ``(N,)`` place in the list of sample tokens.
        label: ``(N,)`` place in ``NUSCENES_CLASSES``; -1 for a bicycle rack.
        translation: ``(N, 3)`` centre, m.
        size: ``(N, 3)`` width, length, height, m.
        rotation: ``(N, 4)`` quaternion w, x, y, z.
        velocity: ``(N, 2)`` m/s; NaN where it is not known.
        score: ``(N,)``; -1 for true boxes.
        attribute: ``(N,)`` place in ``ATTRIBUTES`` of the vocabulary; -1: none.
        num_pts: ``(N,)`` LiDAR and radar points inside of a true box; -1 for predictions.
        ego_translation: ``(N, 3)`` centre minus the ego's position at the LiDAR sweep, global axes, m.

    Raises:
        ValueError: a field of another shape.
    """

    frame: Ints
    label: Ints
    translation: Floats
    size: Floats
    rotation: Floats
    velocity: Floats
    score: Floats
    attribute: Ints
    num_pts: Ints
    ego_translation: Floats

    def __post_init__(self) -> None:
        for name, (kind, shape) in _SHAPES.items():
            array = np.ascontiguousarray(getattr(self, name), kind)
            if array.shape != (len(self.frame), *shape):
                raise ValueError(f'BoxArrays: {name} has shape {array.shape}, expected {(len(self.frame), *shape)}')
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.frame)

    @classmethod
    def empty(cls) -> BoxArrays:
        """No box."""
        return cls(**{name: np.empty((0, *shape), kind) for name, (kind, shape) in _SHAPES.items()})

    def take(self, chosen: Ints | Mask) -> BoxArrays:
        """The boxes at these places, or where the mask holds."""
        places = np.asarray(chosen)
        places = np.flatnonzero(places) if places.dtype == bool else places.astype(np.int64)
        return BoxArrays(**{field.name: np.take(getattr(self, field.name), places, axis=0) for field in fields(self)})

    def replace(self, **changed: Any) -> BoxArrays:
        """The same boxes with other values of some fields."""
        return replace(self, **changed)

    @property
    def ego_distance(self) -> Floats:
        """``(N,)`` distance in the plane from the ego, m (the devkit's ``ego_dist``)."""
        x, y = self.ego_translation[:, 0], self.ego_translation[:, 1]
        return np.sqrt(x * x + y * y)
