"""Samples of a folder of one's own: ``calib.yaml``, pictures, radar point clouds, and what else there is.

docs/inference.md describes the layout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, LIDAR_FEATURES, RADAR_FEATURES
from perception_kd.datasets.nuscenes.poses import Matrix, inverse
from perception_kd.datasets.nuscenes.stamp import make_stamp
from perception_kd.datasets.pictures import read_image
from perception_kd.files import write_bytes
from perception_kd.inference.calibration import STAMPS, Camera, Rig, read_rig
from perception_kd.inference.moments import Measurement, Moment, find_moments, stem
from perception_kd.inference.point_files import write_lidar, write_radar
from perception_kd.inference.samples import Samples, choose
from perception_kd.inference.trajectory import POSE_FILE, Trajectory, read_trajectory

AXES = 'x forward, y left, z up; m, m/s'
_JPEG_QUALITY = 95


def samples_of_folder(folder: str | Path, *, prepared: Path, chosen: Sequence[str] = (), back: int = 0,
                      echo: Callable[[str], None] = print) -> Samples:
    """Moments of a folder, as infos in the form of ``datasets.nuscenes.infos``.

    Without ``poses.csv`` the vehicle's motion is not known: every moment is then a scene of its own, without sweeps and
    past frames, and its sensors are taken to have measured at one time.

    Args:
        folder: Its place.
        prepared: Folder for what cannot be read as it is: pictures are undistorted, point clouds written as nuScenes
            has them.
        chosen: Names of moments, or positions; none: all.
        back: How many moments before a chosen one may be its past frames.
        echo: Told of radars that some moments have no file of.

    Raises:
        FileNotFoundError, ValueError: ``calib.yaml``, a name or a file is wrong, in one line.
    """
    rig = read_rig(folder)
    trajectory = read_trajectory(folder, STAMPS[rig.stamps]) if rig.stamps else None
    if trajectory is None and (Path(folder) / POSE_FILE).exists():
        raise ValueError(f'{rig.path}: {POSE_FILE} is there, so file names must be time stamps: add stamps: '
                         f'{" or ".join(STAMPS)}')
    moments = find_moments(rig, sweeps=trajectory is not None)
    rows = choose(chosen, [moment.name for moment in moments], {}, rig.path)
    _tell_of_gaps(rig, [moments[row] for row in rows], echo)
    read = sorted({row for last in rows for row in range(max(last - back, 0), last + 1)})
    maker = _InfoMaker(rig, trajectory, prepared)
    infos = [maker.info(moments[row]) for row in read]
    return Samples(source=rig.path, root=Path(folder), infos=infos, chosen=[read.index(row) for row in rows],
                   stamp=make_stamp(version='own', split='own'),
                   scenes={info['scene_token']: Path(folder).resolve().name for info in infos},
                   frame={'name': 'vehicle', 'axes': AXES, 'origin': rig.origin},
                   lidar_known=rig.lidar is not None, timed=bool(rig.stamps))


def _tell_of_gaps(rig: Rig, moments: Sequence[Moment], echo: Callable[[str], None]) -> None:
    for radar in rig.radars:
        without = [moment.name for moment in moments if radar not in moment.files]
        if without:
            echo(f'{rig.path.parent}: {radar} has no file for {len(without)} of {len(moments)} samples ({without[0]}'
                 f'{", ..." * (len(without) > 1)}); they are predicted without it')


@dataclass(frozen=True)
class _InfoMaker:
    rig: Rig
    trajectory: Trajectory | None
    prepared: Path
    written: dict[Path, Path] = field(default_factory=dict)  # a radar's file is a sweep of many moments

    def info(self, moment: Moment) -> dict[str, Any]:
        """Key frame of a moment."""
        lidar2ego = np.eye(4) if self.rig.lidar is None else self.rig.lidar.to_vehicle
        ego2global = self._pose(moment.time)
        lidar2global = ego2global @ lidar2ego
        points = {'num_pts_feats': LIDAR_FEATURES, 'lidar2ego': lidar2ego.tolist()}
        if LIDAR_CHANNEL in moment.files:
            points['lidar_path'] = str(self._lidar(moment.files[LIDAR_CHANNEL]))
        cameras = [(name, moment.files[name]) for name in self.rig.cameras]
        radars = [(name, moment.files[name]) for name in self.rig.radars if name in moment.files]
        return {
            'token': moment.name, 'timestamp': moment.time or 0.0, 'ego2global': ego2global.tolist(),
            'scene_token': 'drive' if self.trajectory else moment.name, 'lidar_points': points, 'lidar_sweeps': [],
            'images': {name: self._image(name, file, lidar2global) for name, file in cameras},
            'radar_points': {name: {**self._radar(name, file, moment, lidar2global), 'num_pts_feats': RADAR_FEATURES,
                                    'radar2ego': self.rig.radars[name].to_vehicle.tolist(),
                                    'sweeps': [self._radar(name, sweep, moment, lidar2global)
                                               for sweep in moment.sweeps.get(name, ())
                                               if self.trajectory.covers(sweep.time)]} for name, file in radars},
        }

    def _pose(self, time: float | None) -> Matrix:
        return np.eye(4) if self.trajectory is None else self.trajectory.pose(time)

    def _image(self, name: str, file: Measurement, lidar2global: Matrix) -> dict[str, Any]:
        camera = self.rig.cameras[name]
        _check_size(file.path, camera)
        path = file.path
        if camera.distortion:
            path = undistort(path, self.prepared / name / f'{stem(path)}.jpg', camera)
        cam2global = self._pose(file.time) @ camera.to_vehicle
        return {'img_path': str(path.absolute()), 'height': camera.size[1], 'width': camera.size[0],
                'cam2img': camera.intrinsics.tolist(), 'timestamp': file.time or 0.0,
                'cam2ego': camera.to_vehicle.tolist(), 'lidar2cam': (inverse(cam2global) @ lidar2global).tolist()}

    def _radar(self, name: str, file: Measurement, moment: Moment, lidar2global: Matrix) -> dict[str, Any]:
        radar = self.rig.radars[name]
        if file.path not in self.written:
            motion = None if self.trajectory is None else self.trajectory.velocity(file.time, radar.to_vehicle)
            self.written[file.path] = write_radar(file.path, self.prepared / name / f'{stem(file.path)}.pcd', radar,
                                                  motion)
        path = self.written[file.path]
        radar2global = self._pose(file.time) @ radar.to_vehicle
        return {'radar_path': str(path.absolute()), 'timestamp': file.time or 0.0,
                'radar2lidar': (inverse(lidar2global) @ radar2global).tolist()}

    def _lidar(self, file: Measurement) -> Path:
        path = self.prepared / LIDAR_CHANNEL / f'{stem(file.path)}.pcd.bin'
        return write_lidar(file.path, path, self.rig.lidar).absolute()


def _check_size(path: Path, camera: Camera) -> None:
    try:
        with Image.open(path) as picture:
            size = picture.size
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path}: no picture that can be read ({error})') from None
    if size != camera.size:
        raise ValueError(f'{path}: the picture has {size[0]} x {size[1]} pixels, calib.yaml says {camera.size[0]} x '
                         f'{camera.size[1]}; intrinsics are of one size: scale fx, fy, cx, cy with it')


def undistort(path: Path, out: Path, camera: Camera) -> Path:
    """Write a picture as a camera without distortion, of the same intrinsics and size, would have taken it."""
    image, coefficients = read_image(path, to_rgb=False), np.array(camera.coefficients)
    if camera.distortion == 'fisheye':
        image = cv2.fisheye.undistortImage(image, camera.intrinsics, coefficients, Knew=camera.intrinsics)
    else:
        image = cv2.undistort(image, camera.intrinsics, coefficients)
    write_bytes(out, cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes())
    return out
