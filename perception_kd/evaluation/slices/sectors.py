"""Which camera of the rig looks towards a box, by the box's azimuth around the ego car."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.poses import pose_matrix
from perception_kd.datasets.nuscenes.tables import read_rows, table_folder
from perception_kd.evaluation.fast.boxes import BoxArrays, Floats, Ints, Mask
from perception_kd.evaluation.fast.errors import rotation_matrices
from perception_kd.evaluation.fast.truth import Truth

NO_CAMERA = 'no camera'
QUADRANTS = {'front': 0.0, 'left': np.pi / 2, 'back': np.pi, 'right': -np.pi / 2}
"""Azimuth of the middle of each sector of a rig without cameras, counter-clockwise from ahead, in rad."""

_REMEMBERED = 4  # sets of boxes: the truth and three models


@dataclass(frozen=True)
class Camera:
    """A camera's horizontal field of view.

    Args:
        channel: Its name.
        yaw: Where it looks, counter-clockwise from ahead in the ego frame, rad.
        half_angle: From there to the side of its picture, rad.
    """

    channel: str
    yaw: float
    half_angle: float


def load_cameras(root: str | Path, version: str) -> list[Camera]:
    """The cameras of a version in the order of the table; yaw and angle are means over all calibrations.

    The angle is that of the principal point from the picture's left side; the camera's place on the car is left out
    (at most 2 m, so up to some degrees for the nearest boxes).

    Raises:
        FileNotFoundError, ValueError: no such root or version, or a broken table.
    """
    folder = table_folder(root, version)
    sensors = read_rows(folder / 'sensor.json', ('token', 'channel', 'modality'))
    rows = read_rows(folder / 'calibrated_sensor.json', ('sensor_token', 'translation', 'rotation', 'camera_intrinsic'))
    cameras = []
    for sensor in sensors:
        own = [row for row in rows if row['sensor_token'] == sensor['token'] and row['camera_intrinsic']]
        if sensor['modality'] == 'camera' and own:
            ahead = np.mean([pose_matrix(row['translation'], row['rotation'])[:2, 2] for row in own], axis=0)
            angle = np.mean([np.arctan2(row['camera_intrinsic'][0][2], row['camera_intrinsic'][0][0]) for row in own])
            cameras.append(Camera(sensor['channel'], float(np.arctan2(ahead[1], ahead[0])), float(angle)))
    return cameras


def sectors(cameras: Sequence[Camera]) -> dict[str, Callable[[Truth, BoxArrays], Mask]]:
    """Name of each sector -> which boxes lie in it, ``(M,)`` given their truth for the poses of the ego car.

    A box is in the sector of the camera whose axis is nearest among those that have it in their horizontal field of
    view, or in ``no camera``. Without cameras the sectors are the four quadrants.
    """
    if not cameras:
        middles, widths = list(QUADRANTS.values()), [np.pi] * len(QUADRANTS)
        names = list(QUADRANTS)
    else:
        middles, widths = [camera.yaw for camera in cameras], [camera.half_angle for camera in cameras]
        names = [*(camera.channel for camera in cameras), NO_CAMERA]

    numbers = _SectorNumbers(np.array(middles), np.array(widths))
    return {name: partial(numbers.inside, number) for number, name in enumerate(names)}


def ego_azimuth(truth: Truth, boxes: BoxArrays) -> Floats:
    """``(M,)`` direction of each box from the ego car, counter-clockwise from ahead, rad."""
    there = ego_frame(truth, boxes)
    return np.arctan2(there[:, 1], there[:, 0])


def ego_frame(truth: Truth, boxes: BoxArrays) -> Floats:
    """``(M, 3)`` centres in the ego frame (x forward, y left) at the LiDAR sweep, m."""
    axes = rotation_matrices(truth.ego_rotation)[boxes.frame]
    return np.einsum('nji,nj->ni', axes, boxes.ego_translation)


class _SectorNumbers:
    """The sector of each box, worked out once for all sectors.

    Args:
        middles: ``(K,)`` azimuths, rad.
        half_angles: ``(K,)`` from there to either side, rad.
    """

    def __init__(self, middles: Floats, half_angles: Floats) -> None:
        self._middles, self._half_angles = middles, half_angles
        self._known: list[tuple[Truth, BoxArrays, Ints]] = []

    def inside(self, number: int, truth: Truth, boxes: BoxArrays) -> Mask:
        """``(M,)`` which boxes are in the sector of this number."""
        return self._numbers(truth, boxes) == number

    def _numbers(self, truth: Truth, boxes: BoxArrays) -> Ints:
        for known_truth, known_boxes, numbers in self._known:
            if known_truth is truth and known_boxes is boxes:
                return numbers
        numbers = _sector(ego_azimuth(truth, boxes), self._middles, self._half_angles)
        self._known = [*self._known[1 - _REMEMBERED:], (truth, boxes, numbers)]
        return numbers


def _sector(azimuth: Floats, middles: Floats, half_angles: Floats) -> Ints:
    """Number of the nearest middle among those within their half angle; their number where there is none."""
    away = np.abs((azimuth[:, None] - middles + np.pi) % (2 * np.pi) - np.pi)
    away = np.where(away <= half_angles, away, np.inf)
    return np.where(np.isfinite(away).any(axis=1), away.argmin(axis=1), len(middles))
