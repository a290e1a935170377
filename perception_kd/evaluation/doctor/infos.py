"""Labels of info files held against the LiDAR points: do boxes hold the points that they were annotated with?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.box_tests import points_of_boxes
from perception_kd.datasets.nuscenes.formats import read_lidar_bin
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, resolve_path
from perception_kd.evaluation.doctor.causes import INFO_CAUSES
from perception_kd.evaluation.doctor.evidence import ENOUGH, SOME, Floats
from perception_kd.evaluation.doctor.finding import Finding
from perception_kd.structures.classes import NUSCENES_CLASSES

LEAST_POINTS = 5
"""Points of a box from which on it can tell."""
HEALTHY = 0.35
"""Mean difference of the logarithms of the numbers of points that right labels stay below, flat as they are."""
SHARE_LEFT = 0.5
"""What a cure may leave of it."""

_VEHICLES = tuple(map(NUSCENES_CLASSES.index, ('car', 'truck', 'trailer', 'bus')))

Reading = Callable[[Floats, Floats], Floats]


def examine_infos(infos: Sequence[Mapping[str, Any]], root: str | Path, *, most_frames: int = 40) -> list[Finding]:
    """Find known mistakes in the labels of info files.

    Boxes are read in the way of each known mistake, and a mistake is named where the numbers of points inside then are
    those that the annotations have, and are not as the labels stand. A half turn holds the same points and is not seen.

    Args:
        infos: With ``lidar_points`` (``lidar_path``, ``lidar2ego``) and ``instances`` (``bbox_3d`` as x, y, z of the
            centre, l, w, h, yaw, LiDAR frame; ``num_lidar_pts``), as mmdet3d's; from this package or from another.
        root: Data root of the LiDAR files.
        most_frames: More infos than these are sampled.

    Raises:
        FileNotFoundError, ValueError: a LiDAR file is missing or broken, or an info lacks an entry.
    """
    step = max(1, -(-len(infos) // most_frames))
    frames = [_frame(info, Path(root)) for info in infos[::step]]
    count = sum(len(annotated) for _, _, annotated, _ in frames)
    if count < ENOUGH:
        return []
    misfits = {code_reading: _misfit(frames, change) for code_reading, change in _READINGS.items()}
    before = misfits['', 'as they stand']
    (code, reading), after = min(misfits.items(), key=lambda item: item[1])
    wide = _wider_than_long(infos)
    if before <= HEALTHY:  # an old box is the same box where it is parallel to an axis of the LiDAR, as most are
        return [] if wide < 0.9 else [Finding(
            'labels_old_convention', *INFO_CAUSES['labels_old_convention'],
            f'boxes lie on their points, and {wide:.0%} of the vehicles are wider than long')]
    if (code, wide >= 0.9) in _SAME_BOX:
        code, reading = _SAME_BOX[code, wide >= 0.9]
    text = (f'{count} boxes of {len(frames)} key frames hold {np.exp(before):.1f} times too many or too few of their '
            'LiDAR points')
    if after > SHARE_LEFT * before or not code:
        return [Finding('labels_elsewhere', *INFO_CAUSES['labels_elsewhere'], text)]
    return [Finding(code, *INFO_CAUSES[code], f'{text}, {np.exp(after):.1f} times if {reading}')]


def _wider_than_long(infos: Sequence[Mapping[str, Any]]) -> float:
    """Share of the vehicles whose length is less than their width."""
    sides = np.array([list(one['bbox_3d'])[3:5] for info in infos for one in info['instances']
                      if one['bbox_label_3d'] in _VEHICLES], np.float64).reshape(-1, 2)
    return float((sides[:, 0] < sides[:, 1]).mean()) if len(sides) >= SOME else 0.0


def _frame(info: Mapping[str, Any], root: Path) -> tuple[Floats, Floats, Floats, Floats]:
    """Points (P, 3), boxes (M, 7), annotated numbers of points (M,) and ``lidar2ego`` of an info."""
    try:
        points = info['lidar_points']
        path = resolve_path(root, LIDAR_CHANNEL, points['lidar_path'])
        kept = [one for one in info['instances'] if one['num_lidar_pts'] >= LEAST_POINTS]
        boxes = np.array([list(one['bbox_3d'])[:7] for one in kept], np.float64).reshape(-1, 7)
        lidar2ego = np.asarray(points['lidar2ego'], np.float64)
    except (KeyError, TypeError) as error:
        raise ValueError(f'info {info.get("token", "without token")}: no entry {error}; the labels are held against '
                         'lidar_points and instances of mmdet3d 1.x infos') from None
    annotated = np.array([one['num_lidar_pts'] for one in kept], np.float64)
    return read_lidar_bin(path)[:, :3].astype(np.float64), boxes, annotated, lidar2ego


def _misfit(frames: Sequence[tuple[Floats, Floats, Floats, Floats]], change: Reading) -> float:
    """Mean difference of the logarithms of counted and annotated numbers of points."""
    parts = []
    for points, boxes, annotated, lidar2ego in frames:
        bottom = change(boxes.copy(), lidar2ego)
        bottom[:, 2] -= bottom[:, 5] / 2
        counted = np.array([len(rows) for rows in points_of_boxes(points, bottom)], np.float64)
        parts.append(np.abs(np.log1p(counted) - np.log1p(annotated)))
    return float(np.concatenate(parts).mean())


def _from_ego(boxes: Floats, lidar2ego: Floats) -> Floats:
    rotation, place = lidar2ego[:3, :3], lidar2ego[:3, 3]
    boxes[:, :3] = (boxes[:, :3] - place) @ rotation
    boxes[:, 6] -= np.arctan2(rotation[1, 0], rotation[0, 0])
    return boxes


def _columns(order: Sequence[int], sign: float = 1.0, offset: float = 0.0) -> Reading:
    """Sizes in another order, and the heading times ``sign`` plus ``offset``."""
    def change(boxes: Floats, lidar2ego: Floats) -> Floats:
        boxes[:, 3:6] = boxes[:, [3 + place for place in order]]
        boxes[:, 6] = sign * boxes[:, 6] + offset
        return boxes
    return change


def _raised(share: float) -> Reading:
    return lambda boxes, lidar2ego: boxes + share * boxes[:, 5:6] * np.eye(7)[2]


def _mirrored(axis: int) -> Reading:
    def change(boxes: Floats, lidar2ego: Floats) -> Floats:
        boxes[:, axis] *= -1
        boxes[:, 6] = (np.pi if axis == 0 else 0) - boxes[:, 6]
        return boxes
    return change


def _scaled(factor: float) -> Reading:
    return lambda boxes, lidar2ego: boxes * np.where(np.isin(np.arange(7), (3, 4, 5)), factor, 1.0)


_READINGS: dict[tuple[str, str], Reading] = {
    ('', 'as they stand'): lambda boxes, lidar2ego: boxes,
    ('labels_swapped', 'w and l are swapped'): _columns((1, 0, 2)),
    ('labels_yaw', 'yaw is read as -yaw'): _columns((0, 1, 2), -1),
    ('labels_yaw', 'yaw is read as -yaw - pi/2'): _columns((0, 1, 2), -1, -np.pi / 2),
    ('labels_frame', 'boxes are moved from the ego into the LiDAR frame'): _from_ego,
    ('labels_bottom', 'half the height is added to z'): _raised(0.5),
    ('labels_bottom', 'half the height is taken from z'): _raised(-0.5),
    ('labels_mirrored', 'boxes are mirrored in y'): _mirrored(1),
    ('labels_mirrored', 'boxes are mirrored in x'): _mirrored(0),
    ('labels_scale', 'sizes are doubled'): _scaled(2.0),
    ('labels_scale', 'sizes are halved'): _scaled(0.5),
}

_SAME_BOX = {('labels_yaw', True): ('labels_old_convention', 'w and l are swapped and yaw is read as -yaw - pi/2'),
             ('labels_swapped', False): ('labels_yaw', 'yaw is read as yaw + pi/2')}
"""Turned by a quarter with sides swapped a box is the same: whether vehicles are wider than long tells which."""
