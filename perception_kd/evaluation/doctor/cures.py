"""Predictions read in another way: one small change each, to be scored again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.doctor.frames import Frames, headings
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.errors import rotation_matrices

Floats = NDArray[np.float64]
Change = Callable[[BoxArrays, Frames], BoxArrays]


@dataclass(frozen=True)
class Cure:
    """A way to read predictions.

    Args:
        code: Of the finding that it proves.
        reading: Completes "... -> ... if".
        change: The predictions so read.
    """

    code: str
    reading: str
    change: Change


def facing(boxes: BoxArrays, yaw: Floats) -> BoxArrays:
    """Boxes turned about the vertical to another heading ``(N,)``, rad."""
    return turned(boxes, yaw - headings(boxes))


def turned(boxes: BoxArrays, angle: Floats) -> BoxArrays:
    """Boxes turned about the vertical through their centre by ``(N,)`` rad."""
    cosine, sine = np.cos(angle / 2), np.sin(angle / 2)
    w, x, y, z = boxes.rotation.T
    rotation = [cosine * w - sine * z, cosine * x - sine * y, cosine * y + sine * x, cosine * z + sine * w]
    return boxes.replace(rotation=np.stack(rotation, axis=1))


def resized(boxes: BoxArrays, order: Sequence[int] = (0, 1, 2), factor: float = 1.0) -> BoxArrays:
    """Boxes with their three sizes in another order and unit."""
    return boxes.replace(size=boxes.size[:, list(order)] * factor)


def shifted(boxes: BoxArrays, by: Floats) -> BoxArrays:
    """Boxes whose centres are moved by ``(N, 3)`` or ``(3,)`` m."""
    return boxes.replace(translation=boxes.translation + by, ego_translation=boxes.ego_translation + by)


def rotated_velocity(boxes: BoxArrays, angle: Floats) -> BoxArrays:
    """Boxes whose velocity is turned by ``(N,)`` rad."""
    cosine, sine = np.cos(angle), np.sin(angle)
    x, y = boxes.velocity.T
    return boxes.replace(velocity=np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=1))


def moved(boxes: BoxArrays, frames: Frames, motion: Floats, *, whole: bool = True) -> BoxArrays:
    """Boxes moved by an affine map of the global frame.

    Args:
        boxes: N.
        frames: Whose ego position ``ego_translation`` counts from.
        motion: ``(F, 4, 4)`` of each key frame; its linear part may turn, mirror and scale.
        whole: Heading and velocity go along; otherwise the centres alone.
    """
    matrix = motion[boxes.frame]
    centre = np.einsum('nij,nj->ni', matrix[:, :3, :3], boxes.translation) + matrix[:, :3, 3]
    result = boxes.replace(translation=centre, ego_translation=centre - frames.ego2global[boxes.frame, :3, 3])
    return _go_along(result, matrix) if whole else result


def _go_along(boxes: BoxArrays, matrix: Floats) -> BoxArrays:
    """Heading and velocity under the linear part of a map ``(N, 4, 4)``."""
    forward = np.einsum('nij,nj->ni', matrix[:, :3, :3], rotation_matrices(boxes.rotation)[:, :, 0])
    flat = np.concatenate([boxes.velocity, np.zeros((len(boxes), 1))], axis=1)
    velocity = np.einsum('nij,nj->ni', matrix[:, :3, :3], flat)[:, :2]
    return facing(boxes.replace(velocity=velocity), np.arctan2(forward[:, 1], forward[:, 0]))
