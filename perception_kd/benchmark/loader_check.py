"""Do our pipeline and mmdet3d's transforms make the same of a sample? Looked at before anything is timed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from perception_kd.benchmark.loader_sides import CLOSE, RECORD, LoaderSide

GREY = 1.0  # grey levels; rounding of a resized picture
NEAR = 1e-3  # m, rad, m/s; float32 at some 100 m and a few products


def check_same(ours: LoaderSide, theirs: LoaderSide, index: int) -> dict[str, float]:
    """Compare a sample of both sides.

    Everything is to be the same, but for three things that mmdet3d 1.4 is known to do: it keeps the points of the key
    sweep that lie on the own car, which ours leaves out; it has 0 for an unknown velocity, where ours has NaN; and it
    shifts the points of past sweeps where the car turns (:func:`_shifts`), by exactly so much.

    Args:
        ours: As of ``our_side(common)``, pictures in RGB or BGR.
        theirs: As of ``their_side(common)``, pictures in BGR.
        index: Of the sample.

    Returns:
        Largest differences of ``pictures`` (grey levels), ``points`` and ``boxes`` (m, rad, m/s); the largest
        ``shift`` of a past sweep (m), which is not among them; and how many ``points_kept`` and ``boxes_kept`` there
        are on our side.

    Raises:
        ValueError: the samples differ in more than rounding.
    """
    (packed, clouds, shifts), (other, their_clouds, _) = _walked(ours, index), _walked(theirs, index)
    where = f'sample {packed["data_samples"].token}'
    to_rgb = ours.steps['pictures'][0].to_rgb
    turn = ours.steps['turn, scale'][0].states[0][:3, :3]
    points, shift = _points(clouds, their_clouds, shifts, turn, where)
    found = dict(pictures=_pictures(packed, other, to_rgb, where), points=points,
                 boxes=_boxes(packed, other, where), shift=shift)
    limits = ours.steps['range'][1].range
    for side, seen in (('ours', clouds), ('mmdet3d', their_clouds)):
        least, most = (int(_inside(seen['turn, scale'], limits, margin).sum()) for margin in (NEAR, -NEAR))
        if not least <= len(seen['range']) <= most:
            raise ValueError(f'{where}: {side} keeps {len(seen["range"])} points in the range, there are {least}')
    return {**found, 'points_kept': len(clouds['range']), 'boxes_kept': len(_table(packed))}


def _walked(side: LoaderSide, index: int) -> tuple[dict[str, Any], dict[str, np.ndarray], dict[float, np.ndarray]]:
    """The packed sample, its points (P, 5) after each step from their loading to their packing, and the shifts of its
    past sweeps."""
    clouds: dict[str, np.ndarray] = {}
    for step, sample in side.walk(index):
        if step == RECORD:
            shifts = _shifts(sample)
        if 'points' in sample:
            points = sample['points']
            clouds[step] = np.array(getattr(points, 'tensor', points))
    return sample, clouds, shifts


def _shifts(sample: dict[str, Any]) -> dict[float, np.ndarray]:
    """By age (s), where mmdet3d 1.4 has the points of a past sweep instead of where they belong (m): with ``R``, ``t``
    of ``lidar2sensor`` that is ``R^T (p - t)``, and its ``LoadPointsFromMultiSweeps`` computes ``R^T p - t`` (open as
    issue 3054 of open-mmlab/mmdetection3d)."""
    shifts = {}
    for sweep in sample['lidar_sweeps']:
        matrix = np.asarray(sweep['lidar_points']['lidar2sensor'])
        age = float(np.float32(sample['timestamp'] - sweep['timestamp']))
        shifts[age] = matrix[:3, :3].T @ matrix[:3, 3] - matrix[:3, 3]
    return shifts


def _pictures(ours: dict, theirs: dict, to_rgb: bool, where: str) -> float:
    one, other = ours['inputs']['img'], theirs['inputs']['img']
    if one.shape != other.shape or one.dtype != other.dtype:
        raise ValueError(f'{where}: pictures are {tuple(one.shape)} {one.dtype} of ours, {tuple(other.shape)} '
                         f'{other.dtype} of mmdet3d')
    return _within(one.float(), (other.flip(1) if to_rgb else other).float(), GREY, f'{where}: pictures')


def _points(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray], shifts: dict[float, np.ndarray],
            turn: np.ndarray, where: str) -> tuple[float, float]:
    """Largest difference of all points in the moved world, row by row, and the largest shift."""
    loaded = theirs['points']
    on_the_car = (loaded[:, 4] == 0) & (np.abs(loaded[:, :2]).max(axis=1, initial=0.0) < CLOSE)
    one, other = ours['turn, scale'].copy(), theirs['turn, scale'][~on_the_car]
    if one.shape != other.shape:
        raise ValueError(f'{where}: {len(one)} LiDAR points of ours, {len(other)} of mmdet3d')
    largest = 0.0
    for age, shift in shifts.items():
        rows = one[:, 4] == age
        one[rows, :3] += turn @ shift
        largest = max(largest, rows.any() * float(np.linalg.norm(shift)))
    return _within(torch.from_numpy(one), torch.from_numpy(other), NEAR, f'{where}: LiDAR points'), largest


def _boxes(ours: dict, theirs: dict, where: str) -> float:
    one, other = _table(ours), _table(theirs)
    labels = [sample['data_samples'].gt_instances_3d.labels_3d.tolist() for sample in (ours, theirs)]
    if one.shape != other.shape or labels[0] != labels[1]:
        raise ValueError(f'{where}: boxes have the labels {labels[0]} of ours, {labels[1]} of mmdet3d')
    one[:, 7:] = one[:, 7:].nan_to_num(nan=0.0)
    turns = ((one[:, 6] - other[:, 6]) / (2 * math.pi)).round()
    other[:, 6] += 2 * math.pi * turns
    return _within(one, other, NEAR, f'{where}: boxes')


def _table(packed: dict) -> Tensor:
    return packed['data_samples'].gt_instances_3d.bboxes_3d.tensor.clone()


def _inside(points: np.ndarray, limits: np.ndarray, margin: float) -> np.ndarray:
    """Which points (P, 3+) are in the range and clear of its border by a margin (m)."""
    return ((points[:, :3] > limits[:3] + margin) & (points[:, :3] < limits[3:] - margin)).all(axis=1)


def _within(one: Tensor, other: Tensor, tolerance: float, what: str) -> float:
    gap = float((one - other).abs().max()) if one.numel() else 0.0
    if not gap <= tolerance:
        raise ValueError(f'{what} of the two sides differ by up to {gap:.3g}')
    return gap
