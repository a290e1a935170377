"""Where the vehicle was: ``poses.csv``, and poses between its rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from perception_kd.datasets.nuscenes.poses import Matrix, inverse, pose_matrices
from perception_kd.files import require_file

POSE_FILE = 'poses.csv'
POSE_COLUMNS = ('time', 'x', 'y', 'z', 'qw', 'qx', 'qy', 'qz')
LATEST = 1e10
"""Seconds since 1970 that nothing was recorded after (the year 2286)."""
REACH = 0.1
"""Seconds beyond the first and the last pose, in which the vehicle is taken to stand where it was."""
_SPAN = 0.05  # half of the time over which a velocity is measured


class Trajectory:
    """Poses of the vehicle in a resting frame.

    Args:
        times: (N,) rising, s.
        translations: (N, 3), m.
        rotations: (N, 4) unit quaternions w, x, y, z; vehicle -> resting frame.
    """

    def __init__(self, times: np.ndarray, translations: np.ndarray, rotations: np.ndarray) -> None:
        self.times, self.translations = times, translations
        self.matrices = pose_matrices(translations, rotations)
        turns = Rotation.from_matrix(self.matrices[:, :3, :3])
        self._turn = Slerp(times, turns) if len(times) > 1 else None

    def covers(self, time: float) -> bool:
        """Whether the pose at that time (s) is known."""
        return self.times[0] - REACH <= time <= self.times[-1] + REACH

    def pose(self, time: float) -> Matrix:
        """(4, 4) vehicle -> resting frame at a time (s), between rows on the straight way.

        Raises:
            ValueError: before the first pose or after the last.
        """
        if not self.covers(time):
            raise ValueError(f'{POSE_FILE} has poses from {self.times[0]:.3f} to {self.times[-1]:.3f} s, none at '
                             f'{time:.3f} s; its times have the unit of the stamps in file names, and times.txt can '
                             'say which moments to predict')
        time = float(np.clip(time, self.times[0], self.times[-1]))
        row = int(np.searchsorted(self.times, time))
        if self.times[row] == time:
            return self.matrices[row].copy()
        motion = np.eye(4)
        motion[:3, 3] = [np.interp(time, self.times, axis) for axis in self.translations.T]
        motion[:3, :3] = self._turn(time).as_matrix()
        return motion

    def velocity(self, time: float, sensor2vehicle: Matrix) -> np.ndarray:
        """(3,) velocity of a sensor over ground at a time (s), in its own frame, m/s."""
        before, after = (float(np.clip(time + step, self.times[0], self.times[-1])) for step in (-_SPAN, _SPAN))
        if after <= before:
            return np.zeros(3)
        poses = [self.pose(moment) @ sensor2vehicle for moment in (before, time, after)]
        return inverse(poses[1])[:3, :3] @ (poses[2][:3, 3] - poses[0][:3, 3]) / (after - before)


def read_trajectory(folder: str | Path, per_second: float) -> Trajectory | None:
    """``poses.csv`` of a folder; None where there is none.

    Args:
        folder: Its place.
        per_second: How many units of its times make a second.

    Raises:
        ValueError: columns, numbers or the order of times are wrong; the message names the row.
    """
    path = Path(folder) / POSE_FILE
    if not path.exists():
        return None
    with require_file(path, 'poses').open(newline='', encoding='utf-8-sig', errors='replace') as file:
        rows = list(csv.reader(file))
    if not rows or tuple(word.strip() for word in rows[0]) != POSE_COLUMNS:
        raise ValueError(f'{path}: the first line must be {",".join(POSE_COLUMNS)}')
    times, values = [], []
    for number, row in enumerate(filter(None, rows[1:]), 2):
        try:
            times.append(seconds(row[0], per_second))
            values.append([float(word) for word in row[1:]])
        except (IndexError, ValueError):
            values.append([])
        if len(values[-1]) != 7 or not np.isfinite([times[-1], *values[-1]]).all():
            raise ValueError(f'{path}: line {number} does not hold {len(POSE_COLUMNS)} numbers: {",".join(row)[:80]}')
    table = np.array(values, np.float64).reshape(-1, 7)
    _check(path, np.array(times), table)
    return Trajectory(np.array(times), table[:, :3], table[:, 3:])


def seconds(text: str, per_second: float) -> float:
    """Seconds of a time stamp in other units; whole numbers are not rounded before the division.

    Raises:
        ValueError: no number, or too large for a time of that unit.
    """
    try:
        time = (float(text) if '.' in text else int(text)) / per_second
    except OverflowError:
        time = np.inf
    if time > LATEST:
        raise ValueError(f'{text[:20]} as a time is in a year far ahead: is it of another unit than stamps says?')
    return time


def _check(path: Path, times: np.ndarray, table: np.ndarray) -> None:
    if not len(times):
        raise ValueError(f'{path}: holds no pose')
    falls = np.flatnonzero(np.diff(times) <= 0)
    if len(falls):
        raise ValueError(f'{path}: times must rise, line {falls[0] + 3} is not after the line before')
    lengths = np.linalg.norm(table[:, 3:], axis=1)
    wrong = np.flatnonzero(np.abs(lengths - 1) > 1e-3)
    if len(wrong):
        raise ValueError(f'{path}: line {wrong[0] + 2}: qw, qx, qy, qz is no unit quaternion (length '
                         f'{lengths[wrong[0]]:.4g})')
