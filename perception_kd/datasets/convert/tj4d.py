"""TJ4DRadSet (one camera, 4D radar, LiDAR where one has it; Shanghai) as a nuScenes-format root.

Written from the data set's public documentation; **untested on the real data**, which is given on request only.
What was decided:

* The release has no poses, and tracks only in the moving LiDAR's frame. Every frame is therefore a scene of its own, so
  that no reader takes a neighbour for a sweep or a track; poses are the identity, velocities and attributes unknown.
* The ego frame is the radar's: its height over the road is not published.
* The radar measures relative radial speeds. The car's own velocity is estimated from each scan (``ego_velocity``) and
  taken off; scans where that fails keep the relative speed and are counted. Away from the radar is taken as positive:
  were it the other way, nearly all frames would drive backwards, which is counted too.
* The format cannot do without a LiDAR. Where ``TJ4DRadSet_LiDAR`` is not there, as in the first release,
  ``LIDAR_TOP`` holds the radar's points: enough for the format, not for a LiDAR teacher.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.convert import kitti_form
from perception_kd.datasets.convert.ego_velocity import estimate_ego_velocity
from perception_kd.datasets.convert.job import convert_frames
from perception_kd.datasets.convert.pictures import read_picture
from perception_kd.datasets.convert.rig_frame import BOX_MARGIN, RigBox, RigFrame, along_sight, write_frame
from perception_kd.datasets.nuscenes.poses import Matrix, inverse
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.files import require_folder

VERSION = 'v1.0-tj4d'
SPLITS = ('train', 'val', 'test')
RADAR_FOLDER, LIDAR_FOLDER = 'TJ4DRadSet_4DRadar', 'TJ4DRadSet_LiDAR'
CATEGORIES = {'Car': 'vehicle.car', 'Pedestrian': 'human.pedestrian.adult', 'Cyclist': 'vehicle.bicycle',
              'Truck': 'vehicle.truck'}
"""``Other`` names no category and is left out. ``Cyclist`` holds riders of bicycles and motorcycles alike."""

_VISIBILITY = {0: 4, 1: 3, 2: 2, 3: 1}  # four steps here, not KITTI's three
_FIRST_TIMESTAMP, _FRAME_TIME = 1_600_000_000_000_000, 100_000
_NOTES = {
    'source': 'TJ4DRadSet; research use only; cite Zheng et al., "TJ4DRadSet: A 4D Radar Dataset for Autonomous '
              'Driving", ITSC 2022',
    'tested': 'the converter has never seen the real data set, only a miniature in its form',
    'poses': 'identity; every frame is a scene; the ego frame is the radar frame',
    'velocities': 'unknown',
    'timestamps': 'made up: frame number times 0.1 s',
    'radar': 'rcs is the power (signal to noise, dB); vx_comp, vy_comp are free of an estimated ego velocity',
    'points_in_boxes': f'counted with a margin of {BOX_MARGIN} m',
}


@dataclass(frozen=True)
class _Source:
    """Folders of radar, camera and labels, and of the LiDAR if there is one."""

    radar: Path
    lidar: Path | None

    def file(self, kind: str, name: str) -> Path:
        """A frame's file beside the radar's."""
        suffix = {'velodyne': 'bin', 'image_2': 'png'}.get(kind, 'txt')
        return self.radar / 'training' / kind / f'{name}.{suffix}'

    def lidar_files(self, name: str) -> list[Path]:
        """Scan and calibration of the LiDAR; empty where there is none."""
        if self.lidar is None:
            return []
        return [self.lidar / 'training' / 'velodyne' / f'{name}.bin', self.lidar / 'training' / 'calib' / f'{name}.txt']


def convert_tj4d(root: str | Path, out: str | Path, *, force: bool = False, workers: int = 1) -> dict[str, Any]:
    """Convert all frames of the lists in ``ImageSets``.

    Args:
        root: Folder that holds ``TJ4DRadSet_4DRadar`` and perhaps ``TJ4DRadSet_LiDAR``.
        out: New data root; gets ``v1.0-tj4d``, ``samples`` and ``maps``.
        force: Replace an earlier conversion.
        workers: Processes.

    Returns:
        Counts of boxes, labels left out and more; also in ``conversion.json``.

    Raises:
        FileExistsError: a conversion is there and ``force`` is not given.
        FileNotFoundError, ValueError: something in ``root`` is missing or damaged.
    """
    root = require_folder(root, 'TJ4DRadSet folder')
    lidar = root / LIDAR_FOLDER
    source = _Source(radar=root / RADAR_FOLDER, lidar=lidar if (lidar / 'training' / 'velodyne').is_dir() else None)
    frames = _plan(source, root)
    kitti_form.check_files(root, [path for name, splits in frames for path in _files(source, name, splits)])
    notes = {**_NOTES, 'lidar': 'reflectance up to 1 is multiplied by 255; ring numbers are not known (0)'
             if source.lidar else f'none in the source ({LIDAR_FOLDER}): LIDAR_TOP holds the radar points, power as '
                                  'intensity; they do not count as LiDAR points'}
    return convert_frames(partial(_convert_frame, source, Path(out)), frames, out=out, version=VERSION, notes=notes,
                          force=force, workers=workers)


def _plan(source: _Source, root: Path) -> list[tuple[str, tuple[str, ...]]]:
    """Every frame of the lists with its splits."""
    lists, found = source.radar / 'ImageSets', {}
    for split in SPLITS:
        if (lists / f'{split}.txt').is_file():
            for name in dict.fromkeys(kitti_form.read_frame_list(lists / f'{split}.txt')):
                found.setdefault(name, []).append(f'tj4d_{split}')
    if not found:
        raise FileNotFoundError(f'{lists} has no frames in train.txt, val.txt or test.txt; {root} is not TJ4DRadSet as '
                                f'its authors unpack it (the folder that holds {RADAR_FOLDER}/)')
    return [(name, tuple(splits)) for name, splits in sorted(found.items())]


def _files(source: _Source, name: str, splits: tuple[str, ...]) -> list[Path]:
    kinds = ['velodyne', 'calib', 'image_2', *(['label_2'] if splits != ('tj4d_test',) else [])]
    return [*(source.file(kind, name) for kind in kinds), *source.lidar_files(name)]


def _convert_frame(source: _Source, out: Path, named: tuple[str, tuple[str, ...]]) -> tuple[SceneRows, Counter[str]]:
    """Write the files of a frame; returns its rows and what was counted."""
    name, splits = named
    calibration = kitti_form.read_calibration(source.file('calib', name))
    camera2ego = inverse(calibration.velo2camera)
    picture, size = read_picture(source.file('image_2', name))
    counted: Counter[str] = Counter()
    radar = read_radar(source.file('velodyne', name), counted)
    lidar, lidar2ego = _lidar(source, name, radar, camera2ego, counted)
    return write_frame(out, RigFrame(
        name=name, scene=f'tj4d-{name}', splits=splits, description='Single frame; no poses.',
        log=dict(logfile=f'sequence_{name[:2]}', vehicle='tj4d', location='shanghai'),
        timestamp_us=_FIRST_TIMESTAMP + int(name) * _FRAME_TIME, ego2global=np.eye(4),
        picture=picture, picture_suffix='png', picture_size=size, intrinsic=calibration.intrinsic,
        lidar=lidar, radar=radar, camera2ego=camera2ego, lidar2ego=lidar2ego, radar2ego=np.eye(4),
        boxes=_boxes(source, name, calibration.velo2camera, counted), counted=counted,
        count_lidar=source.lidar is not None))


def _lidar(source: _Source, name: str, radar: dict[str, np.ndarray], camera2ego: Matrix,
           counted: Counter[str]) -> tuple[np.ndarray, Matrix]:
    """Scan (P, 5) and its pose in the ego frame; the radar's points where there is no LiDAR."""
    if source.lidar is None:
        if not len(radar['x']):
            raise ValueError(f'{source.file("velodyne", name)}: a radar scan without a single point, and no LiDAR; '
                             'leave the frame out of the lists in ImageSets')
        columns = [radar['x'], radar['y'], radar['z'], radar['rcs'].clip(0, 255), np.zeros(len(radar['x']))]
        return np.column_stack(columns), np.eye(4)
    scan, calibration = source.lidar_files(name)
    return kitti_form.read_lidar(scan, counted), camera2ego @ kitti_form.read_calibration(calibration).velo2camera


def read_radar(path: Path, counted: Counter[str]) -> dict[str, np.ndarray]:
    """Radar fields from (N, 8): x, y, z, relative radial speed, range, power, horizontal and vertical angle.

    Raises:
        FileNotFoundError, ValueError: as :func:`~perception_kd.datasets.convert.kitti_form.read_points`.
    """
    points, dropped = kitti_form.read_points(path, 8)
    x, y, z, speed, _, power, _, _ = points.T.astype(np.float64)
    directions = points[:, :3].astype(np.float64)
    directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)
    velocity = estimate_ego_velocity(directions, speed)
    counted['radar points left out: not finite'] += dropped
    counted['frames of unknown ego velocity'] += velocity is None
    counted['frames that drive backwards'] += velocity is not None and bool(velocity[0] < -1)
    absolute = speed if velocity is None else speed + directions[:, :2] @ velocity
    (vx, vy), (vx_comp, vy_comp) = along_sight(x, y, speed), along_sight(x, y, absolute)
    unknown = np.full(len(x), 4)
    return dict(x=x, y=y, z=z, rcs=power, vx=vx, vy=vy, vx_comp=vx_comp, vy_comp=vy_comp, dyn_prop=unknown)


def _boxes(source: _Source, name: str, radar2camera: Matrix, counted: Counter[str]) -> list[RigBox]:
    path, boxes = source.file('label_2', name), []
    if not path.is_file():  # of the test split, see _files
        counted['frames without labels'] += 1
        return []
    for number, label in enumerate(kitti_form.read_labels(path)):
        if label.kind not in CATEGORIES:
            counted[f'left out: {label.kind}'] += 1
            continue
        boxes.append(RigBox(
            category=CATEGORIES[label.kind], key=f'{name}/{number}', extent=label.extent,
            box2ego=kitti_form.box_pose(label, radar2camera, upright='camera'),
            visibility=_VISIBILITY.get(label.occluded, 1)))
    return boxes
