"""HOTA, CLEAR (MOTA) and identity (IDF1) figures, computed by TrackEval."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from perception_kd.evaluation.tracking.state_accuracy import state_accuracy
from perception_kd.evaluation.tracking.videos import Frame, Video
from perception_kd.evaluation.uav.boxes import overlaps, wasserstein

SIMILARITIES = ('iou', 'nwd')
IGNORED = 0.5  # share of a false box that lies in an ignored region
MISSING = ("tracks are scored by trackeval: pip install 'perception_kd[eval]', or with Python 3.12 "
           'pip install --no-deps trackeval==1.3.0 and pip install tabulate')


@dataclass(frozen=True)
class TrackRules:
    """What counts as found.

    Args:
        threshold: Least similarity for MOTA and IDF1; HOTA averages over 0.05 ... 0.95.
        similarity: ``iou``, or ``nwd`` for targets of some pixels: normalised Wasserstein distance.
        scale: Px; of ``nwd``, the mean side of the targets.

    Raises:
        ValueError: a number or name out of range.
    """

    threshold: float = 0.5
    similarity: str = 'iou'
    scale: float = 12.8

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1 or not self.scale > 0:
            raise ValueError(f'threshold is above 0 and at most 1, scale above 0: got {self.threshold}, {self.scale}')
        if self.similarity not in SIMILARITIES:
            raise ValueError(f'similarity is {" or ".join(SIMILARITIES)}, got {self.similarity!r}')


@dataclass(frozen=True)
class TrackScores:
    """Figures by name, shares of 1 or counts; NaN where nothing could be measured.

    Args:
        rules: By which they came.
        total: Of all videos together; ``SA`` is the mean of those that have one.
        videos: By name of the video.
    """

    rules: TrackRules
    total: Mapping[str, float]
    videos: Mapping[str, Mapping[str, float]]


def score_tracks(videos: Sequence[Video], rules: TrackRules | None = None) -> TrackScores:
    """Figures of each video and of all.

    Raises:
        ImportError: TrackEval is not installed.
    """
    rules = rules or TrackRules()
    metrics = _metrics(rules)
    data = {one.name: _as_trackeval_takes_it(one, rules) for one in videos}
    parts = {kind: {name: metric.eval_sequence(one) for name, one in data.items()} for kind, metric in metrics.items()}
    accuracy = {one.name: state_accuracy(one) for one in videos}

    def figures(names: Sequence[str]) -> dict[str, float]:
        combined = {kind: metric.combine_sequences({name: parts[kind][name] for name in names})
                    for kind, metric in metrics.items()}
        known = [accuracy[name] for name in names if accuracy[name] is not None]
        counts = {key: sum(data[name][f'num_{key}'] for name in names)
                  for key in ('timesteps', 'gt_ids', 'tracker_ids')}
        return _figures(combined, counts, float(np.mean(known)) if known else math.nan)

    return TrackScores(rules, figures(list(data)), {name: figures([name]) for name in data})


def _metrics(rules: TrackRules) -> dict[str, Any]:
    try:
        with redirect_stdout(io.StringIO()):  # it prints what it imports
            from trackeval.metrics import CLEAR, HOTA, Identity
    except ImportError as error:
        raise ImportError(MISSING) from error
    config = dict(THRESHOLD=rules.threshold, PRINT_CONFIG=False)
    return dict(hota=HOTA(), clear=CLEAR(dict(config)), identity=Identity(dict(config)))


def _as_trackeval_takes_it(video: Video, rules: TrackRules) -> dict[str, Any]:
    """A video as TrackEval takes it, ids counted from 0."""
    frames = [_without_ignored(frame, _similarity(frame, rules), rules) for frame in video.frames]
    true_ids = np.unique(np.concatenate([np.zeros(0, int), *(frame.truth.ids for frame in video.frames)]))
    found_ids = np.unique(np.concatenate([np.zeros(0, int), *(ids for ids, _ in frames)]))
    return dict(
        num_timesteps=len(frames), num_gt_ids=len(true_ids), num_tracker_ids=len(found_ids),
        num_gt_dets=sum(len(frame.truth.ids) for frame in video.frames),
        num_tracker_dets=sum(len(ids) for ids, _ in frames),
        gt_ids=[np.searchsorted(true_ids, frame.truth.ids) for frame in video.frames],
        tracker_ids=[np.searchsorted(found_ids, ids) for ids, _ in frames],
        similarity_scores=[similarity for _, similarity in frames])


def _similarity(frame: Frame, rules: TrackRules) -> NDArray:
    """``(G, D)``; 0 between classes."""
    truth, found = frame.truth, frame.found
    value = overlaps(found.boxes, truth.boxes) if rules.similarity == 'iou' else wasserstein(
        found.boxes, truth.boxes, rules.scale)
    return np.where(found.labels[:, None] == truth.labels[None], value, 0.0).T


def _without_ignored(frame: Frame, similarity: NDArray, rules: TrackRules) -> tuple[NDArray, NDArray]:
    """Ids and similarities of the predictions that count: a false one in an ignored region does not."""
    if not len(frame.ignored):
        return frame.found.ids, similarity
    rows, columns = linear_sum_assignment(-np.where(similarity >= rules.threshold, similarity, 0))
    matched = columns[similarity[rows, columns] >= rules.threshold]
    inside = overlaps(frame.found.boxes, frame.ignored, np.ones(len(frame.ignored), bool)).max(axis=1) >= IGNORED
    kept = ~inside
    kept[matched] = True
    return frame.found.ids[kept], similarity[:, kept]


def _figures(combined: Mapping[str, Mapping[str, Any]], counts: Mapping[str, int], accuracy: float) -> dict[str, float]:
    hota, clear, identity = combined['hota'], combined['clear'], combined['identity']
    shares = {name: float(np.mean(hota[name])) for name in ('HOTA', 'DetA', 'AssA', 'LocA')}
    shares.update({name: float(clear[name]) for name in ('MOTA', 'MOTP')})
    shares.update({name: float(identity[name]) for name in ('IDF1', 'IDP', 'IDR')})
    if not clear['CLR_TP'] + clear['CLR_FN']:  # no target: TrackEval divides by 1
        shares = dict.fromkeys(shares, math.nan)
    names = dict(switches='IDSW', mostly_tracked='MT', mostly_lost='ML', found='CLR_TP',
                 missed='CLR_FN', false='CLR_FP')
    return {**shares, 'SA': accuracy, **{ours: int(clear[theirs]) for ours, theirs in names.items()},
            'targets': counts['gt_ids'], 'tracks': counts['tracker_ids'], 'frames': counts['timesteps']}
