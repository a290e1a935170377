"""A spinning LiDAR of 32 rings that also measures how much light comes back."""

import numpy as np

from perception_kd.simulation.poses import rotate
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.lidar.artefacts import bloom, drops, mix_edges
from perception_kd.simulation.sensors.lidar.optics import detection, illuminate
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot

RINGS = 32
LOWEST, HIGHEST = -30.67, 10.67
"""Elevation of ring 0 and ring 31 in degrees."""
_RANGE_NOISE = 0.02


def scan(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """One turn: (N, 5) float32 x, y, z in m (LiDAR frame), intensity 0..255, ring."""
    rays, ring = _beams(preset.lidar_azimuths, rng)
    to_world = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego
    directions = rotate(rays, to_world[:3, :3]).astype(np.float32)
    returns = illuminate(snapshot, to_world[:3, 3], directions, preset.lidar_range, rng)
    returns.found &= rng.random(len(rays)) < detection(returns)
    returns.distance += rng.normal(0, _RANGE_NOISE, len(rays))
    turn = returns.in_columns(RINGS)
    bloom(turn, rng)
    mix_edges(turn, rng)
    drops(turn, snapshot.world.light.rain, rng)
    kept = np.flatnonzero(returns.found)
    points = rays[kept] * returns.distance[kept, None]
    return np.column_stack([points, returns.intensity[kept], ring[kept]]).astype(np.float32)


def _beams(azimuths: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (N, 3) in the LiDAR frame and ring numbers (N,); a turn begins anywhere."""
    elevation = np.deg2rad(np.linspace(LOWEST, HIGHEST, RINGS))
    azimuth = 2 * np.pi * (np.arange(azimuths) + rng.random()) / azimuths
    azimuth, elevation = np.meshgrid(azimuth, elevation, indexing='ij')
    rays = np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)], -1
    )
    return rays.reshape(-1, 3), np.tile(np.arange(RINGS), azimuths)
