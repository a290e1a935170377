"""Result files of the nuScenes detection task: from boxes in the LiDAR frame, and reading one.

The format is the one of nuscenes.org's detection task (boxes in the global frame, size as w, l, h, one
attribute a box). Default attributes follow mmdet3d's ``NuScenesMetric``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.files import require_file

MAX_BOXES_PER_SAMPLE = 500
"""The devkit refuses a result file with more."""

DEFAULT_MODALITY: dict[str, bool] = dict(
    use_camera=True, use_lidar=False, use_radar=True, use_map=False, use_external=False)

_MOVING_SPEED = 0.2
_FOUR_WHEELED = ('car', 'construction_vehicle', 'bus', 'truck', 'trailer')
_CYCLES = ('bicycle', 'motorcycle')
_RESTING = {
    'car': 'vehicle.parked', 'truck': 'vehicle.parked', 'trailer': 'vehicle.parked',
    'bus': 'vehicle.stopped', 'construction_vehicle': 'vehicle.parked', 'bicycle': 'cycle.without_rider',
    'motorcycle': 'cycle.without_rider', 'pedestrian': 'pedestrian.standing', 'traffic_cone': '',
    'barrier': '',
}  # fmt: skip


def default_attribute(name: str, speed: float) -> str:
    """Attribute that a detector without an attribute head reports for class ``name`` at ``speed`` (m/s)."""
    if speed <= _MOVING_SPEED:
        return _RESTING[name]
    if name in _FOUR_WHEELED:
        return 'vehicle.moving'
    if name in _CYCLES:
        return 'cycle.with_rider'
    return 'pedestrian.moving' if name == 'pedestrian' else ''


def boxes_to_rows(*, token: str, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray,
                  classes: Sequence[str], lidar2ego: np.ndarray, ego2global: np.ndarray) -> list[dict]:
    """Predicted boxes of one key frame as rows of a result file.

    Args:
        token: Sample token.
        boxes: (N, 9) or (N, 7): x, y, z of the *centre*, dx (length), dy (width), dz, yaw counter-clockwise
            from +x, and vx, vy in m/s; LiDAR frame of the key frame. Without velocity it is reported as 0.
        scores: (N,).
        labels: (N,) indices into ``classes``.
        classes: Detection names.
        lidar2ego: (4, 4).
        ego2global: (4, 4), at the time of the LiDAR sweep.

    Returns:
        At most 500 rows, best score first.

    Raises:
        ValueError: a value that is not finite, or a label without a class.
    """
    _check_prediction(token, boxes, scores, labels, classes)
    keep = np.argsort(-scores, kind='stable')[:MAX_BOXES_PER_SAMPLE]
    boxes, scores, labels = boxes[keep].astype(np.float64), scores[keep], labels[keep]
    if not len(boxes):
        return []
    lidar2global = np.asarray(ego2global, np.float64) @ np.asarray(lidar2ego, np.float64)
    rotation = lidar2global[:3, :3]
    centres = boxes[:, :3] @ rotation.T + lidar2global[:3, 3]
    flat = np.zeros((len(boxes), 3))
    if boxes.shape[1] >= 9:
        flat[:, :2] = boxes[:, 7:9]
    velocities = flat @ rotation.T
    turns = Rotation.from_matrix(rotation) * Rotation.from_euler('z', boxes[:, 6:7])
    quaternions = turns.as_quat()[:, [3, 0, 1, 2]]
    speeds = np.linalg.norm(velocities[:, :2], axis=1)
    return [
        dict(sample_token=token, translation=centres[i].tolist(), size=boxes[i, [4, 3, 5]].tolist(),
             rotation=quaternions[i].tolist(), velocity=velocities[i, :2].tolist(),
             detection_name=classes[labels[i]], detection_score=float(scores[i]),
             attribute_name=default_attribute(classes[labels[i]], speeds[i]))
        for i in range(len(boxes))
    ]


def read_results(path: str | Path, tokens: Collection[str], version_tokens: Collection[str] = (),
                 ) -> dict[str, Any]:
    """Read a result file and see that it answers for the key frames to be evaluated.

    Args:
        path: JSON file with ``meta`` and ``results``.
        tokens: Sample tokens of the split; each must be there.
        version_tokens: Further tokens that may be there, so that a part of a split can be scored.

    Raises:
        FileNotFoundError, ValueError: no such file, not a result file, another set of samples, more than
            500 boxes in a sample, a box without a field, a number that is not finite.
    """
    path = require_file(path, 'result file')
    content = read_json(path, cure='make it again with tools/test.py')
    if not isinstance(content, Mapping) or not all(isinstance(content.get(key), Mapping)
                                                   for key in ('meta', 'results')):
        raise ValueError(f'{path}: a result file has the two entries "meta" and "results"')
    check_tokens(content['results'], tokens, str(path), allowed=version_tokens)
    for token, rows in content['results'].items():
        if not isinstance(rows, list):
            raise ValueError(f'{path}: sample {token}: must hold a list of boxes')
        if len(rows) > MAX_BOXES_PER_SAMPLE:
            raise ValueError(f'{path}: sample {token} has {len(rows)} boxes, at most '
                             f'{MAX_BOXES_PER_SAMPLE} are allowed')
        for row in rows:
            _check_row(path, token, row)
    return content


class TokenMismatchError(ValueError):
    """An answer to other key frames than those that were asked for; ``given`` are the answer's sample tokens."""

    def __init__(self, message: str, given: Collection[str]) -> None:
        super().__init__(message)
        self.given = given


def check_tokens(given: Collection[str], wanted: Collection[str], where: str, *,
                 allowed: Collection[str] = ()) -> None:
    """See that two sets of sample tokens are equal, but for ``allowed`` ones that may come on top.

    Raises:
        TokenMismatchError: says how many samples each side has and how many are missing or foreign.
    """
    given_set, wanted_set = set(given), set(wanted)
    missing, foreign = wanted_set - given_set, given_set - wanted_set - set(allowed)
    if not missing and not foreign:
        return
    example = sorted(missing or foreign)[0]
    raise TokenMismatchError(f'{where}: {len(given_set)} samples, but {len(wanted_set)} are expected: {len(missing)} '
                             f'missing, {len(foreign)} foreign (for example {example}). Was it made for another '
                             'version or split?', given_set)


def _check_prediction(token: str, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray,
                      classes: Sequence[str]) -> None:
    if boxes.ndim != 2 or boxes.shape[1] not in (7, 9) or not len(boxes) == len(scores) == len(labels):
        raise ValueError(f'sample {token}: expected (N, 7 or 9) boxes, N scores and N labels, got '
                         f'{boxes.shape}, {scores.shape}, {labels.shape}')
    bad = ~(np.isfinite(boxes).all(axis=1) & np.isfinite(scores))
    if bad.any():
        raise ValueError(f'sample {token}: {bad.sum()} of {len(bad)} predictions hold NaN or infinity; the '
                         'model has diverged (look at the training log) or its weights are damaged')
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
        raise ValueError(f'sample {token}: labels {labels.min()}..{labels.max()} for {len(classes)} classes')


_NUMBERS = {'translation': 3, 'size': 3, 'rotation': 4, 'velocity': 2}


def _check_row(path: Path, token: str, row: Mapping[str, Any]) -> None:
    try:
        name, _, own = row['detection_name'], row['attribute_name'], row['sample_token']
        values = [row['detection_score']]
        for field, count in _NUMBERS.items():
            if len(row[field]) != count:
                raise ValueError(f'{path}: sample {token}: {field} must have {count} numbers')
            values.extend(row[field])
    except (KeyError, TypeError) as error:
        raise ValueError(f'{path}: sample {token}: a box lacks field {error}') from None
    if own != token:
        raise ValueError(f'{path}: sample {token} holds a box whose sample_token is {own}')
    try:
        numbers = np.asarray(values, np.float64)
    except (ValueError, TypeError):
        raise ValueError(f'{path}: sample {token}: a {name} box holds something that is no number') from None
    if not np.isfinite(numbers).all():
        raise ValueError(f'{path}: sample {token}: a {name} box holds NaN or infinity')
