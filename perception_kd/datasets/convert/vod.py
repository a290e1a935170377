"""View-of-Delft (one camera, 64-beam LiDAR, 3+1D radar, Delft) as a nuScenes-format root.

Written from the data set's public documentation and devkit's conventions; **untested on the real data**, which is
given on request only. What was decided:

* **Scenes** are the data set's clips, cut where a frame is missing or the split changes, so that a split by frames
  stays one in a format that splits by scenes. Every frame is a key frame (10 Hz; nuScenes has 2 Hz): "so many key
  frames back" is a fifth of the time that it is there, and radar sweeps are the single scans of earlier frames
  (``radar_3frames`` and ``radar_5frames`` hold the same scans, already added up, and are not read).
* **Frames.** The ego frame is the LiDAR's, lowered to the road. The LiDAR is level in the world to about 0.1 degrees,
  the camera is tilted by 7: boxes stand upright for the LiDAR. Global is the data set's ``odom``, which drifts but
  does not jump; ``odomToCamera`` is the camera's pose in it, in spite of its name. All sensors of a frame were
  brought to one moment by the data set's authors, so they share one pose and one time.
* **Radar.** z is kept; the compensated radial speed, positive away from the radar, is laid along the line of sight.
* **Boxes.** Without the track ids (a separate download) velocities are unknown.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.convert import kitti_form
from perception_kd.datasets.convert.job import convert_frames
from perception_kd.datasets.convert.pictures import read_picture
from perception_kd.datasets.convert.rig_frame import BOX_MARGIN, RigBox, RigFrame, write_frame
from perception_kd.datasets.convert.vod_source import TRACKS, VodSource, read_pose, read_radar
from perception_kd.datasets.nuscenes.poses import Matrix, inverse
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.files import require_folder

VERSION = 'v1.0-vod'
SPLITS = ('train', 'val', 'test')
LIDAR_HEIGHT = 1.67
"""Of the LiDAR over the road in m: 1.35 m over the wheels' centres, as the authors say, and the radius of a tyre of
the car's standard size (195/65 R15)."""

CATEGORIES = {
    'Car': 'vehicle.car', 'Pedestrian': 'human.pedestrian.adult', 'Cyclist': 'vehicle.bicycle',
    'bicycle': 'vehicle.bicycle', 'bicycle_rack': 'static_object.bicycle_rack', 'moped_scooter': 'vehicle.motorcycle',
    'motor': 'vehicle.motorcycle', 'truck': 'vehicle.truck',
}  # fmt: skip
"""Left out and counted: ``rider`` (inside of a ``Cyclist``; nuScenes has one box for both), ``human_depiction``
(statues), ``vehicle_other``, ``ride_other`` and ``ride_uncertain``, which name no category."""

BENCHMARK = ('Car', 'Pedestrian', 'Cyclist')
"""The classes that the data set's own benchmark scores."""

ATTRIBUTES = {'Cyclist': 'cycle.with_rider', 'bicycle': 'cycle.without_rider'}

CLIPS = {
    1: 0, 2: 544, 3: 1312, 4: 1803, 6: 2200, 7: 2532, 8: 2798, 9: 3277, 10: 3575, 11: 3610, 12: 4049, 13: 4387,
    14: 4652, 16: 6334, 18: 6571, 19: 6759, 20: 7543, 21: 7900, 22: 8198, 23: 8481, 24: 8749, 25: 9096, 26: 9518,
    27: 9776,
}  # fmt: skip
"""Number of a clip (``delft_N``) -> its first frame, from the data set's documentation."""

_FIRST_TIMESTAMP, _FRAME_TIME = 1_600_000_000_000_000, 100_000
_NOTES = {
    'source': 'View-of-Delft; research use only; cite Palffy et al., "Multi-Class Road User Detection with 3+1D Radar '
              'in the View-of-Delft Dataset", RA-L 2022',
    'tested': 'the converter has never seen the real data set, only a miniature in its form',
    'key_frames': '10 Hz, every frame; scenes are clips, cut where the split changes or a frame is missing',
    'poses': f'odom of the data set; the ego frame is the LiDAR frame {LIDAR_HEIGHT} m lower',
    'timestamps': 'made up: frame number times 0.1 s',
    'radar': 'single scans; vx_comp, vy_comp are the compensated radial speed along the line of sight',
    'lidar': 'reflectance up to 1 is taken as 0..1 and multiplied by 255; ring numbers are not known (0)',
    'attributes': 'of bicycles only: with and without rider',
    'points_in_boxes': f'counted with a margin of {BOX_MARGIN} m',
}


@dataclass(frozen=True)
class _Frame:
    """Where a frame belongs: its name, scene and splits."""

    name: str
    clip: str
    scene: str
    splits: tuple[str, ...]


def convert_vod(root: str | Path, out: str | Path, *, tracks: str | Path | None = None, benchmark_only: bool = False,
                force: bool = False, workers: int = 1) -> dict[str, Any]:
    """Convert all frames of the lists in ``lidar/ImageSets``.

    Args:
        root: ``view_of_delft_PUBLIC``: the folder that holds ``lidar`` and ``radar``.
        out: New data root; gets ``v1.0-vod``, ``samples`` and ``maps``.
        tracks: Folder of the labels with track ids; default: one of ``TRACKS``, where it is.
        benchmark_only: Take the classes of ``BENCHMARK`` only; parked bicycles are then no class.
        force: Replace an earlier conversion.
        workers: Processes.

    Returns:
        Counts of boxes, labels left out and more; also in ``conversion.json``.

    Raises:
        FileExistsError: a conversion is there and ``force`` is not given.
        FileNotFoundError, ValueError: something in ``root`` is missing or damaged.
    """
    root = require_folder(root, 'View-of-Delft folder')
    source = VodSource(root=root, tracks=_find_tracks(root, tracks))
    kinds, frames = BENCHMARK if benchmark_only else tuple(CATEGORIES), _plan(root)
    kitti_form.check_files(root, [path for frame in frames for path in _files(source, frame)])
    velocities = 'from track ids' if source.tracks else 'unknown: there are no labels with track ids'
    notes = {**_NOTES, 'velocities': velocities, 'classes': ', '.join(kinds)}
    work = partial(_convert_frame, source, kinds, Path(out))
    return convert_frames(work, frames, out=out, version=VERSION, notes=notes, force=force, workers=workers)


def _find_tracks(root: Path, tracks: str | Path | None) -> Path | None:
    if tracks is not None:
        return require_folder(tracks, 'folder of labels with track ids')
    return next((root / place for place in TRACKS if (root / place).is_dir()), None)


def _plan(root: Path) -> list[_Frame]:
    """Every frame of the lists with its scene, in order."""
    lists, splits = root / 'lidar' / 'ImageSets', {}
    if not lists.is_dir():
        raise FileNotFoundError(f'{lists} is missing; {root} is not View-of-Delft as its authors unpack it (the folder '
                                'that holds lidar/ and radar/)')
    for split in SPLITS:
        if (lists / f'{split}.txt').is_file():
            for name in dict.fromkeys(kitti_form.read_frame_list(lists / f'{split}.txt')):
                splits.setdefault(int(name), (name, []))[1].append(f'vod_{split}')
    if not splits:
        raise FileNotFoundError(f'{lists} has no frames in train.txt, val.txt or test.txt; {kitti_form.FETCH}')
    plan: list[_Frame] = []
    before = None
    for number, (name, found) in sorted(splits.items()):
        clip = f'delft_{max((first, clip) for clip, first in CLIPS.items() if first <= number)[1]}'
        goes_on = plan and before == number - 1 and (plan[-1].clip, plan[-1].splits) == (clip, tuple(found))
        scene = plan[-1].scene if goes_on else f'{clip}-{name}'
        plan.append(_Frame(name=name, clip=clip, scene=scene, splits=tuple(found)))
        before = number
    return plan


def _files(source: VodSource, frame: _Frame) -> list[Path]:
    """All that a frame needs; labels only outside of the test split, which is published without."""
    places = [('lidar', 'velodyne'), ('lidar', 'calib'), ('lidar', 'image_2'), ('lidar', 'pose'), ('radar', 'velodyne'),
              ('radar', 'calib')]
    files = [source.file(sensor, kind, frame.name) for sensor, kind in places]
    return files if frame.splits == ('vod_test',) else [*files, source.labels(frame.name)]


def _convert_frame(source: VodSource, kinds: tuple[str, ...], out: Path,
                   frame: _Frame) -> tuple[SceneRows, Counter[str]]:
    """Write the files of a frame; returns its rows and what was counted."""
    calibration = {sensor: kitti_form.read_calibration(source.file(sensor, 'calib', frame.name))
                   for sensor in ('lidar', 'radar')}
    lidar2camera = calibration['lidar'].velo2camera
    lidar2ego = np.eye(4)
    lidar2ego[2, 3] = LIDAR_HEIGHT
    camera2ego = lidar2ego @ inverse(lidar2camera)
    camera2odom = read_pose(source.file('lidar', 'pose', frame.name))
    picture, size = read_picture(source.file('lidar', 'image_2', frame.name))
    counted: Counter[str] = Counter()
    lidar = kitti_form.read_lidar(source.file('lidar', 'velodyne', frame.name), counted)
    radar = read_radar(source.file('radar', 'velodyne', frame.name), counted)
    boxes = _boxes(source, kinds, frame, lidar2camera, lidar2ego, counted)
    return write_frame(out, RigFrame(
        name=frame.name, scene=frame.scene, splits=frame.splits, description=f'{frame.clip}, 10 Hz key frames.',
        log=dict(logfile=frame.clip, vehicle='vod', location='delft'),
        timestamp_us=_FIRST_TIMESTAMP + int(frame.name) * _FRAME_TIME, ego2global=camera2odom @ inverse(camera2ego),
        picture=picture, picture_suffix='jpg', picture_size=size, intrinsic=calibration['lidar'].intrinsic,
        lidar=lidar, radar=radar, camera2ego=camera2ego, lidar2ego=lidar2ego,
        radar2ego=camera2ego @ calibration['radar'].velo2camera, boxes=boxes, counted=counted))


def _boxes(source: VodSource, kinds: tuple[str, ...], frame: _Frame, lidar2camera: Matrix, lidar2ego: Matrix,
           counted: Counter[str]) -> list[RigBox]:
    """Annotations that fit a category; counts the others."""
    path, boxes, seen = source.labels(frame.name), [], set()
    if not path.is_file():  # of the test split, see _files
        counted['frames without labels'] += 1
        return []
    for number, label in enumerate(kitti_form.read_labels(path)):
        if label.kind not in kinds:
            counted[f'left out: {label.kind}'] += 1
            continue
        track = f'{label.kind}/{label.truncated}' if source.tracks else f'{frame.name}/{number}'
        if track in seen:
            counted['boxes whose track id comes twice in a frame (velocity unknown)'] += 1
            track = f'{frame.name}/{number}'
        seen.add(track)
        boxes.append(RigBox(
            category=CATEGORIES[label.kind], key=f'{frame.scene}/{track}', extent=label.extent,
            box2ego=lidar2ego @ kitti_form.box_pose(label, lidar2camera, upright='velo'),
            visibility=kitti_form.VISIBILITY.get(label.occluded, 1), attribute=ATTRIBUTES.get(label.kind, '')))
    return boxes
