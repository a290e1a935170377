"""Curves over recall of one class at one distance (nuscenes-devkit's ``accumulate``, from matches made before)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from perception_kd.evaluation.fast.boxes import Floats, Mask
from perception_kd.evaluation.fast.errors import TP_METRICS

RECALLS = np.linspace(0, 1, 101)
Curves = dict[str, Floats]
"""``recall``, ``precision``, ``confidence`` and the five errors, each ``(101,)``."""


def no_predictions() -> Curves:
    """Curves of a class without a match."""
    zeros, ones = np.zeros(len(RECALLS)), np.ones(len(RECALLS))
    return dict(recall=RECALLS, precision=zeros, confidence=zeros, **dict.fromkeys(TP_METRICS, ones))


def curves(hit: Mask, score: Floats, errors: Mapping[str, Floats], positives: int) -> Curves:
    """Curves from the predictions of a class in falling score.

    Args:
        hit: ``(n,)`` which have met a true box.
        score: ``(n,)``.
        errors: By name ``(hits,)``, of those that have.
        positives: True boxes of the class.

    Raises:
        ValueError: scores below 0, with which the devkit's curve of confidence does not fall.
    """
    if not positives or not hit.any():
        return no_predictions()
    found, wrong = np.cumsum(hit).astype(float), np.cumsum(~hit).astype(float)
    recall = found / float(positives)
    precision = np.interp(RECALLS, recall, found / (wrong + found), right=0)
    confidence = np.interp(RECALLS, recall, score, right=0)
    if (np.diff(confidence) > 0).any():
        raise ValueError('predictions have scores below 0; the metric wants scores from 0 to 1')
    matched = score[hit][::-1]
    resampled = {name: np.interp(confidence[::-1], matched, cumulative_mean(errors[name])[::-1])[::-1]
                 for name in TP_METRICS}
    return dict(recall=RECALLS, precision=precision, confidence=confidence, **resampled)


def cumulative_mean(values: Floats) -> Floats:
    """Mean up to each place that leaves out NaN: 0 before the first number, ones where all is NaN."""
    known = ~np.isnan(values)
    if not known.any():
        return np.ones(len(values))
    total, count = np.nancumsum(values), np.cumsum(known)
    return np.divide(total, count, out=np.zeros_like(total), where=count != 0)


def average_precision(curve: Curves, min_recall: float, min_precision: float) -> float:
    """Mean precision over the recalls above ``min_recall``, as far as it is above ``min_precision``, made 0 to 1."""
    precision = np.copy(curve['precision'])[round(100 * min_recall) + 1:]
    precision -= min_precision
    precision[precision < 0] = 0
    return float(np.mean(precision)) / (1.0 - min_precision)


def mean_error(curve: Curves, min_recall: float, name: str) -> float:
    """Mean of an error from above ``min_recall`` to the highest recall; 1 where that is not reached."""
    first, reached = round(100 * min_recall) + 1, np.nonzero(curve['confidence'])[0]
    last = reached[-1] if len(reached) else 0
    return 1.0 if last < first else float(np.mean(curve[name][first:last + 1]))
