"""One moment of a rig with one camera, one LiDAR and one radar, and its rows and files in the nuScenes format.

Every reader of other logs ends here: it says what was measured, where the sensors sit and what was annotated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.datasets.nuscenes.poses import Matrix, inverse, move
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.files import write_bytes

BOX_MARGIN = 0.1
"""Points up to this far outside a box (m) count as inside: radar is coarse, boxes are drawn tight."""


@dataclass(frozen=True)
class RigBox:
    """An annotated object.

    Args:
        category: nuScenes category.
        key: Tells objects of a scene apart; the same in all frames of a track.
        box2ego: (4, 4): origin at the centre, x forward, z up.
        extent: Length, width, height in m.
        visibility: nuScenes visibility level, 1 to 4.
        attribute: nuScenes attribute, empty where unknown.
    """

    category: str
    key: str
    box2ego: Matrix
    extent: tuple[float, float, float]
    visibility: int = 4
    attribute: str = ''


@dataclass(frozen=True)
class RigFrame:
    """A key frame: all that the format wants to know of it.

    Args:
        name: Of its files.
        scene: Name of its scene; frames of a scene follow each other.
        description: Of the scene.
        splits: Of the scene.
        log: Drive and vehicle: ``add_log``'s keywords.
        timestamp_us: Microseconds.
        ego2global: (4, 4).
        picture: The bytes of an image file that decodes.
        picture_suffix: ``jpg`` or ``png``.
        picture_size: Width and height in pixels.
        intrinsic: (3, 3).
        lidar: (P, 5): x, y, z in m in the LiDAR frame, intensity 0..255, ring.
        radar: Fields of :func:`~perception_kd.datasets.nuscenes.formats.write_radar_pcd`, x to z in the radar frame.
        camera2ego, lidar2ego, radar2ego: (4, 4).
        boxes: Annotated objects.
        counted: What the reader left out, for the report.
        count_lidar: Whether LiDAR points are counted in boxes; not where something else stands in for a LiDAR.
    """

    name: str
    scene: str
    description: str
    splits: Sequence[str]
    log: Mapping[str, str]
    timestamp_us: int
    ego2global: Matrix
    picture: bytes
    picture_suffix: str
    picture_size: tuple[int, int]
    intrinsic: Matrix
    lidar: np.ndarray
    radar: Mapping[str, np.ndarray]
    camera2ego: Matrix
    lidar2ego: Matrix
    radar2ego: Matrix
    boxes: Sequence[RigBox] = ()
    counted: Counter[str] = field(default_factory=Counter)
    count_lidar: bool = True


def write_frame(root: Path, frame: RigFrame) -> tuple[SceneRows, Counter[str]]:
    """Write the files of a frame below ``root``; returns its rows and what was counted."""
    rows = SceneRows()
    scene = rows.add_scene(name=frame.scene, split=frame.splits, log=rows.add_log(**frame.log),
                           location=frame.log.get('location', ''), description=frame.description)
    sample = rows.add_sample(scene=scene, timestamp_us=frame.timestamp_us)
    pose = rows.add_ego_pose(timestamp_us=frame.timestamp_us, translation=frame.ego2global[:3, 3],
                             rotation=quaternion_of(frame.ego2global))
    for channel, modality, sensor2ego, intrinsic, suffix in (
            ('CAM_FRONT', 'camera', frame.camera2ego, frame.intrinsic, frame.picture_suffix),
            ('LIDAR_TOP', 'lidar', frame.lidar2ego, (), 'pcd.bin'),
            ('RADAR_FRONT', 'radar', frame.radar2ego, (), 'pcd')):
        rows.add_sensor(channel=channel, modality=modality)
        calibration = rows.add_calibrated_sensor(channel=channel, translation=sensor2ego[:3, 3],
                                                 rotation=quaternion_of(sensor2ego), camera_intrinsic=intrinsic)
        file = f'samples/{channel}/{frame.name}.{suffix}'
        width, height = frame.picture_size if modality == 'camera' else (0, 0)
        rows.add_sample_data(sample=sample, channel=channel, calibrated_sensor=calibration, ego_pose=pose,
                             timestamp_us=frame.timestamp_us, filename=file, is_key_frame=True, width=width,
                             height=height)
        _write_measurement(root / file, modality, frame)
    return rows, _add_boxes(rows, frame, sample)


def _write_measurement(path: Path, modality: str, frame: RigFrame) -> None:
    if modality == 'camera':
        write_bytes(path, frame.picture)
    elif modality == 'lidar':
        write_lidar_bin(path, frame.lidar)
    else:
        write_radar_pcd(path, frame.radar)


def _add_boxes(rows: SceneRows, frame: RigFrame, sample: str) -> Counter[str]:
    """Annotations of a frame; returns what was counted."""
    counts = Counter(frame.counted)
    lidar = move(frame.lidar2ego, frame.lidar[:, :3].astype(np.float64))[:None if frame.count_lidar else 0]
    radar = move(frame.radar2ego, np.column_stack([frame.radar[axis] for axis in 'xyz']).astype(np.float64))
    for box in frame.boxes:
        held = [points_in_box(points, box.box2ego, box.extent) for points in (lidar, radar)]
        box2global = frame.ego2global @ box.box2ego
        length, width, height = box.extent
        rows.add_annotation(
            sample=sample, instance=rows.add_instance(category_name=box.category, key=box.key),
            translation=box2global[:3, 3], size=(width, length, height), rotation=quaternion_of(box2global),
            attribute_names=[box.attribute] if box.attribute else [], visibility_level=box.visibility,
            num_lidar_pts=held[0], num_radar_pts=held[1])
        counts[f'boxes: {box.category}'] += 1
        counts['boxes without LiDAR or radar points'] += not any(held)
    return counts


def points_in_box(points: np.ndarray, box2frame: Matrix, extent: tuple[float, float, float]) -> int:
    """How many of (N, 3) points lie in a box of ``extent`` (l, w, h), ``BOX_MARGIN`` included."""
    inside = np.abs(move(inverse(box2frame), points)) <= np.asarray(extent) / 2 + BOX_MARGIN
    return int(inside.all(axis=1).sum())


def along_sight(x: np.ndarray, y: np.ndarray, speed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radial speeds (N; m/s, away from the sensor positive) as vectors in its x-y plane, at full length.

    nuScenes radars tell no elevation; a 4D radar's is small, and what moves on a road moves in the plane.
    """
    distance = np.maximum(np.hypot(x, y), 1e-6)
    return speed * x / distance, speed * y / distance


def quaternion_of(motion: Matrix) -> np.ndarray:
    """Rotation (w, x, y, z) of a (4, 4) motion."""
    return Rotation.from_matrix(motion[:3, :3]).as_quat()[[3, 0, 1, 2]]


def motion_of(rotation: Rotation, translation: Sequence[float]) -> Matrix:
    """(4, 4) of a rotation and a translation (3)."""
    motion = np.eye(4)
    motion[:3, :3] = rotation.as_matrix()
    motion[:3, 3] = translation
    return motion
