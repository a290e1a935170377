"""Small nuScenes tables from plain descriptions, for the cases and the benchmark of the metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES, TABLES, VISIBILITY_LEVELS
from perception_kd.structures.classes import CATEGORY_TO_CLASS

VERSION = 'v1.0-cases'
CATEGORY_OF = {name: category for category, name in reversed(CATEGORY_TO_CLASS.items())}
"""A category of each class."""


@dataclass(frozen=True)
class TrueBox:
    """An annotation. Global frame.

    Args:
        category: nuScenes category.
        track: Annotations of one track in one scene are one object; its neighbours in time give the velocity.
        translation, size, rotation: Centre in m, (w, l, h) in m, quaternion (w, x, y, z).
        attribute: Name, or empty.
        points: LiDAR and radar points in it.
    """

    category: str
    track: str
    translation: Sequence[float]
    size: Sequence[float]
    rotation: Sequence[float]
    attribute: str = ''
    points: tuple[int, int] = (1, 0)


@dataclass(frozen=True)
class KeyFrame:
    """A key frame with its boxes.

    Args:
        token: Sample token.
        scene: Name of its scene.
        microseconds: Timestamp.
        ego: Position of the ego in m, global frame.
        boxes: Annotations.
    """

    token: str
    scene: str
    microseconds: int
    ego: Sequence[float]
    boxes: Sequence[TrueBox] = field(default_factory=list)


def write_tables(root: Path, frames: Sequence[KeyFrame], splits: Mapping[str, Sequence[str]]) -> None:
    """Write the tables of version ``v1.0-cases`` that the metrics read, and ``splits.json`` (names of scenes)."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    rows['attribute'] = [dict(token=f'a-{name}', name=name) for name in ATTRIBUTES]
    rows['category'] = [dict(token=f'c-{name}', name=name) for name in CATEGORIES]
    rows['visibility'] = [dict(token=level, level=name) for level, (name, _) in VISIBILITY_LEVELS.items()]
    rows['sensor'] = [dict(token='lidar', channel='LIDAR_TOP', modality='lidar')]
    rows['calibrated_sensor'] = [dict(token='rig', sensor_token='lidar', translation=[0, 0, 1], rotation=[1, 0, 0, 0],
                                      camera_intrinsic=[])]
    rows['log'] = [dict(token='log', logfile='', vehicle='', date_captured='', location='')]
    rows['map'] = [dict(token='map', log_tokens=['log'], category='semantic_prior',
                        filename=f'{VERSION}/map.json')]  # the devkit only looks whether its file is there
    rows['scene'] = [dict(token=f's-{name}', name=name, description='', log_token='log')
                     for name in dict.fromkeys(frame.scene for frame in frames)]
    tracks: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for frame in frames:
        _add_frame(rows, tracks, frame)
    for track, found in tracks.items():
        _link(found)
        rows['instance'].append(dict(token=track, category_token=found[0].pop('category_token')))
    folder = root / VERSION
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in rows.items():
        (folder / f'{name}.json').write_bytes(msgspec.json.encode(content))
    (folder / 'splits.json').write_bytes(msgspec.json.encode(splits))


def _add_frame(rows: dict[str, list[dict[str, Any]]], tracks: dict[str, list[dict[str, Any]]],
               frame: KeyFrame) -> None:
    rows['sample'].append(dict(token=frame.token, timestamp=frame.microseconds, scene_token=f's-{frame.scene}'))
    rows['ego_pose'].append(dict(token=f'p-{frame.token}', translation=frame.ego, rotation=[1, 0, 0, 0]))
    rows['sample_data'].append(dict(
        token=f'd-{frame.token}', sample_token=frame.token, ego_pose_token=f'p-{frame.token}',
        calibrated_sensor_token='rig', is_key_frame=True))
    for number, box in enumerate(frame.boxes):
        track = f'{frame.scene}/{box.category}/{box.track}'
        row = dict(token=f'{frame.token}/{number}', sample_token=frame.token, instance_token=track,
                   visibility_token='4', attribute_tokens=[f'a-{box.attribute}'] if box.attribute else [],
                   translation=box.translation, size=box.size, rotation=box.rotation, prev='', next='',
                   num_lidar_pts=box.points[0], num_radar_pts=box.points[1])
        rows['sample_annotation'].append(row)
        tracks[track].append(row)
        if len(tracks[track]) == 1:
            row['category_token'] = f'c-{box.category}'


def _link(found: Sequence[dict[str, Any]]) -> None:
    for before, after in pairwise(found):
        before['next'], after['prev'] = after['token'], before['token']
