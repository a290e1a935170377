"""An automotive radar: few, noisy returns with cross-section and radial velocity, without elevation."""

from dataclasses import dataclass

import numpy as np

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.simulation.poses import dot, rotate
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import SCENERY

MAX_RETURNS = 125
_HALF_FIELD = np.deg2rad(60.0)
_AZIMUTHS, _ELEVATIONS = 361, np.deg2rad(np.linspace(-6, 8, 8))
_RANGE_CELL, _AZIMUTH_CELL = 0.8, np.deg2rad(2.5)
_POSITION_STEP, _VELOCITY_STEP, _RCS_STEP = 0.2, 0.25, 0.5
_RANGE_NOISE, _AZIMUTH_NOISE, _SPEED_NOISE = 0.12, np.deg2rad(0.5), 0.08
_MOVING = 0.5
"""Speeds below are stationary to a radar (m/s)."""


@dataclass
class Echoes:
    """Echoes (N,) in the radar frame: range in m, azimuth in rad, power, RCS in dBsm, owner, and the speed
    along the ray over ground and relative to the radar in m/s."""

    range: np.ndarray
    azimuth: np.ndarray
    rcs: np.ndarray
    owner: np.ndarray
    speed: np.ndarray
    relative: np.ndarray

    def chosen(self, index: np.ndarray) -> 'Echoes':
        """Some of them."""
        return Echoes(*(getattr(self, name)[index] for name in self.__dataclass_fields__))


def sweep(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """One measurement: (18, N) in the order of ``RADAR_FIELDS``, N <= 125, radar frame, z = 0."""
    echoes = _echoes(snapshot, mount, preset, rng)
    chance = _detection(echoes)
    order = np.argsort(-echoes.rcs, kind='stable')
    kept = order[(rng.random(len(order)) < chance[order])][: MAX_RETURNS - 2]
    return _report(echoes.chosen(np.sort(kept)), preset, rng)


def _echoes(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> Echoes:
    """Rays gathered in cells of range and azimuth, one echo for each cell and owner."""
    rays, azimuth = _beams()
    to_world = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego
    directions = rotate(rays, to_world[:3, :3]).astype(np.float32)
    hits = snapshot.cast(to_world[:3, 3], directions)
    strength = np.where(hits.found, snapshot.surfaces.radar[hits.triangle], 0)
    index = np.flatnonzero((strength > 0) & (hits.distance < preset.radar_range) & (hits.distance > 0.5))
    hits, azimuth, strength = hits.chosen(index), azimuth[index], strength[index]
    owner = snapshot.owner(hits)
    slant = np.abs(dot(snapshot.normals[hits.triangle], directions[index]))
    ground_range = hits.distance * np.linalg.norm(rays[index, :2], axis=1)
    cell = (owner * 1000 + np.floor(ground_range / _RANGE_CELL)) * 1000 + np.floor(azimuth / _AZIMUTH_CELL)
    _, first, group = np.unique(cell, return_index=True, return_inverse=True)
    # Power that a cell sends back: the solid angle of its rays times their distance squared is its area.
    area = (hits.distance * 2 * _HALF_FIELD / _AZIMUTHS) * (hits.distance * np.deg2rad(2.0))
    weight = strength * (0.15 + 0.85 * slant**2) * area
    power = np.bincount(group, weight)
    mean = [np.bincount(group, weight * value) / np.maximum(power, 1e-9) for value in (ground_range, azimuth)]
    rcs = 10 * np.log10(np.maximum(power, 1e-6)) + 6 + rng.normal(0, 3.0, len(power))
    speed, relative = _radial_speed(snapshot, mount, owner[first], mean[1])
    return Echoes(mean[0], mean[1], rcs, owner[first], speed, relative)


def _beams() -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (N, 3) in the radar frame and azimuths (N,)."""
    azimuth, elevation = np.meshgrid(
        np.linspace(-_HALF_FIELD, _HALF_FIELD, _AZIMUTHS), _ELEVATIONS, indexing='ij'
    )
    rays = np.stack(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], -1
    )
    return rays.reshape(-1, 3), azimuth.ravel()


def _radial_speed(
    snapshot: Snapshot, mount: Mount, owner: np.ndarray, azimuth: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Speed (N,) along each ray over ground, and relative to the moving radar."""
    world, time = snapshot.world, snapshot.time
    pose = world.ego_pose(time)
    to_world = pose @ mount.to_ego
    rays = rotate(np.stack([np.cos(azimuth), np.sin(azimuth), 0 * azimuth], 1), to_world[:3, :3])
    velocities = np.array([[0.0, 0, 0], *(actor.track.velocity(time) for actor in world.actors)])
    over_ground = dot(rays, velocities[owner - SCENERY])
    ego, yaw_rate = world.ego_velocity(time)
    arm = to_world[:3, 3] - pose[:3, 3]
    own = ego + yaw_rate * np.array([-arm[1], arm[0], 0])
    return over_ground, over_ground - dot(rays, own)


def _detection(echoes: Echoes) -> np.ndarray:
    """Chance (N,) of an echo to be reported: strong and near ones more likely, scenery much less so."""
    margin = echoes.rcs + 18 - 20 * np.log10(np.maximum(echoes.range, 4) / 10)
    chance = 1 / (1 + np.exp(-margin / 3))
    return chance * np.where(echoes.owner == SCENERY, 0.22, 0.85)


def _report(echoes: Echoes, preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """Noise, quantisation and the states that a radar adds; one or two false alarms."""
    false = _false_alarms(preset, rng)
    count, ghosts = len(echoes.range), len(false)
    distance = np.concatenate([echoes.range + rng.normal(0, _RANGE_NOISE, count), false[:, 0]])
    azimuth = np.concatenate([echoes.azimuth + rng.normal(0, _AZIMUTH_NOISE, count), false[:, 1]])
    noise = rng.normal(0, _SPEED_NOISE, count)
    speed = np.concatenate([echoes.speed + noise, false[:, 2]])
    relative = np.concatenate([echoes.relative + noise, false[:, 2] + rng.normal(0, 2, ghosts)])
    ray = np.stack([np.cos(azimuth), np.sin(azimuth)])
    ghost = np.arange(count + ghosts) >= count
    columns = dict.fromkeys(RADAR_FIELDS, np.zeros(count + ghosts))
    columns['x'], columns['y'] = np.round(distance * ray / _POSITION_STEP) * _POSITION_STEP
    columns['vx'], columns['vy'] = np.round(relative * ray / _VELOCITY_STEP) * _VELOCITY_STEP
    columns['vx_comp'], columns['vy_comp'] = speed * ray
    rcs = np.concatenate([echoes.rcs, rng.uniform(-10, 5, ghosts)])
    columns['rcs'] = np.clip(np.round(rcs / _RCS_STEP) * _RCS_STEP, -20, 50)
    columns['dyn_prop'] = _dynamic_property(speed, relative, rng)
    columns['id'] = np.arange(count + ghosts)
    columns['is_quality_valid'] = np.ones(count + ghosts)
    columns['ambig_state'] = np.where(rng.random(count + ghosts) < 0.04, 1, 3)
    columns['invalid_state'] = np.where(ghost, 12, np.where(rng.random(count + ghosts) < 0.04, 4, 0))
    columns['pdh0'] = np.where(
        ghost, rng.integers(3, 6, count + ghosts), rng.choice([1, 2], count + ghosts, p=[0.9, 0.1])
    )
    for name, level in (('x_rms', 19), ('y_rms', 19), ('vx_rms', 3), ('vy_rms', 3)):
        columns[name] = np.full(count + ghosts, level)
    return np.stack([columns[name] for name in RADAR_FIELDS])


def _false_alarms(preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """(0..2, 3): range, azimuth, speed of echoes that nothing caused."""
    count = int(rng.integers(3))
    low, high = np.array([3, -_HALF_FIELD, -4.0]), np.array([0.6 * preset.radar_range, _HALF_FIELD, 4.0])
    return rng.uniform(low, high, (count, 3))


def _dynamic_property(speed: np.ndarray, relative: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """nuScenes dyn_prop (N,): 0 moving, 1 stationary, 2 oncoming, 3 perhaps stationary, 6 crossing moving."""
    state = np.where(np.abs(speed) < _MOVING, np.where(rng.random(len(speed)) < 0.1, 3, 1), 0)
    return np.where((state == 0) & (relative < -_MOVING) & (speed < -_MOVING), 2, state)
