"""Mistakes of the heading: old box convention, sign, direction, quarter turns, missing rotation into the world.

A heading has an axis and a direction. Weak models know the axis of a car and guess its direction, so the axis (the
heading modulo pi) is looked at first and the direction only where it is almost always wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from perception_kd.evaluation.doctor.cures import Cure, facing, turned
from perception_kd.evaluation.doctor.evidence import ENOUGH, SIMPLER, Floats, Pairs, Trial, attempt, best
from perception_kd.evaluation.doctor.frames import Frames, headings, wrapped
from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays
from perception_kd.evaluation.fast.errors import pair_errors

AXIS_FLOOR = 0.25
"""rad; a random axis is off by pi / 4 on average."""
BACKWARDS, FORWARDS = 1.7, 0.8
"""rad; a mean error of the heading above the first means that most directions are wrong, below the second, hardly any.
Guessed directions lie between them."""
WORSE = 0.2
"""rad by which a right axis may make directions worse, which a weak model guesses."""
SURE = 0.6
"""Share of what a known mistake leaves below which a free offset is preferred."""
LEAST_OFFSET = 0.15
"""rad; a smaller constant error is a model's, not a convention's."""

_QUARTER = np.pi / 2


def axis_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` angle between the boxes' axes, 0 to pi / 2 rad."""
    return np.abs(wrapped(headings(predicted) - headings(truth), np.pi))


def heading_error(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    """``(N,)`` the metric's orientation error, rad."""
    return pair_errors(truth, predicted)['orient_err']


def find_heading(pairs: Pairs, swapped_sizes: bool) -> Trial | None:
    """The way to read the headings that makes them right, if they are wrong.

    Args:
        pairs: Of all classes.
        swapped_sizes: Widths and lengths are swapped, which with a turned heading is the old box convention.
    """
    pairs = pairs.take(pairs.truth.label != LABELS['traffic_cone'])
    found = None
    for family in _families(swapped_sizes):
        axis, whole = attempt(pairs, family[0], axis_error, AXIS_FLOOR), _direction(pairs, family)
        if axis.convincing and whole.after <= whole.before + WORSE and (
                found is None or axis.after < SIMPLER * found[0].after):
            found = axis, whole
    offset = _offset(pairs)
    if offset is not None and (found is None or offset.after < SURE * found[0].after):
        return _direction(pairs, [offset.cure])
    return found[1] if found is not None else _backwards(pairs)


def _direction(pairs: Pairs, cures: Sequence[Cure]) -> Trial:
    """The one of several readings with one axis that gets most directions right."""
    return min((attempt(pairs, cure, heading_error, 0.0) for cure in cures), key=lambda trial: trial.after)


def _backwards(pairs: Pairs) -> Trial | None:
    """Right axes and wrong directions: most traffic is parallel to the ego car, where a wrong sign is a half turn."""
    pairs = pairs.take(pairs.truth.label != LABELS['barrier'])
    cures = [Cure('yaw_reversed', 'yaw is read as yaw + pi', _by(np.pi)), *_signs()]
    trial = best(pairs, cures, heading_error, 0.5)
    return trial if trial and trial.before >= BACKWARDS and trial.after <= FORWARDS else None


def _offset(pairs: Pairs) -> Trial | None:
    """A constant offset that is no quarter turn."""
    if len(pairs) < ENOUGH:
        return None
    double = np.exp(2j * (headings(pairs.truth) - headings(pairs.predicted))).mean()
    angle = float(np.angle(double)) / 2
    if abs(angle) < LEAST_OFFSET or np.abs(wrapped(np.array(angle), _QUARTER)) < LEAST_OFFSET:
        return None
    cure = Cure('yaw_offset', f'yaw is read as yaw {angle:+.2f}', _by(angle))
    trial = attempt(pairs, cure, axis_error, LEAST_OFFSET / 2)
    return trial if trial.convincing else None


def _families(swapped_sizes: bool) -> list[list[Cure]]:
    """Readings of one axis each, simplest first; inside of one, readings of both directions."""
    old_code = 'old_convention' if swapped_sizes else 'old_yaw'
    also = 'w and l are swapped and ' if swapped_sizes else ''
    old = [Cure(old_code, f'{also}yaw is read as -yaw - pi/2 in the LiDAR frame', _mirrored(_lidar, -_QUARTER)),
           Cure(old_code, f'{also}yaw is read as -yaw - pi/2 in the ego frame', _mirrored(_ego, -_QUARTER))]
    quarter = [Cure('yaw_quarter', 'yaw is read as yaw + pi/2', _by(_QUARTER)),
               Cure('yaw_quarter', 'yaw is read as yaw - pi/2', _by(-_QUARTER))]
    unturned = [[Cure('yaw_frame', f'yaw is turned from the {name} frame into the global one', _turned_by(yaw))]
                for name, yaw in (('LiDAR', _lidar), ('ego', _ego))]
    return [old, quarter, _signs(), *unturned] if swapped_sizes else [quarter, _signs(), old, *unturned]


def _signs() -> list[Cure]:
    return [Cure('yaw_sign', 'yaw is read as -yaw in the LiDAR frame', _mirrored(_lidar, 0.0)),
            Cure('yaw_sign', 'yaw is read as -yaw in the ego frame', _mirrored(_ego, 0.0))]


def _by(angle: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: turned(boxes, np.full(len(boxes), angle))


def _turned_by(yaw: Callable[[Frames], Floats]) -> Callable[[BoxArrays, Frames], BoxArrays]:
    return lambda boxes, frames: turned(boxes, yaw(frames)[boxes.frame])


def _mirrored(yaw: Callable[[Frames], Floats], offset: float) -> Callable[[BoxArrays, Frames], BoxArrays]:
    """The heading as ``-yaw + offset`` of the frame whose own heading is ``yaw``."""
    def change(boxes: BoxArrays, frames: Frames) -> BoxArrays:
        base = yaw(frames)[boxes.frame]
        return facing(boxes, base - (headings(boxes) - base) + offset)
    return change


def _lidar(frames: Frames) -> Floats:
    return frames.lidar_yaw


def _ego(frames: Frames) -> Floats:
    return frames.ego_yaw
