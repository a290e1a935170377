"""One simulated scene as files and table rows of the nuScenes format; runs in a worker process."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.tables import SIMULATED_VEHICLE
from perception_kd.files import write_bytes
from perception_kd.simulation.poses import quaternion
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.recording import Instant, Recording, record, schedule
from perception_kd.simulation.sensors.camera import render
from perception_kd.simulation.sensors.rig import Mount, build_rig
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.town import Lot, allot, block_side, outline

_EPOCH_US = 1_600_000_000_000_000
_SCENE_US = 60_000_000
_JPEG_QUALITY = 92


@dataclass(frozen=True)
class SceneJob:
    """What a worker needs to know: root folder, preset, seed, scene number, split, stamp of the world."""

    root: Path
    preset: WorldPreset
    seed: int
    scene: int
    split: str
    stamp: str

    @property
    def name(self) -> str:
        """nuScenes style scene name."""
        return f'scene-{self.scene:04d}'


@dataclass
class SceneResult:
    """Rows of the tables, and the outline of the roadway on the map."""

    rows: SceneRows
    lot: Lot
    outline: np.ndarray


def simulate_scene(job: SceneJob) -> SceneResult:
    """Record, render and write one scene below ``job.root``."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        rig = build_rig(job.preset.image_size)
        recording = record(job.preset, rig, job.seed, job.scene)
        lot = allot(job.seed, job.scene, block_side(job.preset))
        rows = _SceneWriter(job, rig, recording, lot).write()
    finally:
        cv2.setNumThreads(threads)
    return SceneResult(rows, lot, outline(recording.world.plan.road, lot))


class _SceneWriter:
    """Writes the files of one scene and collects its rows."""

    def __init__(self, job: SceneJob, rig: list[Mount], recording: Recording, lot: Lot) -> None:
        self.job, self.rig, self.recording, self.lot = job, rig, recording, lot
        self.rows = SceneRows(salt=f'simulated-{job.preset.name}-{job.seed}')
        log = self.rows.add_log(
            logfile=job.stamp, vehicle=SIMULATED_VEHICLE, date_captured='2020-09-13', location='simulated-town'
        )
        self.scene = self.rows.add_scene(
            name=job.name,
            description=recording.world.description(),
            log=log,
            split=job.split,
            location='simulated-town',
        )
        self.calibrations = {mount.channel: self._calibrate(mount) for mount in rig}
        self.samples = [
            self.rows.add_sample(scene=self.scene, timestamp_us=self._clock(key * job.preset.key_interval))
            for key in range(job.preset.key_frames)
        ]

    def write(self) -> SceneRows:
        """All files and rows."""
        for instant, mount, points in self.recording.sweeps:
            writer = write_lidar_bin if mount.modality == 'lidar' else write_radar_pcd
            writer(self._register(instant, mount), points)
        for number, instant in enumerate(schedule(self.job.preset)):
            if 'camera' in instant.modalities:
                self._render(number, instant)
            if instant.is_key:
                self._annotate(instant)
        return self.rows

    def _render(self, number: int, instant: Instant) -> None:
        snapshot = Snapshot(world=self.recording.world, time=instant.time)
        for place, mount in enumerate(self.rig):
            if mount.modality == 'camera':
                rng = np.random.default_rng([self.job.seed, self.job.scene, 4, number, place])
                image = render(snapshot, mount, rng, self.job.preset.rolling_shutter)
                done, data = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])
                if not done:
                    raise RuntimeError(f'OpenCV could not encode an image of {mount.channel}')
                write_bytes(self._register(instant, mount), data.tobytes())

    def _annotate(self, instant: Instant) -> None:
        for truth in self.recording.truths[instant.key_frame]:
            actor = self.recording.world.actors[truth.actor]
            instance = self.rows.add_instance(
                category_name=actor.blueprint.category, key=f'{self.job.name}/{actor.key}'
            )
            length, width, height = truth.size
            half = (truth.yaw + self.lot.heading) / 2
            self.rows.add_annotation(
                sample=self.samples[instant.key_frame], instance=instance,
                translation=_moved(self.lot.to_global, truth.centre),
                size=(width, length, height), rotation=(np.cos(half), 0, 0, np.sin(half)),
                attribute_names=[name for name in [actor.attribute(instant.time)] if name],
                visibility_level=truth.visibility, num_lidar_pts=truth.lidar_points,
                num_radar_pts=truth.radar_points,
            )  # fmt: skip

    def _register(self, instant: Instant, mount: Mount) -> Path:
        """Rows of one measurement; returns the path of its file."""
        stamp = self._clock(instant.time)
        suffix = {'camera': '.jpg', 'lidar': '.pcd.bin', 'radar': '.pcd'}[mount.modality]
        folder = f'{"samples" if instant.is_key else "sweeps"}/{mount.channel}'
        filename = f'{folder}/{self.job.name}__{mount.channel}__{stamp}{suffix}'
        pose = self.lot.to_global @ self.recording.world.ego_pose(instant.time)
        ego = self.rows.add_ego_pose(
            timestamp_us=stamp, translation=pose[:3, 3], rotation=quaternion(pose[:3, :3]), scene=self.scene
        )
        self.rows.add_sample_data(
            sample=self.samples[instant.key_frame], channel=mount.channel, ego_pose=ego, timestamp_us=stamp,
            calibrated_sensor=self.calibrations[mount.channel], filename=filename,
            is_key_frame=instant.is_key, width=mount.size[0], height=mount.size[1])  # fmt: skip
        return self.job.root / filename

    def _calibrate(self, mount: Mount) -> str:
        self.rows.add_sensor(channel=mount.channel, modality=mount.modality)
        return self.rows.add_calibrated_sensor(
            channel=mount.channel, translation=mount.to_ego[:3, 3], rotation=quaternion(mount.to_ego[:3, :3]),
            camera_intrinsic=mount.intrinsic if mount.modality == 'camera' else ())  # fmt: skip

    def _clock(self, time: float) -> int:
        return _EPOCH_US + self.job.scene * _SCENE_US + round(time * 1e6)


def _moved(matrix: np.ndarray, point: np.ndarray) -> np.ndarray:
    return matrix[:3, :3] @ point + matrix[:3, 3]
