"""The true boxes of some key frames, from the tables, as nuscenes-devkit's loaders give them.

Follows ``load_gt_of_sample_tokens``, ``box_velocity`` and ``add_center_dist`` of nuscenes-devkit to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.datasets.nuscenes.tables import table_folder
from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, LABELS, BoxArrays, Floats, Ints, Mask
from perception_kd.evaluation.fast.truth_tables import ANNOTATION, Annotations, TruthTables
from perception_kd.evaluation.frames import split_tokens
from perception_kd.structures.classes import CATEGORY_TO_CLASS

RACK = 'static_object.bicycle_rack'
_LONGEST_GAP = 1.5  # s between annotations that give a velocity (``box_velocity``)


@dataclass(frozen=True)
class Truth:
    """True boxes of F key frames, and what else the tables say about them.

    Args:
        tokens: The key frames' sample tokens; ``frame`` of all boxes, true and predicted, is a place in them.
        boxes: N boxes of the ten classes.
        racks: Bicycle racks (label -1).
        scene: ``(F,)`` place of each frame's scene in ``scenes``.
        scenes: Rows of the scenes: token, name, description.
        ego_translation: ``(F, 3)`` ego in the global frame at the LiDAR sweep, m.
        ego_rotation: ``(F, 4)`` the same, quaternion w, x, y, z.
        num_lidar_pts: ``(N,)`` LiDAR points in each box.
        num_radar_pts: ``(N,)`` radar points in each box.
        visibility: ``(N,)`` level of visibility 1 (0-40 %) to 4 (80-100 %); 0: not said.
        annotation: ``(N,)`` tokens of the annotations.
    """

    tokens: tuple[str, ...]
    boxes: BoxArrays
    racks: BoxArrays
    scene: Ints
    scenes: tuple[dict[str, str], ...]
    ego_translation: Floats
    ego_rotation: Floats
    num_lidar_pts: Ints
    num_radar_pts: Ints
    visibility: Ints
    annotation: NDArray[np.object_]

    def take(self, chosen: Ints | Mask) -> Truth:
        """The same key frames with a part of the true boxes."""
        parts = {name: getattr(self, name)[chosen]
                 for name in ('num_lidar_pts', 'num_radar_pts', 'visibility', 'annotation')}
        return replace(self, boxes=self.boxes.take(chosen), **parts)

    def ego_relative(self, frame: Ints, translation: Floats) -> Floats:
        """``(N, 3)`` centres ``translation`` of boxes of key frames ``frame``, minus the ego's position."""
        return translation - self.ego_translation[frame]


def load_truth(root: str | Path, version: str, frames: str | Sequence[str]) -> Truth:
    """Read the true boxes of a split or of some key frames.

    Args:
        root: nuScenes-format root.
        version: For example ``v1.0-mini``.
        frames: Name of a split, or sample tokens.

    Raises:
        FileNotFoundError: no such root, version or table.
        ValueError: no such split or key frame, broken or unfitting tables, no box of the ten classes at all.
    """
    tokens = split_tokens(root, version, frames) if isinstance(frames, str) else list(frames)
    tables = TruthTables(table_folder(root, version), tokens)
    rows = tables.annotations()
    ego_translation, ego_rotation = tables.ego_poses(LIDAR_CHANNEL)
    names = [CATEGORY_TO_CLASS.get(category) for category in rows.category]
    known = np.array([name is not None for name in names], bool) & (rows.frame >= 0)
    racks = np.array([category == RACK for category in rows.category], bool) & (rows.frame >= 0)
    if not known.any():
        raise ValueError(f'{root}: the {len(tokens)} samples to evaluate have no annotated boxes of the ten classes '
                         '(test sets are published without)')
    labels = np.array([LABELS.get(name, -1) for name in names], np.int64)
    velocity = _velocities(rows)

    def boxes(where: Mask) -> BoxArrays:
        chosen = _by_frame(rows.frame, where)
        return BoxArrays(
            frame=rows.frame[chosen], label=labels[chosen], translation=rows.translation[chosen],
            size=rows.size[chosen], rotation=rows.rotation[chosen], velocity=velocity[chosen, :2],
            score=np.full(len(chosen), -1.0), attribute=_attributes(tables, rows, chosen),
            num_pts=rows.lidar[chosen] + rows.radar[chosen],
            ego_translation=rows.translation[chosen] - ego_translation[rows.frame[chosen]])

    places = _by_frame(rows.frame, known)
    scene, scenes = tables.scenes()
    return Truth(
        tokens=tuple(tokens), boxes=boxes(known), racks=boxes(racks), scene=scene, scenes=scenes,
        ego_translation=ego_translation, ego_rotation=ego_rotation, num_lidar_pts=rows.lidar[places],
        num_radar_pts=rows.radar[places], visibility=rows.visibility[places],
        annotation=np.array(rows.tokens, object)[places])


def _by_frame(frame: Ints, where: Mask) -> Ints:
    """Places where ``where`` holds, frame by frame; those of a frame stay in the order of the table."""
    places = np.flatnonzero(where)
    return places[np.argsort(frame[places], kind='stable')]


def _velocities(rows: Annotations) -> Floats:
    """``(M, 3)`` in m/s, as the devkit's ``box_velocity``.

    The centred difference where both neighbours of an annotation exist, else the difference to the one there is;
    NaN without any, or when they are too far apart in time.
    """
    seconds = rows.seconds[rows.following] - rows.seconds[rows.previous]
    own = np.arange(len(rows.tokens))
    neighbours = (rows.previous != own).astype(int) + (rows.following != own)
    difference = rows.translation[rows.following] - rows.translation[rows.previous]
    with np.errstate(divide='ignore', invalid='ignore'):
        velocity = difference / seconds[:, None]
    velocity[(neighbours == 0) | (seconds > _LONGEST_GAP * neighbours)] = np.nan
    return velocity


def _attributes(tables: TruthTables, rows: Annotations, chosen: Ints) -> Ints:
    codes = []
    for place in chosen:
        names = [tables.attribute(token) for token in rows.attributes[place]]
        if len(names) > 1 or not {*names} <= ATTRIBUTE_CODES.keys():
            raise ValueError(f'{tables.path(ANNOTATION)}: row {rows.tokens[place]} has the attributes {names}; the '
                             'metric wants one of the eight official ones at most')
        codes.append(ATTRIBUTE_CODES[names[0]] if names else -1)
    return np.array(codes, np.int64)
