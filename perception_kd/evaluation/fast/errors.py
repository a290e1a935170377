"""True-positive errors of matched pairs of boxes (nuscenes-devkit's ``eval/common/utils.py``, vectorised)."""

from __future__ import annotations

import numpy as np

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays, Floats
from perception_kd.evaluation.fast.matching import centre_distance

TP_METRICS = ('trans_err', 'scale_err', 'orient_err', 'vel_err', 'attr_err')
_UNIT = 1e-14  # a squared length this near to 1 counts as 1 (pyquaternion's ``is_unit``)


def pair_errors(truth: BoxArrays, predicted: BoxArrays) -> dict[str, Floats]:
    """Errors of N pairs, box by box.

    Args:
        truth, predicted: N boxes each.

    Returns:
        By name ``(N,)``: ``trans_err`` (m, in the plane), ``scale_err`` (1 - IoU of the sizes), ``orient_err`` (rad;
        of barriers modulo half a turn), ``vel_err`` (m/s, NaN where a velocity is not known) and ``attr_err`` (0 or
        1, NaN where the true box has no attribute).

    Raises:
        ValueError: a size that is not positive.
    """
    return dict(
        trans_err=centre_distance(predicted.translation[:, :2], truth.translation[:, :2]),
        vel_err=centre_distance(predicted.velocity, truth.velocity),
        scale_err=1 - _scale_iou(truth.size, predicted.size), orient_err=_turn(truth, predicted),
        attr_err=np.where(truth.attribute < 0, np.nan, 1 - (truth.attribute == predicted.attribute).astype(float)))


def rotation_matrices(quaternions: Floats) -> Floats:
    """``(N, 3, 3)`` from ``(N, 4)`` quaternions w, x, y, z of any length.

    The product of the two matrices that multiply by a quaternion from the left and by its conjugate from the
    right, in pyquaternion's order of operations.
    """
    squares = np.matmul(quaternions[:, None, :], quaternions[:, :, None])[:, 0, 0]
    off = (np.abs(1.0 - squares) >= _UNIT) & (squares > 0)
    length = np.where(off, np.sqrt(squares), 1.0)
    w, x, y, z = (quaternions / length[:, None]).T
    left = np.stack([w, -x, -y, -z, x, w, -z, y, y, z, w, -x, z, -y, x, w], axis=1).reshape(-1, 4, 4)
    right = np.stack([w, -x, -y, -z, x, w, z, -y, y, -z, w, x, z, y, -x, w], axis=1).reshape(-1, 4, 4)
    return np.matmul(left, right.transpose(0, 2, 1))[:, 1:, 1:]


def _yaw(quaternions: Floats) -> Floats:
    x_axis = rotation_matrices(quaternions)[:, :2, 0] + 0.0  # the devkit's dot product leaves no negative zero
    return np.arctan2(x_axis[:, 1], x_axis[:, 0])


def _turn(truth: BoxArrays, predicted: BoxArrays) -> Floats:
    period = np.where(truth.label == LABELS['barrier'], np.pi, 2 * np.pi)
    return np.abs((_yaw(truth.rotation) - _yaw(predicted.rotation) + period / 2) % period - period / 2)


def _scale_iou(truth: Floats, predicted: Floats) -> Floats:
    for side, sizes in (('true', truth), ('predicted', predicted)):
        if not (sizes > 0).all():
            bad = sizes[~(sizes > 0).all(axis=1)][0]
            raise ValueError(f'a {side} box has the size {bad.tolist()}; width, length and height must be above 0')
    shared = _volume(np.minimum(truth, predicted))
    return shared / (_volume(truth) + _volume(predicted) - shared)


def _volume(sizes: Floats) -> Floats:
    return sizes[:, 0] * sizes[:, 1] * sizes[:, 2]
