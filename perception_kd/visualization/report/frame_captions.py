"""Words about a frame: where it is, what was found, and which objects distillation has won or lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.fast.boxes import Mask
from perception_kd.evaluation.fast.truth import Truth
from perception_kd.structures.classes import NUSCENES_CLASSES
from perception_kd.visualization.report.frame_scores import Choice, FrameCounts, FrameMatches
from perception_kd.visualization.report.words import class_name, sentence

KINDS = {'helped': 'Where distillation helped most', 'hurt': 'Where distillation hurt most',
         'hard': 'Where it is hardest', 'best': 'Where it is best'}
_WORDS_OF_SCENE = 3


@dataclass(frozen=True)
class Judged:
    """One model at one score threshold.

    Args:
        matches: All its matches.
        threshold: Of the score.
        counts: At this threshold.
    """

    matches: FrameMatches
    threshold: float
    counts: FrameCounts

    @classmethod
    def of(cls, matches: FrameMatches, threshold: float) -> Judged:
        """With its counts."""
        return cls(matches, threshold, matches.counts(threshold))

    @property
    def found(self) -> Mask:
        """``(N,)`` which true boxes it found."""
        return self.matches.found(self.threshold)


def place_of(truth: Truth, frame: int) -> str:
    """``scene-0009, key frame 5 of 10 (Night, drive on)``; the name alone of a scene of one frame."""
    inside = np.flatnonzero(truth.scene == truth.scene[frame])
    row = truth.scenes[truth.scene[frame]]
    if len(inside) == 1:
        return f'`{row["name"]}`'
    words = ', '.join(row.get('description', '').split(', ')[:_WORDS_OF_SCENE])
    return (f'`{row["name"]}`, key frame {int(np.searchsorted(inside, frame)) + 1} of {len(inside)}'
            f'{f" ({words})" if words else ""}')


def single_caption(choice: Choice, truth: Truth, model: Judged) -> str:
    """Words under a picture of one model."""
    counts, at = model.counts, choice.frame
    objects = counts.objects[at]
    return (f'{KINDS[choice.kind]}: {place_of(truth, at)}. {counts.hits[at]} of {objects} objects found, '
            f'{_number(counts.false_alarms[at], "false alarm")}; F1 {counts.f1[at]:.2f}.')


def pair_caption(choice: Choice, truth: Truth, plain: Judged, distilled: Judged) -> str:
    """Words under a picture of a student without distillation and with it."""
    at, old, new = choice.frame, plain.counts, distilled.counts
    kind = 'Where it is hardest for both' if choice.kind == 'hard' else KINDS[choice.kind]
    parts = [f'{kind}: {place_of(truth, at)}. With distillation {new.hits[at]} of {new.objects[at]} '
             f'objects found, without {old.hits[at]}; false alarms {new.false_alarms[at]} and {old.false_alarms[at]}; '
             f'F1 {new.f1[at]:.2f} and {old.f1[at]:.2f}.']
    here = truth.boxes.frame == at
    changes = {'Found only with it': here & distilled.found & ~plain.found,
               'only without it': here & plain.found & ~distilled.found}
    return ' '.join([*parts, _changes(truth, changes)]).rstrip()


def _changes(truth: Truth, changes: Mapping[str, Mask]) -> str:
    parts = [f'{words}: {counted_classes(truth, mask)}' for words, mask in changes.items() if mask.any()]
    return f'{sentence("; ".join(parts))}.' if parts else ''


def counted_classes(truth: Truth, mask: Mask) -> str:
    """``3 pedestrians, 1 car``, most frequent first."""
    names = Counter(class_name(NUSCENES_CLASSES[label]) for label in truth.boxes.label[mask])
    return ', '.join(_number(count, name) for name, count in sorted(names.items(), key=lambda one: (-one[1], one[0])))


def _number(count: int, name: str) -> str:
    return f'{count} {name}' if count == 1 else f'{count} {name}es' if name == 'bus' else f'{count} {name}s'
