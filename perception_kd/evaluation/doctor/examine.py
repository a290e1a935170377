"""What is wrong with predictions, found by reading them in other ways and scoring again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from perception_kd.evaluation.doctor.case import Case, sampled
from perception_kd.evaluation.doctor.causes import CAUSES
from perception_kd.evaluation.doctor.counts import find_far, find_few, find_no_velocity, find_nothing
from perception_kd.evaluation.doctor.evidence import Trial
from perception_kd.evaluation.doctor.finding import SEVERITIES, Finding
from perception_kd.evaluation.doctor.frames import Frames
from perception_kd.evaluation.doctor.headings import find_heading
from perception_kd.evaluation.doctor.labels import Clue, find_attributes, find_classes, find_one_class
from perception_kd.evaluation.doctor.motion import find_velocity
from perception_kd.evaluation.doctor.positions import find_place
from perception_kd.evaluation.doctor.scores import (
    find_cut,
    find_duplicates,
    find_order,
    find_range,
    ranked,
)
from perception_kd.evaluation.doctor.shifts import find_shift
from perception_kd.evaluation.doctor.sizes import find_height, find_size, find_swap
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.filters import filter_truth
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import Truth


def examine(truth: Truth, predicted: BoxArrays, frames: Frames, *, most_frames: int = 400) -> list[Finding]:
    """Find known mistakes.

    Each way to read the predictions that a known mistake asks for is applied to them, and a mistake is named only where
    that makes its tell-tale error much smaller, in most scenes and classes (``evidence``). What is found first is
    mended before the next is looked for, so that a wrong frame does not hide a wrong heading.

    Args:
        truth: True boxes of the key frames, not filtered.
        predicted: Predictions for the same key frames, not filtered.
        frames: Where LiDAR and ego car are in them.
        most_frames: More key frames than these are sampled.

    Returns:
        Errors first.
    """
    counted = filter_truth(truth, OfficialSettings().class_range).boxes
    case = sampled(Case(counted, truth.racks, predicted, frames), most_frames)
    clues = _Examination(case).clues()
    findings = [Finding(clue.code, *CAUSES[clue.code], clue.evidence, clue.classes) for clue in clues]
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


class _Examination:
    """One case, mended step by step."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.one_class = self.renamed = False
        self.found: list[Clue] = []

    def clues(self) -> Sequence[Clue]:
        """All that is found, in the order in which it is mended."""
        nothing = find_nothing(self.case)
        if (nothing is not None and nothing.code == 'no_predictions') or not len(self.case.truth):
            return [nothing] if nothing else []
        self._add(nothing)
        self._scores()
        self._places()
        self._boxes()
        self._rest()
        return self.found

    def _add(self, clue: Clue | None) -> bool:
        if clue is None:
            return False
        self.found.append(clue)
        if clue.cure is not None:
            self.case = self.case.reading(clue.cure)
        return True

    def _scores(self) -> None:
        outside = find_range(self.case)
        if outside is not None:
            self.case = replace(self.case, predicted=ranked(self.case.predicted))
        self.outside = outside

    def _places(self) -> None:
        place = find_place(self.case)
        if place is not None:
            before = self.case.metrics['mAP']
            after = self.case.reading(place.cure).metrics['mAP']
            self._add(Clue(place.cure.code, f'mAP {before:.3f} -> {after:.3f}, true boxes met {place.before:.0%} -> '
                           f'{place.after:.0%}, if {place.cure.reading}', cure=place.cure))
        elif self._add(find_far(self.case)):
            return
        self.one_class = self._add(find_one_class(self.case))
        self.renamed = self.one_class or self._add(find_classes(self.case))
        backwards = self._add(find_order(self.case))
        if self.outside is not None and not backwards:
            self.found.append(self.outside)
        if not self.one_class:
            self._add(find_shift(self.case))

    def _boxes(self) -> None:
        self._trial(find_height(self.case.pairs), 'height error')
        swap = find_swap(self.case.pairs)
        turn = find_heading(self.case.pairs, swap is not None)
        if turn is not None and turn.cure.code == 'old_convention':
            before = self.case
            self.case = self.case.reading(swap.cure).reading(turn.cure)
            self._note(turn, before, 'mAOE', 'mASE')
        else:
            self._trial(swap, 'mASE')
            self._trial(turn, 'mAOE')
        if swap is None:
            self._trial(find_size(self.case.pairs), 'mASE')

    def _rest(self) -> None:
        if not self._add(find_no_velocity(self.case)):
            self._trial(find_velocity(self.case.pairs), 'mAVE')
        for find in (find_duplicates, find_cut, *(() if self.renamed else (find_attributes, find_few))):
            self._add(find(self.case))

    def _trial(self, trial: Trial | None, metric: str) -> None:
        if trial is not None:
            before = self.case
            self.case = self.case.reading(trial.cure)
            self._note(trial, before, metric)

    def _note(self, trial: Trial, before: Case, *names: str) -> None:
        numbers = [(name, before.metrics[name], self.case.metrics[name]) if name in before.metrics
                   else (f'mean {name}', trial.before, trial.after) for name in names]
        text = ', '.join(f'{name} {old:.2f} -> {new:.2f}' for name, old, new in numbers)
        self.found.append(Clue(trial.cure.code, f'{text} if {trial.cure.reading}'))
