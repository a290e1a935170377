"""What shines by itself: lit windows, street lamps, the lights of vehicles, the boards of buses."""

from functools import lru_cache

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.facades import lit_windows
from perception_kd.simulation.poses import dot
from perception_kd.simulation.rendering.lamps import BRAKES, brakes, drives
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import spots

_COLOURS = {
    m.LAMP: (9.0, 6.6, 4.2),
    m.HEAD: (9.0, 8.6, 7.8),
    m.TAIL: (1.9, 0.10, 0.06),
    m.BOARD: (1.8, 0.8, 0.12),
    m.CABIN: (0.55, 0.56, 0.50),
}
"""Radiance of lit surfaces, by texture number."""


@lru_cache(maxsize=16)
def _in_use(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray]:
    """For each actor, and last for the scenery: strength (A + 1,) of its lights, and its heading (A + 1, 3)."""
    world, light = snapshot.world, snapshot.world.light
    strength = np.zeros(len(world.actors) + 1, np.float32)
    heading = np.zeros((len(world.actors) + 1, 3), np.float32)
    for index, actor in enumerate(world.actors):
        yaw = actor.track.pose(snapshot.time)[3]
        heading[index] = np.cos(yaw), np.sin(yaw), 0
        if (light.lamps_on or light.rain) and drives(actor):
            strength[index] = BRAKES if brakes(actor, snapshot.time) else 1
    strength[-1] = light.lamps_on
    return strength, heading


def emission(snapshot: Snapshot, hits: Hits, rays: np.ndarray, footprint: np.ndarray) -> np.ndarray | None:
    """Radiance (N, 3) that surfaces give off, or None where nothing does.

    Args:
        snapshot: The world.
        hits: All of them ``found``.
        rays: (N, 3) unit directions that met them.
        footprint: (N,) size of the pixel on the surface in m.
    """
    strength, heading = _in_use(snapshot)
    if not strength.any():
        return None
    number, owner = snapshot.surfaces.texture.take(hits.triangle), snapshot.owner(hits)
    radiance = np.zeros((len(number), 3), np.float32)
    for texture, colour in _COLOURS.items():
        index = np.flatnonzero(number == texture)
        whose = owner.take(index)
        level = strength.take(whose, mode='wrap')
        if texture in (m.HEAD, m.TAIL):
            side = 1 if texture == m.HEAD else -1
            towards = -side * dot(rays.take(index, 0), heading.take(whose, 0, mode='wrap'))
            level = level * np.clip(0.12 + towards, 0, 1) ** 2
        radiance[index] = level[:, None] * np.array(colour, np.float32)
    index = np.flatnonzero(number == m.FACADE)
    if snapshot.world.light.lamps_on and len(index):
        radiance[index] = lit_windows(spots(snapshot, hits.chosen(index), footprint.take(index)))
    return radiance
