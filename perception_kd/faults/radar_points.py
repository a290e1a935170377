"""Radars that are lost, see too little, or see what is not there. No benchmark has these; severities are ours."""

from __future__ import annotations

from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.faults.base import Draw, Draws, Fault, ShareFault, check_positive, check_share, failing
from perception_kd.registry import FAULTS

COLUMN = {name: place for place, name in enumerate(RADAR_FIELDS)}
POSITION, MEASURED, COMPENSATED = ([COLUMN[name] for name in names] for names in (
    ('x', 'y'), ('vx', 'vy'), ('vx_comp', 'vy_comp')))
FIELD_OF_VIEW = 60.0
"""Degrees to either side that the radars of nuScenes (ARS 408) look near; far ones see 9."""
_MOVING, _RESTING = 0, 1  # of dyn_prop


@FAULTS.register_module()
class RadarsLost(Fault):
    """Radars that give nothing for a whole scene.

    Args:
        radars: How many of the five.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(radars=1), 'moderate': dict(radars=3), 'hard': dict(radars=5)}

    def __init__(self, *, radars: int) -> None:
        check_positive('RadarsLost', radars=radars)
        self.radars = radars

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Takes the radars out of ``radar_points``."""
        for channel in failing(frame['radar_points'], self.radars, 'radar', draws('all radars')):
            del frame['radar_points'][channel]


@FAULTS.register_module()
class RadarDrop(ShareFault):
    """Every point is lost by itself.

    Args:
        share: The chance of each.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(share=0.25), 'moderate': dict(share=0.5), 'hard': dict(share=0.75)}

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18) -> fewer."""
        return data[draw.here.random(len(data)) >= self.share]


@FAULTS.register_module()
class RadarSweepsLost(ShareFault):
    """Every sweep, the newest too, is lost by itself.

    Args:
        share: The chance of each.
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(share=2 / 6), 'moderate': dict(share=4 / 6), 'hard': dict(share=5 / 6)}

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18) -> all or none of them."""
        return data[:0] if draw.here.random() < self.share else data


@FAULTS.register_module()
class RadarMultipath(Fault):
    """Ghosts by reflection: objects seen a second time in a wall or a guard rail.

    In each sweep a vertical mirror stands somewhere to the left or right of the radar. Points on its side may have a
    second, mirrored one: farther away, its velocity mirrored too and cut to the part along the new line of sight, its
    return weaker.

    Args:
        share: The chance of each point that the mirror can show.
        loss_db: By how much its RCS is lower (dB).
        distance: Nearest and farthest distance of the mirror (m).
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(share=0.1), 'moderate': dict(share=0.25), 'hard': dict(share=0.5)}

    def __init__(self, *, share: float, loss_db: float = 6.0, distance: tuple[float, float] = (3.0, 15.0)) -> None:
        check_share('RadarMultipath', share=share)
        self.share, self.loss_db, self.distance = share, loss_db, distance

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18) -> the same and their ghosts."""
        rng = draw.here
        angle, distance = np.deg2rad(rng.choice([-1, 1]) * rng.uniform(60, 120)), rng.uniform(*self.distance)
        normal = np.array([np.cos(angle), np.sin(angle)], data.dtype)
        before = distance - data[:, POSITION] @ normal  # how far each point is from the mirror
        ghosts = data[(rng.random(len(data)) < self.share) & (before > 0)]
        before = distance - ghosts[:, POSITION] @ normal
        ghosts[:, POSITION] += 2 * before[:, None] * normal
        for columns in (MEASURED, COMPENSATED):
            mirrored = ghosts[:, columns] - 2 * (ghosts[:, columns] @ normal)[:, None] * normal
            ghosts[:, columns] = along_sight(ghosts, mirrored)
        ghosts[:, COLUMN['rcs']] -= self.loss_db
        return np.concatenate([data, ghosts])


@FAULTS.register_module()
class RadarClutter(Fault):
    """Points where nothing is, even over the field of view's angles and ranges.

    Args:
        points: How many a sweep on average (Poisson).
        speed_std: Spread of their radial speed over ground (m/s); 0: they rest.
        rcs: Mean and spread of their RCS (dBsm).
        farthest: Largest range (m).
    """

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(points=5.0), 'moderate': dict(points=15.0), 'hard': dict(points=40.0)}

    def __init__(self, *, points: float, speed_std: float = 0.0, rcs: tuple[float, float] = (0.0, 5.0),
                 farthest: float = 80.0) -> None:
        check_positive('RadarClutter', points=points, speed_std=speed_std, farthest=farthest)
        self.points, self.speed_std, self.rcs, self.farthest = points, speed_std, rcs, farthest

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 18) -> the same and others."""
        rng = draw.here
        count = rng.poisson(self.points)
        reach, angle = rng.uniform(1.0, self.farthest, count), np.deg2rad(rng.uniform(-1, 1, count) * FIELD_OF_VIEW)
        sight = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        speed = self.speed_std * rng.standard_normal(count)
        added = np.zeros((count, len(RADAR_FIELDS)), data.dtype)
        added[:, POSITION], added[:, COMPENSATED] = sight * reach[:, None], sight * speed[:, None]
        added[:, MEASURED] = added[:, COMPENSATED] - along_sight(added, np.broadcast_to(own_motion(data), (count, 2)))
        added[:, COLUMN['rcs']] = rng.normal(*self.rcs, count)
        added[:, COLUMN['dyn_prop']] = _MOVING if self.speed_std else _RESTING
        # States that every filter believes.
        added[:, [COLUMN[name] for name in ('is_quality_valid', 'ambig_state', 'pdh0')]] = 1, 3, 1
        return np.concatenate([data, added])


def along_sight(points: np.ndarray, velocity: np.ndarray) -> np.ndarray:
    """The part (N, 2) of velocities along the lines from the radar to its points (N, 18)."""
    sight = line_of_sight(points)
    return (velocity * sight).sum(axis=1, keepdims=True) * sight


def line_of_sight(points: np.ndarray) -> np.ndarray:
    """Unit vectors (N, 2) from the radar to its points (N, 18)."""
    position = points[:, POSITION]
    return position / np.maximum(np.linalg.norm(position, axis=1, keepdims=True), 1e-6)


def own_motion(points: np.ndarray) -> np.ndarray:
    """Velocity (2,) of the radar over ground in its own frame, from what compensation added to its points (N, 18).

    Least squares over the radial parts; 0 where fewer than two points tell.
    """
    points = points[np.isfinite(points[:, [*POSITION, *MEASURED, *COMPENSATED]]).all(axis=1)]
    if len(points) < 2:
        return np.zeros(2)
    sight = line_of_sight(points).astype(np.float64)
    added = ((points[:, COMPENSATED] - points[:, MEASURED]) * sight).sum(axis=1)
    return np.linalg.lstsq(sight, added, rcond=None)[0]
