"""A spinning LiDAR of 32 rings that also measures how much light comes back."""

import numpy as np

from perception_kd.simulation.poses import dot, rotate
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.textures import paint

RINGS = 32
LOWEST, HIGHEST = -30.67, 10.67
"""Elevation of ring 0 and ring 31 in degrees."""
_RANGE_NOISE = 0.02
_BEAM_ANGLE = 0.003


def scan(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """One turn: (N, 5) float32 x, y, z in m (LiDAR frame), intensity 0..255, ring."""
    rays, ring = _beams(preset.lidar_azimuths, rng)
    to_world = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego
    directions = rotate(rays, to_world[:3, :3]).astype(np.float32)
    hits = snapshot.cast(to_world[:3, 3], directions)
    index = np.flatnonzero(hits.found & (hits.distance < preset.lidar_range))
    hits = hits.chosen(index)
    slant = np.abs(dot(snapshot.normals[hits.triangle], directions[index]))
    footprint = hits.distance * _BEAM_ANGLE / np.maximum(slant, 0.05)
    _, reflectivity = paint(snapshot, hits, footprint)
    intensity = _returned(reflectivity, slant, hits.distance, rng)
    kept = rng.random(len(index)) < _detection(intensity, hits.distance, preset.lidar_range)
    distance = hits.distance + rng.normal(0, _RANGE_NOISE, len(index))
    points = rays[index] * distance[:, None]
    return np.column_stack([points, intensity, ring[index]])[kept].astype(np.float32)


def _beams(azimuths: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (N, 3) in the LiDAR frame and ring numbers (N,); a turn begins anywhere."""
    elevation = np.deg2rad(np.linspace(LOWEST, HIGHEST, RINGS))
    azimuth = 2 * np.pi * (np.arange(azimuths) + rng.random()) / azimuths
    azimuth, elevation = np.meshgrid(azimuth, elevation, indexing='ij')
    rays = np.stack(
        [np.cos(elevation) * np.sin(azimuth), np.cos(elevation) * np.cos(azimuth), np.sin(elevation)], -1
    )
    return rays.reshape(-1, 3), np.tile(np.arange(RINGS), azimuths)


def _returned(
    reflectivity: np.ndarray, slant: np.ndarray, distance: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Intensity (N,) 0..255. Matt surfaces return with the cosine of incidence and stay below 100, as
    calibrated sensors report them; retro-reflectors (above 0.8) reach 255 at any angle."""
    matt = 110 * np.minimum(reflectivity, 0.8) * slant
    retro = 900 * np.maximum(reflectivity - 0.8, 0)
    value = (matt + retro) * np.exp(-distance / 180)
    return np.clip(np.round(value * rng.normal(1, 0.08, len(value)) + rng.normal(0, 0.8, len(value))), 0, 255)


def _detection(intensity: np.ndarray, distance: np.ndarray, reach: float) -> np.ndarray:
    """Chance (N,) that a return is detected: dark and distant ones get lost."""
    signal = (intensity + 2.0) * (0.35 * reach / np.maximum(distance, 1.0)) ** 2
    return 0.985 * (1 - np.exp(-signal / 1.2))
