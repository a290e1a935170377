"""Too little, or too far away, to be scored."""

from __future__ import annotations

import numpy as np

from perception_kd.evaluation.doctor.case import Case
from perception_kd.evaluation.doctor.evidence import ENOUGH
from perception_kd.evaluation.doctor.labels import MOVABLE, Clue
from perception_kd.evaluation.doctor.motion import MOVING
from perception_kd.structures.classes import NUSCENES_CLASSES

FEW = 0.25
"""Predictions for each true box of a class below which the class cannot be found."""
STILL = 1e-9
"""m/s: a network that has learned nothing says almost zero, but not zero."""


def find_nothing(case: Case) -> Clue | None:
    """No prediction at all, or none in most key frames."""
    if not len(case.predicted):
        return Clue('no_predictions', f'0 predictions for {len(case.truth)} true boxes')
    told = np.unique(case.truth.frame)
    filled = np.isin(told, case.predicted.frame)
    if len(told) >= 4 and filled.mean() <= 0.5 and len(case.predicted) / max(filled.sum(), 1) >= 3:
        return Clue('frames_empty', f'{(~filled).sum()} of {len(told)} key frames have no prediction, the others '
                    f'{len(case.predicted) / max(filled.sum(), 1):.0f} each')
    return None


def find_far(case: Case) -> Clue | None:
    """Predictions that are further away than their class counts."""
    seen, count = len(case.seen(case.predicted)), len(case.predicted)
    if count < ENOUGH or seen > 0.05 * count:
        return None
    return Clue('out_of_range', f'{count - seen} of {count} predictions are further from the ego car than their class '
                f'counts; the median distance is {np.median(case.predicted.ego_distance):.0f} m')


def find_few(case: Case) -> Clue | None:
    """Classes with hardly a prediction while others have enough."""
    count = np.bincount(case.predicted.label, minlength=len(NUSCENES_CLASSES))
    few = (case.truth_count >= ENOUGH) & (count < FEW * case.truth_count)
    enough = (case.truth_count >= ENOUGH) & (count >= case.truth_count)
    if not few.any() or not enough.any():
        return None
    numbers = ', '.join(f'{count[label]} for {case.truth_count[label]} true boxes of class {NUSCENES_CLASSES[label]}'
                        for label in np.flatnonzero(few))
    return Clue('few_predictions', f'predictions: {numbers}',
                tuple(NUSCENES_CLASSES[label] for label in np.flatnonzero(few)))


def find_no_velocity(case: Case) -> Clue | None:
    """Velocities that are zero everywhere."""
    predicted = case.predicted.take(np.isin(case.predicted.label, MOVABLE))
    speed = np.linalg.norm(case.truth.velocity, axis=1)
    movers = np.isfinite(speed) & (speed > MOVING)
    if len(predicted) < ENOUGH or movers.sum() < ENOUGH:
        return None
    still = (np.abs(predicted.velocity) < STILL).all(axis=1)
    if still.mean() < 0.99:
        return None
    return Clue('velocity_zero', f'{still.sum()} of {len(still)} predicted velocities are zero; {movers.sum()} true '
                f'boxes move, at {speed[movers].mean():.1f} m/s in the mean; mAVE {case.metrics["mAVE"]:.2f}')
