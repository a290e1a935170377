"""What shines by itself: lit windows, street lamps, the lights of vehicles, the boards of buses."""

from functools import lru_cache

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.facades import lit_windows
from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.lamps import BRAKES, brakes, drives
from perception_kd.simulation.rendering.view import column
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import spots

_COLOURS = {
    m.LAMP: (26.0, 18.5, 11.0),
    m.HEAD: (60.0, 57.0, 52.0),
    m.TAIL: (4.5, 0.12, 0.08),
    m.BOARD: (1.8, 0.8, 0.12),
    m.CABIN: (0.36, 0.37, 0.33),
}
"""Radiance of lit surfaces by night, by texture number."""


@lru_cache(maxsize=16)
def _in_use(snapshot: Snapshot) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each actor, and last for the scenery: strength of its lights and factor of its tail lights, both
    (A + 1,), and its heading (3, A + 1)."""
    world, light = snapshot.world, snapshot.world.light
    strength, braking = np.zeros((2, len(world.actors) + 1), np.float32)
    heading = np.zeros((3, len(world.actors) + 1), np.float32)
    for index, actor in enumerate(world.actors):
        yaw = actor.track.pose(snapshot.time)[3]
        heading[:2, index] = np.cos(yaw), np.sin(yaw)
        if light.lamps and drives(actor):
            strength[index] = light.lamps
            braking[index] = BRAKES if brakes(actor, snapshot.time) else 1
    strength[-1] = light.lamps if light.lamps_on else 0
    return strength, braking, heading


def emission(snapshot: Snapshot, hits: Hits, rays: np.ndarray, footprint: np.ndarray) -> np.ndarray | None:
    """Radiance (3, N) that surfaces give off, or None where nothing does.

    Args:
        snapshot: The world.
        hits: All of them ``found``.
        rays: (3, N) unit directions that met them.
        footprint: (N,) size of the pixel on the surface in m.
    """
    strength, braking, heading = _in_use(snapshot)
    if not strength.any():
        return None
    number, owner = snapshot.surfaces.texture.take(hits.triangle), snapshot.owner(hits)
    radiance = np.zeros_like(rays)
    for texture, colour in _COLOURS.items():
        index = np.flatnonzero(number == texture)
        whose = owner.take(index)
        level = strength.take(whose, mode='wrap')
        if texture in (m.HEAD, m.TAIL):
            side = 1 if texture == m.HEAD else -1
            towards = -side * inner(rays.take(index, 1), heading.take(whose, 1, mode='wrap'))
            level = level * np.clip(0.12 + towards, 0, 1) ** 2
            if texture == m.TAIL:
                level = level * braking.take(whose, mode='wrap')
        radiance[:, index] = level * column(colour)
    index = np.flatnonzero(number == m.FACADE)
    if snapshot.world.light.lamps_on and len(index):
        lit = lit_windows(spots(snapshot, hits.chosen(index), footprint.take(index)))
        radiance[:, index] = np.float32(1.3 * snapshot.world.light.lamps) * lit
    return radiance
