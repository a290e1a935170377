"""Radar points of a key frame and of the sweeps before it, from all radars, in the LiDAR frame.

Accumulation as CRN describes it: positions are moved by calibration and ego motion; velocities, already free
of the ego motion, are rotated; a point is carried on by its own velocity for the time since it was seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, read_radar_pcd
from perception_kd.datasets.nuscenes.poses import inverse
from perception_kd.datasets.storage import checked_backend
from perception_kd.datasets.transforms.finite import finite_points
from perception_kd.faults.frame import FrameFaults
from perception_kd.registry import TRANSFORMS

RADAR_COLUMNS: tuple[str, ...] = ('x', 'y', 'z', 'rcs', 'vx_comp', 'vy_comp', 'dt')
"""Columns of ``radar``: m, m, m, dBsm, m/s, m/s, age in s."""

_MEASURED = [RADAR_FIELDS.index(name) for name in ('x', 'y', 'z', 'rcs', 'vx_comp', 'vy_comp')]

# Accepted values of the state fields (nuscenes-devkit's RadarPointCloud explains each value).
FILTER_PRESETS: dict[str, dict[str, tuple[int, ...]]] = {
    'devkit': {'invalid_state': (0,), 'dyn_prop': tuple(range(7)), 'ambig_state': (3,)},
    'crn': {
        'invalid_state': (0, 4, 8, 9, 10, 11, 12, 15, 16, 17),
        'dyn_prop': tuple(range(8)),
        'ambig_state': (3,),
    },
    'none': {},
}


@TRANSFORMS.register_module()
class LoadRadarSweeps(BaseTransform):
    """Load ``radar`` (M, 7) float32, columns ``RADAR_COLUMNS``, in the LiDAR frame of the key sweep.

    Args:
        sweeps_num: How many earlier sweeps of each radar to add to the key one (CRN uses 5, so 6 in all).
        filter_preset: ``devkit``, ``crn`` or ``none``: which points are believed.
        compensate_motion: Move points by ``v_comp * dt`` to where they should be now. ``v_comp`` is radial
            only, so a crossing object is moved too little.
        rotate_ego: Turn velocities by the ego rotation between the sweeps too; False turns them by the
            calibration alone, as CRN does.
        range_lim: Nearest and farthest distance in the ground plane (m).
        draw_sweeps: In training, so many of the ``1 + sweeps_num`` sweeps, drawn without replacement, the same for
            all radars (CRN draws 5 of 6); None or as many as there are: all.
        drop_points: In training, the share of points left out at random (CRN: 0.1).
        backend_args: Of a storage backend, see :func:`~perception_kd.datasets.storage.read_bytes`.

    Raises:
        FileNotFoundError, ValueError: a sweep is missing, cut off or no radar file; the message names it. Points that
            are not finite are left out, see ``finite_points``.
    """

    def __init__(self, *, sweeps_num: int = 5, filter_preset: str = 'crn', compensate_motion: bool = True,
                 rotate_ego: bool = True, range_lim: tuple[float, float] = (0.1, 100.0),
                 draw_sweeps: int | None = None, drop_points: float = 0.0,
                 backend_args: Mapping[str, Any] | None = None) -> None:
        if filter_preset not in FILTER_PRESETS:
            known = ', '.join(FILTER_PRESETS)
            raise ValueError(f'filter_preset must be one of {known}, got {filter_preset!r}')
        if (draw_sweeps is not None and draw_sweeps < 1) or not 0 <= drop_points < 1:
            raise ValueError('draw_sweeps must be None or at least 1 and drop_points in [0, 1), got '
                             f'{draw_sweeps} and {drop_points}')
        self.sweeps_num, self.filter_preset = sweeps_num, filter_preset
        self.draw_sweeps, self.drop_points = draw_sweeps, drop_points
        self.backend_args = checked_backend(backend_args)
        self.compensate_motion, self.rotate_ego, self.range_lim = compensate_motion, rotate_ego, range_lim

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``radar_points``, ``lidar_points`` and ``timestamp``; writes ``radar`` (M, 7), (0, 7) if empty."""
        sweeps = list(self._sweeps(results))
        if sweeps:
            points, counts, motions, turns, ages = self._read(sweeps, results.get('faults'))
            points = to_lidar_frame(points, np.repeat(motions, counts, 0), np.repeat(turns, counts, 0),
                                    np.repeat(ages, counts), self.compensate_motion)
            distance = np.hypot(points[:, 0], points[:, 1])
            low, high = self.range_lim
            # Finite numbers near the end of float32 may be infinite by now.
            points = points[(distance > low) & (distance < high) & np.isfinite(points).all(axis=1)]
            if self.drop_points:
                points = points[np.random.rand(len(points)) >= self.drop_points]
        else:
            points = np.zeros((0, len(RADAR_COLUMNS)), np.float32)
        results['radar'] = points
        return results

    def _sweeps(self, results: dict[str, Any]) -> Iterator[tuple[str, str, np.ndarray, np.ndarray, float]]:
        """Channel, path, radar2lidar (4, 4), turn of velocities (3, 3) and age (s) of every sweep to read."""
        chosen = self._draw()
        ego2lidar = inverse(results['lidar_points']['lidar2ego'])
        for channel, radar in results['radar_points'].items():
            calibration = ego2lidar[:3, :3] @ radar['radar2ego'][:3, :3]
            for sweep in (sweep for back, sweep in enumerate((radar, *radar['sweeps'])) if back in chosen):
                turn = sweep['radar2lidar'][:3, :3] if self.rotate_ego else calibration
                age = results['timestamp'] - sweep['timestamp']
                yield channel, sweep['radar_path'], sweep['radar2lidar'], turn, age

    def _draw(self) -> set[int]:
        """Which sweeps to read, 0 being the key one."""
        there = 1 + self.sweeps_num
        if self.draw_sweeps is None or self.draw_sweeps >= there:
            return set(range(there))
        return set(np.random.choice(there, self.draw_sweeps, replace=False).tolist())

    def _read(self, sweeps: list[tuple], faults: FrameFaults | None
              ) -> tuple[np.ndarray, list[int], np.ndarray, np.ndarray, np.ndarray]:
        clouds = [self._cloud(channel, path, faults) for channel, path, *_ in sweeps]
        _, _, motions, turns, ages = map(list, zip(*sweeps))
        return (np.concatenate(clouds), [len(cloud) for cloud in clouds], np.stack(motions), np.stack(turns),
                np.array(ages))

    def _cloud(self, channel: str, path: str, faults: FrameFaults | None) -> np.ndarray:
        points = read_radar_pcd(path, self.backend_args)
        if faults is not None:
            points = faults.change('radar', points, channel, path)
        return finite_points(filter_points(points, self.filter_preset), path, _MEASURED)


def filter_points(points: np.ndarray, preset: str) -> np.ndarray:
    """Keep the points of a sweep (N, 18) whose states the preset accepts."""
    keep = np.ones(len(points), bool)
    for field, accepted in FILTER_PRESETS[preset].items():
        table = np.zeros(256, bool)
        table[list(accepted)] = True
        # States are signed bytes on disk; a negative one is never accepted.
        keep &= table[points[:, RADAR_FIELDS.index(field)].astype(np.int16) & 0xFF]
    return points[keep]


def to_lidar_frame(points: np.ndarray, radar2lidar: np.ndarray, turn: np.ndarray, age: np.ndarray,
                   compensate_motion: bool) -> np.ndarray:
    """Points (N, 18) of radar frames -> (N, 7) float32 in the key LiDAR frame.

    Args:
        points: Columns ``RADAR_FIELDS``.
        radar2lidar: (N, 4, 4), ego motion included.
        turn: (N, 3, 3), applied to the velocities.
        age: (N) in s.
        compensate_motion: Add ``v_comp * age`` to x and y.
    """
    column = {name: index for index, name in enumerate(RADAR_FIELDS)}
    position = np.einsum('nij,nj->ni', radar2lidar[:, :3, :3], points[:, :3]) + radar2lidar[:, :3, 3]
    velocity = np.einsum('nij,nj->ni', turn[:, :2, :2], points[:, [column['vx_comp'], column['vy_comp']]])
    if compensate_motion:
        position[:, :2] += velocity * age[:, None]
    rcs = points[:, column['rcs']]
    return np.concatenate([position, rcs[:, None], velocity, age[:, None]], axis=1).astype(np.float32)
