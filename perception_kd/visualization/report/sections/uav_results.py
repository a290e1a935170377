"""The first screen of a report on drone detectors: what was scored on which pictures, and the tables."""

from __future__ import annotations

from perception_kd.evaluation.uav.rules import NEGATIVES
from perception_kd.visualization.report.blocks import Block, Heading, Number, Numbers, Section, Table, Text
from perception_kd.visualization.report.runs import DISTILLED, STUDENT, TEACHER, UAV, Method, RunSet
from perception_kd.visualization.report.uav.tables import (
    AVERAGES,
    DEPLOYED,
    SIZES,
    charts,
    difference_table,
    figure_table,
    first_scored,
    same_data,
    scored,
    value,
)
from perception_kd.visualization.report.words import count, decimal, duration, listed, sentence, signed

_WORDS = {TEACHER: ('teacher', ''), STUDENT: ('student without distillation', 'students without distillation'),
          DISTILLED: ('student with distillation', 'students with distillation')}


def section(runs: RunSet) -> Section | None:
    """None where the runs are of another task."""
    if runs.task != UAV:
        return None
    methods = scored(runs)
    blocks: list[Block] = []
    if methods:
        rules = first_scored(methods[0]).drones.get('rules', {})
        blocks = [_headline(runs, methods), figure_table(runs, (*AVERAGES, *SIZES, 'AR100'), _AP),
                  *difference_table(runs), Heading('As deployed'),
                  figure_table(runs, DEPLOYED, _deployed(rules)), *charts(runs), *_caution(runs, methods)]
    return Section('results', 'Results' if methods else 'State', _lead(runs, methods), [*blocks, *_unfinished(runs)])


_AP = ('AP is the mean over ten thresholds of IoU, 0.5 to 0.95, AP5090 that over the nine up to 0.9; AP_vt to AP_m are '
       "AP by AI-TOD's sizes of targets. Computed by pycocotools.")


def _deployed(rules: dict[str, float]) -> str:
    return (f'Predictions with a score of {rules.get("score_thr", 0):g} or more, matched one to one at IoU '
            f'{rules.get("iou_thr", 0):g}. {NEGATIVES} is the number of false alarms a picture without a drone: birds '
            'and aircraft. best_F1 is F1 at the score that is best for it on these pictures.')


def _lead(runs: RunSet, methods: list[Method]) -> str:
    named = methods or list(runs.methods)
    kinds = [count(len(found), *_WORDS[role]) for role in _WORDS if (found := [
        one for one in named if one.role == role])]
    text = sentence(listed(kinds))
    if methods:
        counts = first_scored(methods[0]).drones.get('counts', {})
        pictures, videos, targets = (count(counts.get(key, 0), word) for key, word in (
            ('images', 'picture'), ('videos', 'video'), ('targets', 'target')))
        text += f', scored on {pictures} of {videos}: {targets}, {counts.get("negatives", 0)} pictures without one'
    worlds = [f'`{world}`' for world in runs.worlds if world]
    told = f' Simulated ({", ".join(worlds)}): these figures say little about real pictures.' if worlds else ''
    return f'{text}.{told}'


def _headline(runs: RunSet, methods: list[Method]) -> Numbers:
    """The best teacher, the baseline, the best of the others with what it gained; of one model its main figures."""
    if len(methods) == 1:
        return Numbers([Number(name, decimal(value(methods[0], name)))
                        for name in ('AP', 'AP50', 'recall', 'precision', NEGATIVES)])

    def best(found: list[Method]) -> Method | None:
        return max(found, key=lambda one: value(one, 'AP'), default=None)

    baseline = next((one for one in methods if one is runs.baseline_method), None)
    others = [one for one in methods if one.role != TEACHER and one is not baseline]
    cards = []
    for one in (best([one for one in methods if one.role == TEACHER]), baseline, best(others)):
        if one is not None:
            note = f'recall {decimal(value(one, "recall"))}'
            if baseline is not None and one in others:
                note = f'{signed(value(one, "AP") - value(baseline, "AP"))} against {baseline.title}'
            cards.append(Number(f'AP: {one.title}', decimal(value(one, 'AP')), '', note, 'plain', one.title))
    return Numbers(cards)


def _caution(runs: RunSet, methods: list[Method]) -> list[Block]:
    """What a reader must not conclude."""
    texts = []
    if not same_data(runs):
        texts.append('These runs were scored on other pictures or by other rules, and must not be compared.')
    if len(methods) > 1 and max(len(one.runs) for one in methods) == 1:
        texts.append('One seed decides nothing: the same model, trained again with another seed, may well move by more '
                     'than the differences above.')
    return [Text(text) for text in texts]


def _unfinished(runs: RunSet) -> list[Block]:
    rows = [[run.title, f'{run.epochs[0] or 0} of {run.epochs[1] or "?"}', duration(run.seconds.get('train'))]
            for run in runs.runs if not run.scored]
    if not rows:
        return []
    return [Table(['Not scored', 'Epochs', 'Time so far'], rows,
                  'Runs without figures: still training, interrupted, or not scored yet (`tools/test.py`).')]
