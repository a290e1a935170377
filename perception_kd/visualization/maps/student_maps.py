"""The maps inside a student: what its sensors give, how they are gated and fused, what the head says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.structures import TapSpec
from perception_kd.visualization.maps.bev_map import BEVMap, Scale, limits_of
from perception_kd.visualization.maps.observe import LIDAR_RETURN, Observation, Values

GROUP = 'student'
_STRENGTH = 'RMS of the channels about their means'
# tap: title, what one sees, scale; in the order in which they are drawn
KNOWN: dict[str, tuple[str, str, Scale]] = {
    LIDAR_RETURN: ('LiDAR return intensity', 'Of the teachers; the student does not see it.', 'mask'),
    'camera_occupancy': ('Camera occupancy', 'Depth probability of the cameras that falls into a cell.', 'sequential'),
    'radar_occupancy': ('Radar occupancy', 'Where the radar branch holds returns.', 'mask'),
    'camera_bev': ('Camera features', 'RMS of the channels: image features on the ground.', 'sequential'),
    'radar_bev': ('Radar features', f'{_STRENGTH}, radar branch.', 'sequential'),
    'lidar_bev': ('LiDAR features', f'{_STRENGTH}, LiDAR branch.', 'sequential'),
    'camera_intensity': ('Camera gate', 'How much the fuser lets the cameras count there.', 'mask'),
    'radar_intensity': ('Radar gate', 'How much the fuser lets the radar count there.', 'mask'),
    'lidar_intensity': ('LiDAR gate', 'How much the fuser lets the LiDAR count there.', 'mask'),
    'camera_gated': ('Cameras as fused', f'{_STRENGTH}, normalised and gated.', 'sequential'),
    'radar_gated': ('Radar as fused', f'{_STRENGTH}, normalised and gated.', 'sequential'),
    'lidar_gated': ('LiDAR as fused', f'{_STRENGTH}, normalised and gated.', 'sequential'),
    'fused_bev': ('Fused features', f'{_STRENGTH}, key frame.', 'sequential'),
    'merged_bev': ('Fused with past frames', f'{_STRENGTH}.', 'sequential'),
    'trunk_bev': ('Trunk', f'{_STRENGTH}; the head reads it.', 'sequential'),
    'head': ('Head', 'Probability of the likeliest class.', 'sequential'),
}
_UNKNOWN: tuple[str, Scale] = (f'{_STRENGTH}.', 'sequential')


def student_maps(before: Observation | None, after: Observation) -> dict[str, tuple[BEVMap, ...]]:
    """Maps of the student by tap, before and after training on one colour scale; one map where both are the same.

    The taps of our detectors come in the order of the data; of other models every BEV tap comes as it is declared.
    Left out: maps of single trunk stages, a merged map that is the fused one, and gated maps where gates are drawn.

    Args:
        before, after: Of the same sample; None: there is the second one alone.
    """
    found = {}
    for name in _chosen(after):
        views = {'after': after.student[name]}
        if before is not None and not np.array_equal(before.student[name], after.student[name]):
            views = {'before': before.student[name], **views}
        found[name] = _maps(after.specs[name], views)
    return found


def mean_student(observations: Sequence[Observation]) -> Observation:
    """The student's maps of several samples, averaged cell by cell; no pairs."""
    maps = {name: np.mean([one.student[name] for one in observations], axis=0) for name in observations[0].student}
    return Observation({}, {}, maps, observations[0].specs)


def _chosen(seen: Observation) -> list[str]:
    maps: Mapping[str, Values] = seen.student
    if not any(name in KNOWN for name in maps):
        return list(maps)
    names = [name for name in KNOWN if name in maps]
    if 'merged_bev' in names and np.array_equal(maps['merged_bev'], maps.get('fused_bev')):
        names.remove('merged_bev')
    return [name for name in names if not (name.endswith('_gated') and f'{name[:-6]}_intensity' in maps)]


def _maps(spec: TapSpec, views: Mapping[str, Values]) -> tuple[BEVMap, ...]:
    title, about, scale = KNOWN.get(spec.name) or (spec.name, *_UNKNOWN)
    limits = limits_of(list(views.values()), scale)
    return tuple(
        BEVMap(f'{GROUP}/{spec.name}/{time}', f'{title}, {time}' if len(views) > 1 else title, values,
               spec.grid, scale, group=GROUP, limits=limits, about=about)
        for time, values in views.items())
