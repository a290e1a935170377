"""Drives the ego vehicle through a world and records what LiDAR and radars measure at each instant."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.annotate import Truth, annotate
from perception_kd.simulation.poses import rotate
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors import lidar, radar
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World, build_world

# A scene must show each class this often within this distance, with this many LiDAR points (else another
# street is drawn): near enough for every class range of the devkit and for the demo's small grid.
_LEAST_BOXES, _LEAST_POINTS, _NEAR = 3, 4, 25.0
_ATTEMPTS = 12


@dataclass(frozen=True)
class Instant:
    """When something is measured: seconds after the first key frame, and the key frame that it belongs to."""

    time: float
    key_frame: int
    is_key: bool
    modalities: frozenset[str]


@dataclass
class Recording:
    """A scene without its pictures.

    Args:
        world: The street.
        sweeps: (instant, mount, points): LiDAR (N, 5), radar (18, N); those of key frames first.
        truths: Boxes of each key frame.
    """

    world: World
    sweeps: list[tuple[Instant, Mount, np.ndarray]]
    truths: list[list[Truth]]


def schedule(preset: WorldPreset) -> list[Instant]:
    """All instants of a scene in time order.

    Each sensor measures at the key frames and, evenly spaced between two of them, as often as its rate asks on
    average. Sweeps belong to the key frame that they lead up to; those of the first one come before time 0.
    """
    modalities: dict[tuple[int, float], set[str]] = {}
    rates = {'camera': preset.camera_rate, 'lidar': preset.lidar_rate, 'radar': preset.radar_rate}
    for key in range(preset.key_frames):
        for modality, rate in rates.items():
            steps = max(1, _measured(key, preset, rate) - _measured(key - 1, preset, rate))
            for back in range(steps):
                time = round((key - back / steps) * preset.key_interval, 6)
                modalities.setdefault((key, time), set()).add(modality)
    instants = [
        Instant(time, key, time == round(key * preset.key_interval, 6), frozenset(names))
        for (key, time), names in modalities.items()
    ]
    return sorted(instants, key=lambda instant: instant.time)


def _measured(key: int, preset: WorldPreset, rate: float) -> int:
    """Measurements from time 0 up to a key frame."""
    return int(np.floor(key * preset.key_interval * rate + 0.5))


def record(preset: WorldPreset, rig: list[Mount], seed: int, scene: int) -> Recording:
    """Record the first street of this scene that shows every class.

    Raises:
        RuntimeError: none of a dozen streets does; the preset asks for too little.
    """
    missing: list[str] = []
    for attempt in range(_ATTEMPTS):
        try:
            world = build_world(preset, seed, scene, attempt)
        except RuntimeError as error:
            missing = [str(error)]
            continue
        recording = _measure_key_frames(world, preset, rig, [seed, scene])
        missing = _missing_classes(recording, preset)
        if not missing:
            _measure_between(recording, preset, rig, [seed, scene])
            return recording
    raise RuntimeError(f'scene {scene} of seed {seed}: no street shows every class: {", ".join(missing)}')


def _measure_key_frames(world: World, preset: WorldPreset, rig: list[Mount], seed: list[int]) -> Recording:
    recording = Recording(world, [], [])
    for number, instant in enumerate(schedule(preset)):
        if instant.is_key:
            snapshot = Snapshot(world=world, time=instant.time)
            taken = _measure(snapshot, preset, rig, [*seed, 2, number], instant)
            points = in_world(taken, snapshot, 'lidar'), in_world(taken, snapshot, 'radar')[:, :2]
            recording.truths.append(annotate(snapshot, rig, *points, preset.annotation_radius))
            recording.sweeps += taken
    return recording


def _measure_between(recording: Recording, preset: WorldPreset, rig: list[Mount], seed: list[int]) -> None:
    for number, instant in enumerate(schedule(preset)):
        if not instant.is_key and instant.modalities != {'camera'}:
            snapshot = Snapshot(world=recording.world, time=instant.time)
            recording.sweeps += _measure(snapshot, preset, rig, [*seed, 2, number], instant)


def _measure(
    snapshot: Snapshot, preset: WorldPreset, rig: list[Mount], seed: list[int], instant: Instant
) -> list[tuple[Instant, Mount, np.ndarray]]:
    taken = []
    for place, mount in enumerate(rig):
        rng = np.random.default_rng([*seed, place])
        if mount.modality == 'lidar' and 'lidar' in instant.modalities:
            taken.append((instant, mount, lidar.scan(snapshot, mount, preset, rng)))
        elif mount.modality == 'radar' and 'radar' in instant.modalities:
            taken.append((instant, mount, radar.sweep(snapshot, mount, preset, rng)))
    return taken


def in_world(taken: list[tuple[Instant, Mount, np.ndarray]], snapshot: Snapshot, modality: str) -> np.ndarray:
    """Points (N, 3) of all sensors of a modality, world frame, as precise as the files hold them."""
    ego, clouds = snapshot.world.ego_pose(snapshot.time), [np.zeros((0, 3))]
    for _, mount, points in taken:
        if mount.modality == modality:
            local = points[:, :3] if modality == 'lidar' else points[:3].T
            to_world = ego @ mount.to_ego
            clouds.append(rotate(local.astype(np.float32).astype(float), to_world[:3, :3]) + to_world[:3, 3])
    return np.concatenate(clouds)


def _missing_classes(recording: Recording, preset: WorldPreset) -> list[str]:
    """Classes that are asked for but not shown well enough."""
    shown = Counter(
        recording.world.actors[truth.actor].blueprint.name
        for truths in recording.truths for truth in truths
        if truth.distance < _NEAR and truth.lidar_points >= _LEAST_POINTS
    )  # fmt: skip
    return [name for name, count in preset.counts.items() if count and shown[name] < _LEAST_BOXES]
