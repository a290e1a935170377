"""Mistakes of names: classes in another order, one class for all, attributes that are missing or another's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES
from perception_kd.evaluation.doctor.case import MATCHING, Case
from perception_kd.evaluation.doctor.cures import Cure
from perception_kd.evaluation.doctor.evidence import ENOUGH, SOME, Ints
from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays
from perception_kd.structures.classes import NUSCENES_CLASSES

CLEAR, RARE = 0.4, 0.2
"""Shares of a class's predictions that have to lie on boxes of one other class, and may lie on those of their own."""
FOREIGN = 0.3
"""Share of the attributes that belong to another kind of object."""
RARELY = 0.1
"""Share of right attributes below which they are worse than guessed."""
COUNTS = 0.15
"""Share of the attributes of a kind of object above which a value is more than an accident."""

_FAMILY = np.array([name.split('.')[0] for name in ATTRIBUTES])
_FAMILY_OF = {'bicycle': 'cycle', 'motorcycle': 'cycle', 'pedestrian': 'pedestrian', 'traffic_cone': '', 'barrier': ''}
_CLASS_FAMILY = np.array([_FAMILY_OF.get(name, 'vehicle') for name in NUSCENES_CLASSES])


@dataclass(frozen=True)
class Clue:
    """What is behind a finding.

    Args:
        code: Key of ``CAUSES``.
        evidence: Of the finding.
        classes: Of the finding.
        cure: The way to read the predictions that mends them, where there is one.
    """

    code: str
    evidence: str
    classes: tuple[str, ...] = ()
    cure: Cure | None = None


def find_classes(case: Case) -> Clue | None:
    """Another order of the classes: predictions of a class lie on boxes of one other, and so on in a circle."""
    pairs = case.pairs_within(MATCHING, by_class=False)
    order = _order(pairs.predicted.label, pairs.truth.label)
    moved = np.flatnonzero(order != np.arange(len(order)))
    if not len(moved):
        return None
    cure = Cure('class_order', 'the classes are read in another order',
                lambda boxes, frames: boxes.replace(label=order[boxes.label]))
    before, after = (np.mean(one.class_aps[sorted({*moved, *order[moved]})]) for one in (case, case.reading(cure)))
    if after < before + 0.03 or after < 2 * before:
        return None
    names = ', '.join(f'{NUSCENES_CLASSES[one]} is {NUSCENES_CLASSES[order[one]]}' for one in moved)
    return Clue('class_order', f'mean AP of these classes {before:.3f} -> {after:.3f} if what is called {names}',
                cure=cure)


def _order(predicted: Ints, truth: Ints) -> Ints:
    """``(10,)`` the class that predictions of each class lie on; a class whose share is not clear keeps its name."""
    count = np.zeros((len(NUSCENES_CLASSES),) * 2, np.int64)
    np.add.at(count, (predicted, truth), 1)
    total, best = count.sum(axis=1), linear_sum_assignment(-count)[1]
    own = np.arange(len(count))
    clear = ((best != own) & (count[own, best] >= np.maximum(SOME, CLEAR * total))
             & (count[own, own] <= RARE * total))
    while True:  # a class whose name is taken has to go elsewhere itself, or must not have been predicted
        kept = clear & (clear[best] | (total[best] < SOME))
        if (kept == clear).all():
            break
        clear = kept
    order = np.where(clear, best, own)
    free = [one for one in own if one not in set(order)]
    for one in own[~clear]:
        if order[one] in set(best[clear]):
            order[one] = free.pop()
    return order if total[clear].sum() >= ENOUGH else own


def find_one_class(case: Case) -> Clue | None:
    """All predictions are of one class, and the true boxes are not."""
    labels = np.unique(case.predicted.label)
    others = int(case.truth_count.sum() - case.truth_count[labels].sum())
    if len(case.predicted) < ENOUGH or len(labels) != 1 or (case.truth_count >= SOME).sum() < 3 or others < ENOUGH:
        return None
    name = NUSCENES_CLASSES[labels[0]]
    return Clue('one_class', f'all {len(case.predicted)} predictions are called {name}, but {others} true boxes are of '
                f'{(case.truth_count > 0).sum() - 1} other classes')


def find_attributes(case: Case) -> Clue | None:
    """Attributes that are missing, of another kind of object, or the wrong way round."""
    predicted = case.predicted.take(_CLASS_FAMILY[case.predicted.label] != '')
    wanted = case.truth.attribute >= 0
    if len(predicted) < ENOUGH or wanted.sum() < ENOUGH:
        return None
    said = predicted.attribute >= 0
    if said.mean() < 0.01:
        return Clue('attributes_missing', f'{(~said).sum()} of {len(said)} predictions have no attribute, '
                    f'{wanted.sum()} true boxes have one')
    foreign = said & (_FAMILY[predicted.attribute] != _CLASS_FAMILY[predicted.label])
    if foreign.mean() >= FOREIGN:
        example = int(np.flatnonzero(foreign)[0])
        return Clue('attributes_foreign', f'{foreign.sum()} of {len(said)} predictions have an attribute of another '
                    f'kind of object, for example a {NUSCENES_CLASSES[predicted.label[example]]} with '
                    f'{list(ATTRIBUTES)[predicted.attribute[example]]}')
    return _wrong_way_round(case)


def _wrong_way_round(case: Case) -> Clue | None:
    """Never right although different values are given: chance would be right now and then."""
    pairs = case.pairs.take((case.pairs.truth.attribute >= 0) & (case.pairs.predicted.attribute >= 0))
    right = pairs.truth.attribute == pairs.predicted.attribute
    if len(pairs) < ENOUGH or right.mean() > RARELY or not _varied(pairs.truth) or not _varied(pairs.predicted):
        return None
    return Clue('attributes_wrong', f'{right.sum()} of {len(pairs)} attributes are right, fewer than by chance')


def _varied(boxes: BoxArrays) -> bool:
    """Whether at least two values of one kind of object are common."""
    count = np.bincount(boxes.attribute, minlength=len(ATTRIBUTES))
    parts = (count[np.equal(_FAMILY, family)] for family in ('vehicle', 'cycle', 'pedestrian'))
    return any((part > COUNTS * part.sum()).sum() >= 2 for part in parts)


MOVABLE = np.array([place for name, place in LABELS.items() if _CLASS_FAMILY[place]])
"""Labels of the classes that have a velocity and attributes."""
