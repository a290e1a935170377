"""Mistakes of a metre or two: boxes of another moment, or of a sensor whose place on the car was forgotten."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perception_kd.evaluation.doctor.case import Case
from perception_kd.evaluation.doctor.cures import Cure, moved, shifted
from perception_kd.evaluation.doctor.evidence import Floats, Pairs, Trial, attempt, best
from perception_kd.evaluation.doctor.frames import Frames, inverse_all
from perception_kd.evaluation.doctor.labels import Clue
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.errors import pair_errors

REACH = 4.0
"""m: pairs are looked for further away than usual."""
FLOOR = 0.4
"""m of the distance of the centres."""
SLOWEST, LONGEST = 1.5, 4.0
"""m/s: slower objects show no time; m of a key frame's way: faster ones were not paired."""


def centre_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` the metric's translation error, m."""
    return pair_errors(truth, predicted)['trans_err']


def find_shift(case: Case) -> Clue | None:
    """Boxes of the neighbouring key frame, or a LiDAR's missing place on the car."""
    pairs = case.pairs_within(REACH)
    moment = _other_moment(pairs)
    if moment is not None:
        return Clue(moment.cure.code, f'centres of what moves are {moment.before:.2f} -> {moment.after:.2f} m off '
                    f'{moment.cure.reading}')
    place = _forgotten_place(pairs)
    return place and Clue(place.cure.code, f'centres are {place.before:.2f} -> {place.after:.2f} m off if '
                          f'{place.cure.reading}', cure=place.cure)


def _other_moment(pairs: Pairs) -> Trial | None:
    """Things that move are where they were, things at rest are where they are."""
    speed = np.linalg.norm(pairs.truth.velocity, axis=1)
    step = pairs.frames.step
    movers = pairs.take(np.isfinite(speed) & (speed >= SLOWEST) & (speed * step <= LONGEST))
    cures = [Cure('frame_shifted', f'if boxes are taken for those of the {name} key frame',
                  _later(movers, sign * step)) for name, sign in (('previous', 1), ('next', -1))]
    return best(movers, cures, centre_error, FLOOR)


def _later(pairs: Pairs, seconds: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    """The predictions of the pairs moved with the true velocities: predicted ones may be wrong, too."""
    way = np.zeros((len(pairs), 3))
    way[:, :2] = pairs.truth.velocity * seconds
    return lambda boxes, frames: shifted(boxes, way)


def _forgotten_place(pairs: Pairs) -> Trial | None:
    frames = pairs.frames
    place = np.tile(np.eye(4), (len(frames.group), 1, 1))
    place[:, :3, 3] = frames.lidar2ego[:, :3, 3]
    motion = frames.ego2global @ place @ inverse_all(frames.ego2global)
    cure = Cure('sensor_place', "the LiDAR's place on the car is added",
                lambda boxes, frames: moved(boxes, frames, motion))
    trial = attempt(pairs, cure, centre_error, FLOOR)
    return trial if trial.convincing else None
