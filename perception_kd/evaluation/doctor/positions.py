"""Mistakes of the place: wrong frame, missing or doubled transforms, mirrored or transposed axes, units, old poses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.doctor.case import Case
from perception_kd.evaluation.doctor.cures import Cure, moved
from perception_kd.evaluation.doctor.evidence import MOST, SOME, Floats
from perception_kd.evaluation.doctor.frames import Frames, inverse_all
from perception_kd.evaluation.fast.boxes import BoxArrays

LEAST_HITS = 0.15
"""Share of the true boxes that has to be met after a cure: chance alone meets 0.05 to 0.1 in dense streets."""
FACTOR = 2.0
"""So many times as many are met after a cure."""
CLOSE = 0.85
"""Share of the best cure's hits with which another is looked at, too."""
MARGIN = 0.1
"""By which a later cure in the list has to be better than an earlier one."""
MATTERS = 1.0
"""m: key frames whose boxes a cure moves less say nothing about it."""

_UNITS = {'centimetres': 0.01, 'millimetres': 0.001, 'decimetres': 0.1}


@dataclass(frozen=True)
class Place:
    """A cure for the place of the boxes.

    Args:
        cure: The other way to read them.
        before, after: Share of the true boxes that are met.
    """

    cure: Cure
    before: float
    after: float


def find_place(case: Case) -> Place | None:
    """The way to read the places that makes them right, if they are wrong."""
    if not len(case.predicted):
        return None
    before, truth = case.hits(case.predicted)
    places = [_try(case, cure, before, truth) for cure in place_cures(case.frames)]
    good = [place for place in places if place is not None]
    top = max((place.after for place in good), default=0.0)
    found, quality = None, 0.0
    for place in good:  # readings that meet as many are told apart by headings and velocities
        if place.after >= CLOSE * top and (fits := _quality(case, place.cure)) > quality + MARGIN:
            found, quality = place, fits
    return found


def _quality(case: Case, cure: Cure) -> float:
    """How good the predictions are when read so, as the NDS but without a limit of the errors."""
    metrics = case.reading(cure).metrics
    return 5 * metrics['mAP'] - sum(metrics[name] for name in ('mATE', 'mAOE', 'mAVE')) + 1e3


def _try(case: Case, cure: Cure, before: Floats, truth: Floats) -> Place | None:
    changed = cure.change(case.predicted, case.frames)
    way = np.linalg.norm(changed.translation[:, :2] - case.predicted.translation[:, :2], axis=1)
    ways = np.bincount(case.predicted.frame, way, len(truth)) / np.maximum(
        np.bincount(case.predicted.frame, minlength=len(truth)), 1)
    told = (ways > MATTERS) & (truth > 0)
    if truth[told].sum() < 5 * SOME:
        return None
    after, _ = case.hits(changed)
    group = case.frames.group
    shares = [(before[part].sum() / truth[part].sum(), after[part].sum() / truth[part].sum())
              for part in (told & (group == one) for one in np.unique(group)) if truth[part].sum() >= SOME]
    better = np.mean([new > 1.5 * old for old, new in shares]) if shares else 0.0
    old, new = (float(hits[told].sum() / truth[told].sum()) for hits in (before, after))
    good = new >= LEAST_HITS and new >= FACTOR * old and better >= MOST
    return Place(cure, old, new) if good else None


def place_cures(frames: Frames) -> list[Cure]:
    """All that can be wrong with places, simplest first."""
    lidar, ego, sensor = frames.lidar2global, frames.ego2global, frames.lidar2ego
    to_ego, to_lidar = inverse_all(ego), inverse_all(lidar)
    cures = [
        _cure('frame_lidar', 'boxes are moved from the LiDAR into the global frame', lidar),
        _cure('frame_ego', 'boxes are moved from the ego into the global frame', ego),
        _cure('sensor_to_ego', 'the missing LiDAR-to-ego transform is applied', ego @ sensor @ to_ego),
        _cure('sensor_to_ego', 'one LiDAR-to-ego transform too many is taken back', ego @ inverse_all(sensor) @ to_ego),
        _cure('sensor_to_ego', 'the LiDAR-to-ego transform is applied the right way round',
              ego @ sensor @ sensor @ to_ego),
        _cure('ego_to_global', 'the ego-to-global transform is applied the right way round', ego @ ego),
    ]
    for name, base, back in (('LiDAR', lidar, to_lidar), ('ego', ego, to_ego)):
        for code, what, linear in _mirrors(name):
            for whole in (True, False):
                part = 'boxes' if whole else 'centres alone'
                cures.append(_cure(code, f'{part} are {what}', base @ linear @ back, whole))
        cures += [_cure('turned', f'boxes are turned by {degrees} degrees about the {name} frame',
                        base @ _turn(degrees) @ back) for degrees in (180, 90, -90)]
    cures += [_cure('units', f'positions about the sensor are {unit}', lidar @ np.diag([factor] * 3 + [1]) @ to_lidar,
                    False) for unit, factor in _UNITS.items()]
    return cures + _other_times(frames, ego, to_ego)


def _other_times(frames: Frames, ego: Floats, to_ego: Floats) -> list[Cure]:
    cures = []
    for name, other in (('previous', frames.previous), ('next', frames.following)):
        there = np.where(other >= 0, other, np.arange(len(other)))
        cures.append(_cure('stale_pose', f"the key frame's own ego pose is used, not the {name} one's",
                           ego @ to_ego[there]))
    return cures


def _mirrors(name: str) -> list[tuple[str, str, Floats]]:
    return [('mirrored', f'mirrored in y of the {name} frame', np.diag([1.0, -1, 1, 1])),
            ('mirrored', f'mirrored in x of the {name} frame', np.diag([-1.0, 1, 1, 1])),
            ('transposed', f'read with x and y of the {name} frame swapped', np.eye(4)[[1, 0, 2, 3]])]


def _turn(degrees: float) -> Floats:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, -sine, 0, 0], [sine, cosine, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]])


def _cure(code: str, reading: str, motion: Floats, whole: bool = True) -> Cure:
    return Cure(code, reading, _moving(motion, whole))


def _moving(motion: Floats, whole: bool) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: moved(boxes, frames, motion, whole=whole)
