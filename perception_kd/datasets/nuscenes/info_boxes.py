"""Boxes of the key frames of a scene, as infos hold them (``infos``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.columns import Rows
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables
from perception_kd.datasets.nuscenes.poses import Matrix, pose_matrices, yaws_of
from perception_kd.structures.classes import CATEGORY_TO_CLASS, NUSCENES_CLASSES

MAX_VELOCITY_GAP = 1.5
"""Longest time in s between annotations that give a velocity (nuscenes-devkit's ``box_velocity``)."""


def instances_of(tables: NuScenesTables, samples: Sequence[int], global2lidar: Matrix) -> list[list[dict[str, Any]]]:
    """``instances`` of the infos of N key frames.

    Args:
        tables: Tables of the version.
        samples: Their rows of ``samples``.
        global2lidar: (N, 4, 4).
    """
    boxes = tables.annotations
    groups = [tables.annotations_of(sample) for sample in samples]
    counts = list(map(len, groups))
    rows, from_global = np.concatenate(groups), np.repeat(global2lidar, counts, axis=0)
    box2lidar = from_global @ pose_matrices(boxes.translation[rows], boxes.rotation[rows])
    width, length, height = boxes.size[rows].T
    values = np.column_stack([box2lidar[:, :3, 3], length, width, height, yaws_of(box2lidar)])
    velocity = annotation_velocity(tables, rows)
    velocity[:, 2] = 0.0  # boxes move in the ground plane
    velocity = (from_global[:, :3, :3] @ velocity[..., None])[:, :2, 0]
    instance = boxes.instance[rows].tolist()
    made = [{
        'bbox_label': label,
        'bbox_3d': value,
        'bbox_3d_isvalid': lidar_points + radar_points > 0,
        'bbox_label_3d': label,
        'num_lidar_pts': lidar_points,
        'num_radar_pts': radar_points,
        'velocity': speed,
        'token': token,
        'instance_token': tables.instance_tokens[of],
    } for label, value, lidar_points, radar_points, speed, token, of in zip(
        [_label(tables.instance_categories[of]) for of in instance], values.tolist(),
        boxes.num_lidar_pts[rows].tolist(), boxes.num_radar_pts[rows].tolist(), velocity.tolist(),
        boxes.tokens.take(rows), instance)]
    ends = np.cumsum(counts).tolist()
    return [made[end - count:end] for end, count in zip(ends, counts)]


def annotation_velocity(tables: NuScenesTables, rows: Rows) -> np.ndarray:
    """Velocities (M, 3) in m/s, global frame, from the neighbouring annotations; NaN where there is none near.

    The centred difference where both neighbours exist (as nuscenes-devkit's ``box_velocity``).
    """
    boxes = tables.annotations
    before, after = boxes.previous[rows], boxes.next[rows]
    first, last = np.where(before >= 0, before, rows), np.where(after >= 0, after, rows)
    seconds = np.subtract(*(1e-6 * tables.samples.timestamp[boxes.sample[end]] for end in (last, first)))
    good = (seconds > 0) & (seconds <= MAX_VELOCITY_GAP * ((before >= 0).astype(int) + (after >= 0)))
    velocity = np.full((len(rows), 3), np.nan)
    way = boxes.translation[last[good]] - boxes.translation[first[good]]
    velocity[good] = way / seconds[good, None]
    return velocity


def _label(category: str) -> int:
    name = CATEGORY_TO_CLASS.get(category)
    return NUSCENES_CLASSES.index(name) if name else -1
