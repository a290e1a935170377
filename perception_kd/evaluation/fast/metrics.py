"""NDS, mAP and true-positive errors from boxes on arrays: the values of nuscenes-devkit's ``DetectionEval.evaluate``.

The order of additions is the devkit's throughout, so that results are equal to the last bit.
"""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays
from perception_kd.evaluation.fast.curves import Curves, average_precision, curves, mean_error
from perception_kd.evaluation.fast.errors import TP_METRICS, pair_errors
from perception_kd.evaluation.fast.matching import Matches, match
from perception_kd.evaluation.fast.settings import DetectionSettings, OfficialSettings
from perception_kd.structures.classes import NUSCENES_CLASSES

_DETAILS = ('recall', 'precision', 'confidence', 'trans_err', 'vel_err', 'scale_err', 'orient_err', 'attr_err')
NOT_MEASURED = {'traffic_cone': ('attr_err', 'vel_err', 'orient_err'), 'barrier': ('attr_err', 'vel_err')}
"""Errors that a class does not have: no number, and no part of the means."""


def evaluate_arrays(truth: BoxArrays, predicted: BoxArrays, settings: DetectionSettings | None = None,
                    ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Score predictions; filter both sides before (``filters``).

    Args:
        truth, predicted: Boxes of the same key frames.
        settings: Of the metric; the official ones without.

    Returns:
        What the devkit's ``DetectionMetrics.serialize`` and ``DetectionMetricDataList.serialize`` give, which are the
        contents of ``metrics_summary.json`` and ``metrics_details.json``.

    Raises:
        ValueError: settings that the devkit refuses, scores below 0, or sizes that are not positive.
    """
    began = time.time()
    settings = settings or OfficialSettings()
    _check(settings)
    all_curves = class_curves(truth, predicted, match(truth, predicted, settings.dist_ths), settings)
    aps, errors = {}, {}
    for name in settings.class_range:
        aps[name] = {distance: average_precision(all_curves[name, distance], settings.min_recall,
                                                 settings.min_precision) for distance in settings.dist_ths}
        at = all_curves[name, settings.dist_th_tp]
        errors[name] = {key: math.nan if key in NOT_MEASURED.get(name, ())
                        else mean_error(at, settings.min_recall, key) for key in TP_METRICS}
    summary = {'label_aps': aps, **_means(aps, errors, settings), 'eval_time': time.time() - began,
               'cfg': settings.serialize()}
    details = {f'{name}:{distance}': {key: curve[key].tolist() for key in _DETAILS}
               for (name, distance), curve in all_curves.items()}
    return summary, details


def class_curves(truth: BoxArrays, predicted: BoxArrays, matches: Matches,
                 settings: DetectionSettings) -> dict[tuple[str, float], Curves]:
    """Curves of every class (in the order of ``settings.class_range``) and distance."""
    positives = np.bincount(truth.label, minlength=len(LABELS))
    score, met = predicted.score[matches.order], np.full(len(predicted), -1)
    values, found = {key: np.empty(len(predicted)) for key in TP_METRICS}, {}
    for distance, true_box in zip(settings.dist_ths, matches.true_box):
        hit = true_box >= 0
        new = np.flatnonzero(hit & (true_box != met))  # most pairs are those of the distance before
        errors = pair_errors(truth.take(true_box[new]), predicted.take(matches.order[new]))
        met[new] = true_box[new]
        for key in TP_METRICS:
            values[key][new] = errors[key]
        for label, name in enumerate(NUSCENES_CLASSES):
            part = slice(matches.starts[label], matches.starts[label + 1])
            own = {key: values[key][part][hit[part]] for key in TP_METRICS}
            found[name, distance] = curves(hit[part], score[part], own, int(positives[label]))
    return {(name, distance): found[name, distance] for name in settings.class_range for distance in settings.dist_ths}


def _means(aps: dict[str, dict[float, float]], errors: dict[str, dict[str, float]],
           settings: DetectionSettings) -> dict[str, Any]:
    mean_dist_aps = {name: np.mean(list(values.values())) for name, values in aps.items()}
    mean_ap = float(np.mean(list(mean_dist_aps.values())))
    tp_errors = {key: float(np.nanmean([errors[name][key] for name in settings.class_range])) for key in TP_METRICS}
    tp_scores = {key: max(0.0, 1.0 - error) for key, error in tp_errors.items()}
    total = float(settings.mean_ap_weight * mean_ap + np.sum(list(tp_scores.values())))
    return dict(mean_dist_aps=mean_dist_aps, mean_ap=mean_ap, label_tp_errors=errors, tp_errors=tp_errors,
                tp_scores=tp_scores, nd_score=total / float(settings.mean_ap_weight + len(tp_scores)))


def _check(settings: DetectionSettings) -> None:
    if set(settings.class_range) != set(LABELS):
        raise ValueError(f'class_range must name the ten classes {", ".join(LABELS)}')
    if settings.dist_th_tp not in settings.dist_ths or settings.dist_fcn != 'center_distance':
        raise ValueError('dist_th_tp must be one of dist_ths, and dist_fcn center_distance')
    if not (0 <= settings.min_precision < 1 and 0 <= settings.min_recall <= 1):
        raise ValueError('min_recall must be from 0 to 1, min_precision from 0 to below 1')
