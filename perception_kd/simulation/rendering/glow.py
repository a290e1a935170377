"""What shines by itself: lit windows, street lamps, traffic lights, the lights of vehicles, the boards of buses."""

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
    m.STOP: (5.0, 0.25, 0.12),
    m.GO: (0.2, 4.5, 2.0),
}
"""Radiance of lit surfaces by night, by texture number."""
_SIGNAL_BY_DAY = 0.5


@lru_cache(maxsize=2)
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
    light, number = snapshot.world.light, snapshot.surfaces.texture.take(hits.triangle)
    lit = np.flatnonzero(number >= m.LAMP)
    panes = np.flatnonzero(number == m.FACADE) if light.lamps_on else lit[:0]
    if not len(lit) and not len(panes):
        return None
    radiance = np.zeros_like(rays)
    radiance[:, lit] = _shine(snapshot, number.take(lit), hits.chosen(lit), rays.take(lit, 1))
    if len(panes):
        windows = lit_windows(spots(snapshot, hits.chosen(panes), footprint.take(panes)))
        radiance[:, panes] = np.float32(1.3 * light.lamps) * windows
    return radiance


def _shine(snapshot: Snapshot, number: np.ndarray, hits: Hits, rays: np.ndarray) -> np.ndarray:
    """Radiance (3, M) of lamps, by their texture numbers (M,)."""
    (strength, braking, heading), owner = _in_use(snapshot), snapshot.owner(hits)
    level, ahead = strength.take(owner, mode='wrap'), inner(rays, heading.take(owner, 1, mode='wrap'))
    level = np.where(number == m.HEAD, level * np.clip(0.12 - ahead, 0, 1) ** 2, level)
    behind = braking.take(owner, mode='wrap') * np.clip(0.12 + ahead, 0, 1) ** 2
    level = np.where(number == m.TAIL, level * behind, level)
    for texture in (m.STOP, m.GO):
        index = np.flatnonzero(number == texture)
        if len(index):
            on = _signals(snapshot, hits.triangle.take(index), texture)
            level[index] = on * max(_SIGNAL_BY_DAY, snapshot.world.light.lamps)
    table = np.zeros((3, 256), np.float32)
    for texture, colour in _COLOURS.items():
        table[:, texture] = colour
    return table.take(number, 1) * level


def _signals(snapshot: Snapshot, triangle: np.ndarray, texture: int) -> np.ndarray:
    """(K,) whether the red or the green lamps of traffic lights are on; those of the side street show the other."""
    road, stop = snapshot.world.plan.road, snapshot.world.plan.red(snapshot.time)
    heading = float(road.to_world(road.mouth[0] if road.mouth else road.crossing, 0.0)[2])
    along = column([np.cos(heading), np.sin(heading), 0.0])
    main = np.abs((snapshot.normal_planes.take(triangle, 1) * along).sum(0)) > 0.7
    return (main == stop) == (texture == m.STOP)
