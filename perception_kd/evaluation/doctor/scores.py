"""Mistakes of the scores, and of what is kept: order, range, threshold, duplicates."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import rankdata

from perception_kd.evaluation.doctor.case import MATCHING, Case
from perception_kd.evaluation.doctor.cures import Cure
from perception_kd.evaluation.doctor.evidence import ENOUGH, MOST, SOME, Floats, Mask
from perception_kd.evaluation.doctor.labels import Clue
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.matching import match
from perception_kd.structures.classes import NUSCENES_CLASSES

LEAST_GAIN = 1.3
"""mAP has to become so many times as high."""
BACKWARDS = 0.4
"""Mean rank of the hits among the predictions of their class, 0 to 1, below which the order is backwards."""
CUT_PRECISION, CUT_SCORE, CUT_RECALL = 0.6, 0.15, 0.85
"""A list is cut early when its end is still that precise, its lowest score that high and its recall below this."""
SAME_PLACE = 0.5
"""m between two boxes that are one object."""
DUPLICATED = 0.25
"""Share of the predictions that repeat a better one."""


def ranked(boxes: BoxArrays) -> BoxArrays:
    """The same order of scores, spread over (0, 1]: metrics want scores that are not negative."""
    return boxes.replace(score=rankdata(boxes.score, method='dense') / max(len(boxes), 1))


def find_range(case: Case) -> Clue | None:
    """Scores outside of 0 to 1."""
    score = case.predicted.score
    outside = (score < 0) | (score > 1)
    if not outside.any():
        return None
    return Clue('score_range', f'{outside.sum()} of {len(score)} scores lie outside of 0 to 1, they go from '
                f'{score.min():.3g} to {score.max():.3g}')


def find_order(case: Case) -> Clue | None:
    """High scores for false alarms and low ones for hits."""
    hit, rank = _hits(case)
    if min(hit.sum(), (~hit).sum()) < ENOUGH:
        return None
    if np.ptp(case.predicted.score) == 0:
        return Clue('score_constant', f'all {len(case.predicted)} scores are {case.predicted.score[0]:g}, and '
                    f'{(~hit).mean():.0%} of the predictions are false alarms')
    group = case.frames.group[case.seen(case.predicted).frame]
    means = [rank[(group == one) & hit].mean() for one in np.unique(group) if ((group == one) & hit).sum() >= SOME]
    cure = Cure('score_order', 'scores are reversed', lambda boxes, frames: ranked(boxes.replace(score=-boxes.score)))
    if rank[hit].mean() > BACKWARDS or np.mean(np.array(means) < 0.5) < MOST:
        return None
    before, after = case.metrics['mAP'], case.reading(cure).metrics['mAP']
    if after < LEAST_GAIN * before or after < before + 0.02:
        return None
    return Clue('score_order', f'mAP {before:.3f} -> {after:.3f} if scores are reversed', cure=cure)


def _hits(case: Case) -> tuple[Mask, Floats]:
    """Of the predictions that count: which lie near a true box of their class, and their rank in it, 0 to 1."""
    seen = case.seen(case.predicted)
    near = np.zeros(len(seen), bool)
    if len(seen) and len(case.truth):
        distance, _ = cKDTree(_places(case.truth)).query(_places(seen))
        near = distance < MATCHING
    rank = np.zeros(len(seen))
    for label in np.unique(seen.label):
        own = seen.label == label
        rank[own] = (rankdata(seen.score[own]) - 0.5) / own.sum()
    return near, rank


def find_cut(case: Case) -> Clue | None:
    """Low scores were thrown away: the curves stop while precision is high."""
    seen = case.seen(case.predicted)
    matches, cut, recalls, precisions = match(case.truth, seen, [MATCHING]), [], [], []
    counted = [label for label in range(len(NUSCENES_CLASSES)) if case.truth_count[label] >= ENOUGH]
    for label in counted:
        places, met = matches.of_class(label)
        precision, recall = (met[0] >= 0).mean() if len(places) else 0.0, (met[0] >= 0).sum() / case.truth_count[label]
        if len(places) >= SOME and precision >= CUT_PRECISION and recall <= CUT_RECALL:
            cut.append(label), recalls.append(recall), precisions.append(precision)
    lowest = float(case.predicted.score.min()) if len(case.predicted) else 0.0
    if not cut or len(cut) < len(counted) / 2 or not CUT_SCORE <= lowest <= 1:
        return None
    return Clue('score_cut', f'no score is below {lowest:.3f}, and the lists end at recall {np.mean(recalls):.2f} with '
                f'precision {np.mean(precisions):.2f}', tuple(NUSCENES_CLASSES[label] for label in cut))


def find_duplicates(case: Case) -> Clue | None:
    """Several boxes for one object."""
    repeated = _repeated(case.predicted)
    share = repeated.mean() if len(repeated) else 0.0
    if share < DUPLICATED or repeated.sum() < ENOUGH:
        return None
    cure = Cure('duplicates', 'repeated boxes are dropped', lambda boxes, frames: boxes.take(~_repeated(boxes)))
    before, after = case.metrics['mAP'], case.reading(cure).metrics['mAP']
    if after < 1.1 * before or after < before + 0.02:
        return None
    return Clue('duplicates', f'{share:.0%} of the predictions lie within {SAME_PLACE:g} m of a better one of their '
                f'class; mAP {before:.3f} -> {after:.3f} without them', cure=cure)


def _repeated(boxes: BoxArrays) -> Mask:
    """``(N,)`` whether a better box of its class lies almost at the same place."""
    worse = np.zeros(len(boxes), bool)
    if len(boxes):
        first, second = cKDTree(_places(boxes)).query_pairs(SAME_PLACE, output_type='ndarray').T
        worse[np.where(boxes.score[first] < boxes.score[second], first, second)] = True
    return worse


def _places(boxes: BoxArrays) -> Floats:
    """``(N, 3)`` places in the plane, far apart for other key frames and classes."""
    group = boxes.frame * len(NUSCENES_CLASSES) + boxes.label
    return np.column_stack([boxes.ego_translation[:, :2], group * 1e4])
