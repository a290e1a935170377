"""Reads View-of-Delft: KITTI-form folders for LiDAR and radar, and poses."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from perception_kd.datasets.convert import kitti_form
from perception_kd.datasets.convert.rig_frame import along_sight
from perception_kd.datasets.nuscenes.poses import Matrix

TRACKS = ('label_2_with_track_ids/label_2', '../label_2_with_track_ids/label_2')
"""Where the labels with track ids are looked for, seen from the root."""


@dataclass(frozen=True)
class VodSource:
    """Folders of the data set.

    Args:
        root: The folder that holds ``lidar`` and ``radar``.
        tracks: Folder of the labels with track ids, if there is one.
    """

    root: Path
    tracks: Path | None

    def file(self, sensor: str, kind: str, name: str) -> Path:
        """A frame's file; the frames of the test split may lie in ``testing``."""
        suffix = {'velodyne': 'bin', 'image_2': 'jpg', 'pose': 'json'}.get(kind, 'txt')
        places = [self.root / sensor / part / kind / f'{name}.{suffix}' for part in ('training', 'testing')]
        return next((place for place in places if place.is_file()), places[0])

    def labels(self, name: str) -> Path:
        """Its labels, with track ids where there are any."""
        return self.tracks / f'{name}.txt' if self.tracks else self.file('lidar', 'label_2', name)


def read_pose(path: Path) -> Matrix:
    """Pose (4, 4) of the camera in ``odom``, from a file of one JSON object a line.

    Raises:
        ValueError: no JSON, or no rigid motion ``odomToCamera`` in it.
    """
    try:
        entries = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        values = next(entry['odomToCamera'] for entry in entries if 'odomToCamera' in entry)
    except (ValueError, TypeError, StopIteration):
        raise ValueError(f'{path}: no odomToCamera in it; {kitti_form.FETCH}') from None
    return kitti_form.read_rigid(f'{path}: odomToCamera', values)


def read_radar(path: Path, counted: Counter[str]) -> dict[str, np.ndarray]:
    """Radar fields from (N, 7): x, y, z, RCS, radial speed, the same compensated, number of the scan."""
    points, dropped = kitti_form.read_points(path, 7)
    counted['radar points'] += len(points)
    counted['radar points left out: not finite'] += dropped
    x, y, z, rcs, speed, compensated, _ = points.T.astype(np.float64)
    (vx, vy), (vx_comp, vy_comp) = along_sight(x, y, speed), along_sight(x, y, compensated)
    unknown = np.full(len(x), 4)
    return dict(x=x, y=y, z=z, rcs=rcs, vx=vx, vy=vy, vx_comp=vx_comp, vy_comp=vy_comp, dyn_prop=unknown)
