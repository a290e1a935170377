"""Key frames of a nuScenes-format root as a folder of the form that ``samples_of_folder`` reads: an example to look at.

Pictures and point clouds are copied as they are; what the tables say goes into ``calib.yaml``, ``poses.csv`` and names.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from rich.console import Console
from rich.progress import track

from perception_kd.datasets.convert.rig_frame import quaternion_of
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, resolve_path
from perception_kd.datasets.nuscenes.poses import Matrix, inverse
from perception_kd.files import atomic_path, check_folder_target, write_bytes
from perception_kd.inference.calibration import CALIBRATION_FILE, STAMPS
from perception_kd.inference.moments import TIMES_FILE
from perception_kd.inference.root import samples_of_root
from perception_kd.inference.trajectory import POSE_COLUMNS, POSE_FILE

_STAMP = 'microseconds'
_HEAD = """# Sensors of the vehicle; docs/inference.md describes every entry.
# Vehicle frame: x forward, y left, z up, in m. to_vehicle: sensor -> vehicle, rotation as a quaternion w, x, y, z.
"""
_ORIGIN = 'that of the ego frame of the data set: for nuScenes on the ground under the middle of the rear axle'
_TOLERANCE, _DECIMALS = 1e-6, 12


def write_folder(root: str | Path, out: str | Path, *, version: str | None = None, samples: Sequence[str] = (),
                 lidar: bool = True, force: bool = False, echo: Callable[[str], None] = print) -> Path:
    """Write key frames of one scene, or of several whose sensors all measured at once (each is then without a time).

    Args:
        root, version, samples: See ``samples_of_root``.
        out: New folder.
        lidar: Copy LiDAR sweeps too; where the LiDAR sits is told either way.
        force: Replace a folder that is there.
        echo: Told of sensor files that are not there.

    Returns:
        The ``calib.yaml``.

    Raises:
        FileExistsError: the folder is there and not empty, or holds the root.
        ValueError: key frames of several scenes at several times each, or with several calibrations.
    """
    out = Path(out)
    check_folder_target(out)
    if Path(root).resolve().is_relative_to(out.resolve()):
        raise FileExistsError(f'{out} holds the root {root} itself; choose another folder')
    if not force and out.exists() and any(out.iterdir()):
        raise FileExistsError(f'{out} exists and is not empty; choose another folder or use --force')
    chosen = samples_of_root(root, version=version, chosen=samples, echo=echo)
    frames = chosen.frames
    stamped = len({info['scene_token'] for info in frames}) == 1
    _check_together(frames, stamped)
    if out.exists():
        shutil.rmtree(out)
    poses: dict[int, Matrix] = {}
    for info in track(frames, 'key frames', console=Console(stderr=True)):
        for sensor, path, time, pose in _measurements(info):
            poses[_micro(time)] = pose
            source = resolve_path(chosen.root, sensor, path)
            if lidar or sensor != LIDAR_CHANNEL:
                _copy(source, out / sensor, _micro(time) if stamped else Path(info['lidar_points']['lidar_path']).name)
        poses[_micro(info['timestamp'])] = np.array(info['ego2global'], np.float64)
    if stamped:
        _write_times(out, frames, poses)
    text = yaml.safe_dump(_calibration(frames[0], stamped, lidar), default_flow_style=None, sort_keys=False, width=120)
    write_bytes(out / CALIBRATION_FILE, (_HEAD + text).encode())
    return out / CALIBRATION_FILE


def _measurements(info: Mapping[str, Any]) -> Iterator[tuple[str, str, float, Matrix]]:
    """Sensor, path, time (s) and the vehicle's pose at that time (4, 4) of every file of a key frame."""
    ego2global = np.array(info['ego2global'], np.float64)
    lidar2global = ego2global @ info['lidar_points']['lidar2ego']
    yield LIDAR_CHANNEL, info['lidar_points']['lidar_path'], info['timestamp'], ego2global
    for name, image in info['images'].items():
        cam2global = lidar2global @ inverse(np.array(image['lidar2cam']))
        yield name, image['img_path'], image['timestamp'], cam2global @ inverse(np.array(image['cam2ego']))
    for name, radar in info['radar_points'].items():
        for sweep in (radar, *radar['sweeps']):
            pose = lidar2global @ sweep['radar2lidar'] @ inverse(np.array(radar['radar2ego']))
            yield name, sweep['radar_path'], sweep['timestamp'], pose


def _copy(source: Path, folder: Path, name: int | str) -> None:
    ending = '.pcd.bin' if source.name.endswith('.pcd.bin') else source.suffix
    target = folder / f'{str(name).split(".")[0]}{ending}'
    if not target.exists():
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)


def _write_times(out: Path, frames: Sequence[Mapping[str, Any]], poses: Mapping[int, Matrix]) -> None:
    times = ''.join(f'{_micro(info["timestamp"])}\n' for info in frames)
    write_bytes(out / TIMES_FILE, times.encode())
    rows = [','.join(POSE_COLUMNS)]
    for time, pose in sorted(poses.items()):
        rows.append(','.join(map(repr, [time, *_numbers(pose[:3, 3]), *_numbers(_quaternion(pose))])))
    write_bytes(out / POSE_FILE, ('\n'.join(rows) + '\n').encode())


def _calibration(info: Mapping[str, Any], stamped: bool, lidar: bool) -> dict[str, Any]:
    content: dict[str, Any] = {'origin': _ORIGIN}
    if stamped:
        content['stamps'] = _STAMP
    content['cameras'] = {name: {
        'files': f'{name}/*', 'size': [image['width'], image['height']],
        'intrinsics': _numbers(np.array(image['cam2img'])[:3, :3]), 'to_vehicle': _pose(image['cam2ego']),
    } for name, image in info['images'].items()}
    content['radars'] = {name: {'files': f'{name}/*', 'to_vehicle': _pose(radar['radar2ego'])}
                         for name, radar in info['radar_points'].items()}
    files = {'files': f'{LIDAR_CHANNEL}/*'} if lidar else {}
    content['lidar'] = {**files, 'to_vehicle': _pose(info['lidar_points']['lidar2ego'])}
    return content


def _pose(motion: Any) -> dict[str, list[float]]:
    motion = np.array(motion, np.float64)
    return {'translation': _numbers(motion[:3, 3]), 'rotation': _numbers(_quaternion(motion))}


def _quaternion(motion: Matrix) -> np.ndarray:
    """Of the two that mean a rotation, the one with w of 0 or more."""
    quaternion = quaternion_of(motion)
    return -quaternion if quaternion[0] < 0 else quaternion


def _numbers(values: np.ndarray) -> list:
    """Without the noise of float64, for people to read."""
    return (values.round(_DECIMALS) + 0.0).tolist()


def _micro(time: float) -> int:
    return round(time * STAMPS[_STAMP])


def _check_together(frames: Sequence[Mapping[str, Any]], stamped: bool) -> None:
    """See that one ``calib.yaml`` can say what holds for all frames."""
    for info in frames:
        if any(not _alike(one, other) for one, other in zip(_rig(info), _rig(frames[0]), strict=False)) \
                or len(_rig(info)) != len(_rig(frames[0])):
            raise ValueError(f'key frames {frames[0]["token"]} and {info["token"]} have sensors that differ in number '
                             'or calibration; choose frames of one scene')
        times = {_micro(time) for *_, time, _ in _measurements(info)}
        if not stamped and len(times) > 1:
            raise ValueError(f'the key frames are of several scenes, and the sensors of {info["token"]} measured at '
                             f'{len(times)} times; choose frames of one scene')


def _rig(info: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(LIDAR_CHANNEL, info['lidar_points']['lidar2ego']),
            *((name, image[key]) for name, image in info['images'].items() for key in ('cam2ego', 'cam2img')),
            *((name, radar['radar2ego']) for name, radar in info['radar_points'].items())]


def _alike(one: tuple[str, Any], other: tuple[str, Any]) -> bool:
    return one[0] == other[0] and np.allclose(one[1], other[1], rtol=0, atol=_TOLERANCE)
