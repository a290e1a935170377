"""One sample with everything that a picture of it needs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, read_lidar_bin, read_radar_pcd
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, resolve_path
from perception_kd.datasets.nuscenes.poses import move
from perception_kd.datasets.pictures import read_image
from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.boxes import Boxes, boxes_of_instances

CAMERA_ORDER: tuple[str, ...] = (
    'CAM_FRONT_LEFT', 'CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_BACK_LEFT', 'CAM_BACK', 'CAM_BACK_RIGHT',
)  # fmt: skip


@dataclass(frozen=True)
class Camera:
    """One picture and how the LiDAR frame maps into it.

    Args:
        name: Channel.
        path: Image file.
        cam2img: (3, 3), pixels.
        lidar2cam: (4, 4), from the LiDAR frame of the key frame to the camera at its own exposure.
    """

    name: str
    path: Path
    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]

    def read(self) -> NDArray[np.uint8]:
        """The image, (H, W, 3) RGB.

        Raises:
            FileNotFoundError, ValueError: no such file, or one that is cut off or cannot be decoded.
        """
        return read_image(self.path)


@dataclass(frozen=True)
class RadarPoints:
    """Radar returns in the LiDAR frame of the key frame.

    Args:
        positions: (M, 3), m.
        velocities: (M, 2), m/s, directions of the LiDAR frame; never NaN.
        radial: (M,) m/s along the line from the sensor, positive away from it; never NaN.
        compensated: Whether the vehicle's own motion is taken out of the velocities.
    """

    positions: NDArray[np.float64]
    velocities: NDArray[np.float64]
    radial: NDArray[np.float64]
    compensated: bool = True

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class Frame:
    """One key frame, read.

    Args:
        token, scene: Names of the sample and of its scene ('' where the info does not say).
        timestamp: Seconds.
        lidar2ego, ego2global: (4, 4).
        cameras: In the order of ``CAMERA_ORDER``, others after it.
        lidar: (P, 5) x, y, z, intensity 0..255, ring; LiDAR frame; (0, 5) where there is none.
        radar: Returns of all radars, key frame only.
        truth: Annotated boxes.
        annotated: Whether the sample is annotated; else that there is no box means nothing.
    """

    token: str
    scene: str
    timestamp: float
    lidar2ego: NDArray[np.float64]
    ego2global: NDArray[np.float64]
    cameras: tuple[Camera, ...]
    lidar: NDArray[np.float32]
    radar: RadarPoints
    truth: Boxes
    annotated: bool = True

    @property
    def lidar2global(self) -> NDArray[np.float64]:
        """(4, 4)."""
        return self.ego2global @ self.lidar2ego

    @property
    def time_text(self) -> str:
        """Date and time (UTC) of a Unix time, else plain seconds."""
        if self.timestamp < 1e9:
            return f't = {self.timestamp:.2f} s'
        when = datetime.fromtimestamp(self.timestamp, timezone.utc)
        return when.strftime('%Y-%m-%d %H:%M:%S') + f'.{when.microsecond // 10000:02d} UTC'


def read_frame(
    info: Mapping[str, Any],
    root: str | Path,
    *,
    classes: Sequence[str] = NUSCENES_CLASSES,
    scene: str = '',
    lidar: bool = True,
) -> Frame:
    """Read the sensors of one info (mmdet3d's v2 schema with radar by channel).

    A rig without a LiDAR has no ``lidar_points``, or none with a ``lidar_path``; its LiDAR frame is that of
    ``lidar2ego``, the vehicle's own where that is missing too.

    Args:
        info: Entry of ``data_list``.
        root: Data root.
        classes: Class of each label.
        scene: Name of the scene for titles.
        lidar: Whether to read the LiDAR sweep.

    Raises:
        FileNotFoundError, ValueError: a sensor file is missing or broken; the message names it.
    """
    points = info.get('lidar_points') or {}
    lidar2ego = np.array(points.get('lidar2ego', np.eye(4)), np.float64)
    ego2global = np.array(info['ego2global'], np.float64)
    cloud = np.zeros((0, 5), np.float32)
    if lidar and points.get('lidar_path'):
        cloud = read_lidar_bin(resolve_path(root, LIDAR_CHANNEL, points['lidar_path']))
    return Frame(
        token=str(info['token']),
        scene=scene,
        timestamp=float(info['timestamp']),
        lidar2ego=lidar2ego,
        ego2global=ego2global,
        cameras=_cameras(info.get('images', {}), root),
        lidar=cloud,
        radar=_radar(info.get('radar_points') or {}, root),
        truth=boxes_of_instances(info.get('instances', ()), classes, ego2global @ lidar2ego),
        annotated='instances' in info,
    )


def _cameras(images: Mapping[str, Any], root: str | Path) -> tuple[Camera, ...]:
    known = [name for name in CAMERA_ORDER if name in images]
    return tuple(
        Camera(
            name,
            resolve_path(root, name, images[name]['img_path']),
            np.array(images[name]['cam2img'], np.float64)[:3, :3],
            np.array(images[name]['lidar2cam'], np.float64),
        )
        for name in known + sorted(set(images) - set(known))
    )


def _radar(channels: Mapping[str, Any], root: str | Path) -> RadarPoints:
    parts = [
        _radar_of(channel, entry, root)
        for channel, entry in sorted(channels.items())
        if isinstance(entry, Mapping) and entry.get('radar_path')
    ]
    if not parts:
        return RadarPoints(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0))
    positions, velocities, radial, known = zip(*parts)
    return RadarPoints(
        np.concatenate(positions), np.concatenate(velocities), np.concatenate(radial), any(known)
    )


def _radar_of(
    channel: str, entry: Mapping[str, Any], root: str | Path
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """One radar, filtered as the devkit does: positions, velocities, radial ones, compensated or not."""
    rows = read_radar_pcd(resolve_path(root, channel, entry['radar_path'])).astype(np.float64)
    column = {name: rows[:, index] for index, name in enumerate(RADAR_FIELDS)}
    usual = (column['invalid_state'] == 0) & (column['ambig_state'] == 3) & (column['dyn_prop'] < 7)
    known = _is_compensated(column)
    rows = rows[usual]
    motion = np.array(entry['radar2lidar'], np.float64)
    velocity = np.zeros((len(rows), 3))
    velocity[:, :2] = np.nan_to_num(rows[:, [RADAR_FIELDS.index('vx_comp'), RADAR_FIELDS.index('vy_comp')]])
    distance = np.maximum(np.linalg.norm(rows[:, :2], axis=1), 1e-6)
    radial = (velocity[:, :2] * rows[:, :2]).sum(1) / distance
    return move(motion, rows), (velocity @ motion[:3, :3].T)[:, :2], radial, known


def _is_compensated(column: Mapping[str, np.ndarray]) -> bool:
    """False for a sensor that knows no ego motion: all velocities raw, every state unknown (4)."""
    raw = np.array_equal(column['vx'], column['vx_comp']) and np.array_equal(column['vy'], column['vy_comp'])
    unknown = (column['dyn_prop'] == 4).all()
    return not (len(column['x']) and raw and unknown)
