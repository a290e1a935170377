"""Intervals of the nuScenes metrics from scenes that are drawn with replacement (the bootstrap of Efron, 1979).

Key frames of a scene show the same objects, so single frames are not drawn: intervals would come out too narrow.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping

import numpy as np

from perception_kd.evaluation.fast.boxes import Floats, Ints
from perception_kd.evaluation.fast.errors import TP_METRICS
from perception_kd.evaluation.fast.metrics import NOT_MEASURED
from perception_kd.evaluation.fast.settings import DetectionSettings
from perception_kd.evaluation.report import ERRORS, MEAN_ERRORS
from perception_kd.evaluation.resampling.ranking import Ranking
from perception_kd.evaluation.resampling.weighted import weighted_metrics

FEW_SCENES = 10
Interval = tuple[float, float] | None
Progress = Callable[[str], None]


def draw_scenes(scenes: int, resamples: int, seed: int) -> Ints:
    """``(R, S)`` how often each scene is drawn; no row for a single scene, of which nothing can be drawn.

    Raises:
        ValueError: less than no resample.
    """
    if resamples < 0:
        raise ValueError(f'resamples must be at least 0, got {resamples}')
    if scenes < 2 or not resamples:
        return np.zeros((0, scenes), np.int64)
    return np.random.default_rng(seed).multinomial(scenes, np.full(scenes, 1 / scenes), size=resamples)


def interval(values: Floats) -> Interval:
    """95 % of the finite values."""
    values = values[np.isfinite(values)]
    return tuple(np.percentile(values, [2.5, 97.5]).tolist()) if len(values) else None


def sampled_metrics(rankings: Mapping[str, Ranking], weights: Ints, settings: DetectionSettings,
                    progress: Progress | None = None) -> dict[str, Floats]:
    """Every metric of each resample ``(R,)``, by the names of :data:`~perception_kd.evaluation.report.METRICS`.

    mAP, NDS and the mean errors count a class without truth as the devkit does: AP 0, errors 1. Its own values are NaN,
    and ``mAP_present`` leaves it out.

    Args:
        rankings: By class, as :func:`~perception_kd.evaluation.resampling.ranking.rank` gives them.
        weights: ``(R, S)`` how often each scene is drawn; a row of ones is the data set itself.
        settings: Of the metric.
        progress: Is told each class that is done.
    """
    average, errors = class_metrics(rankings, weights, settings, progress)
    return {**_totals(average, errors, settings), **_of_classes(average, errors)}


def class_metrics(rankings: Mapping[str, Ranking], weights: Ints, settings: DetectionSettings,
                  progress: Progress | None = None) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """AP, mean over the distances, ``(R,)`` and errors ``(R, 5)`` of each class; NaN where there are none.

    Arguments as for :func:`sampled_metrics`.
    """
    average, errors = {}, {}
    for name, ranking in rankings.items():
        areas, of_class = weighted_metrics(ranking, weights, settings)
        of_class[:, [TP_METRICS.index(key) for key in NOT_MEASURED.get(name, ())]] = np.nan
        average[name], errors[name] = areas.mean(axis=1), of_class
        if progress:
            progress(name)
    return average, errors


def known_mean(values: Floats) -> Floats:
    """Mean over the first axis of what is not NaN; NaN where all is."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', RuntimeWarning)
        return np.nanmean(values, axis=0)


def _totals(average: Mapping[str, Floats], errors: Mapping[str, Floats],
            settings: DetectionSettings) -> dict[str, Floats]:
    aps = np.stack(list(average.values()))
    mean_ap = np.nan_to_num(aps).mean(axis=0)
    means = np.stack([_mean_error(errors, key) for key in TP_METRICS])
    scores = np.clip(1 - means, 0, None).sum(axis=0)
    weight = settings.mean_ap_weight
    nds = (weight * mean_ap + scores) / (weight + len(TP_METRICS))
    return dict(mAP=mean_ap, NDS=nds, mAP_present=known_mean(aps),
                **dict(zip((MEAN_ERRORS[key] for key in TP_METRICS), means)))


def _mean_error(errors: Mapping[str, Floats], key: str) -> Floats:
    """Over the classes of which the error is measured; 1 for one without truth."""
    column = TP_METRICS.index(key)
    measured = [values[:, column] for name, values in errors.items() if key not in NOT_MEASURED.get(name, ())]
    return np.nan_to_num(np.stack(measured), nan=1.0).mean(axis=0)


def _of_classes(average: Mapping[str, Floats], errors: Mapping[str, Floats]) -> dict[str, Floats]:
    found = {}
    for name in average:
        found[f'{name}_AP'] = average[name]
        found.update({f'{name}_{ERRORS[key]}': errors[name][:, column] for column, key in enumerate(TP_METRICS)})
    return found
