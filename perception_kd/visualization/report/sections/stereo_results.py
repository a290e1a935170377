"""The first screen of a report on stereo: what was scored on which pairs, the table, and what is different."""

from __future__ import annotations

from collections.abc import Sequence

from perception_kd.visualization.report.blocks import Block, Cell, Choice, Number, Numbers, Section, Table, Text
from perception_kd.visualization.report.runs import DISTILLED, OTHER, STEREO, STUDENT, TEACHER, Method, Run, RunSet
from perception_kd.visualization.report.stereo.figures import (
    EPE,
    Change,
    change,
    data_sets,
    main_figure,
    region_of,
    tested_on,
    value,
)
from perception_kd.visualization.report.stereo.tables import across_data_sets, data_set_blocks, figures_of, unit_of
from perception_kd.visualization.report.words import count, decimal, duration, listed, sentence, signed

_WORDS = {TEACHER: ('teacher', ''), STUDENT: ('student without distillation', 'students without distillation'),
          DISTILLED: ('student with distillation', 'students with distillation'),
          OTHER: ('other model', '')}
_TOLD = {'within the noise': ', within the noise', 'too few pictures': ', on too few pictures to tell'}
_TONES = {'better': 'good', 'worse': 'bad'}


def section(runs: RunSet) -> Section | None:
    """None where the runs are of another task."""
    if runs.task != STEREO:
        return None
    names = data_sets(runs)
    blocks: list[Block] = [_headline(runs, names[0]), *across_data_sets(runs, names)] if names else []
    panels = [(name, data_set_blocks(runs, name)) for name in names]
    blocks += [Choice('Data set', panels)] if len(panels) > 1 else [block for _, panel in panels for block in panel]
    blocks += [*_caution(runs, names), *_unfinished(runs)]
    return Section('results', 'Results' if names else 'State', _lead(runs, names), blocks)


def _lead(runs: RunSet, names: Sequence[str]) -> str:
    kinds = [count(len(found), *_WORDS[role]) for role in _WORDS
             if (found := [one for one in runs.methods if one.role == role and _counts(one, names)])]
    text = sentence(listed(kinds))
    if names:
        sizes = {name: next(len(run.tested[name].errors.pictures) for run in runs.runs if name in run.tested)
                 for name in names}
        text += ', scored on ' + listed([f'{count(size, "pair")} of “{name}”' for name, size in sizes.items()])
    worlds = [f'`{world}`' for world in runs.worlds if world]
    told = f' Simulated pairs ({", ".join(worlds)}): their figures say little about real scenes.' if worlds else ''
    return f'{text}.{told}'


def _counts(method: Method, names: Sequence[str]) -> bool:
    """Whether a method is named: where some are scored, those that are."""
    return not names or any(run.tested for run in method.runs)


def _headline(runs: RunSet, dataset: str) -> Numbers:
    """The best teacher, the baseline, the best of the others with what it gained; of one model all its figures."""
    figure, region = main_figure(runs, dataset), region_of(runs, dataset)
    methods = tested_on(runs, dataset)
    if len(methods) == 1:
        return Numbers([Number(name, _with_digits(value(methods[0], dataset, name, region)), unit_of(name))
                        for name in (EPE, *(one for one in figures_of(runs, dataset) if one != EPE))])

    def best(found: list[Method]) -> Method | None:
        return min(found, key=lambda one: value(one, dataset, figure, region), default=None)

    baseline = next((one for one in methods if one is runs.baseline_method), None)
    others = [one for one in methods if one.role not in (TEACHER, OTHER) and one is not baseline]
    chosen = [best([one for one in methods if one.role == TEACHER]), baseline, best(others)]
    cards = []
    for one in chosen:
        if one is not None:
            rest = f'EPE {decimal(value(one, dataset, EPE, region))} px' if figure != EPE else ''
            gain = change(one, baseline, dataset, figure, region) if baseline and one is chosen[2] else None
            cards.append(_card(one, figure, value(one, dataset, figure, region), rest, gain, runs.baseline or ''))
    return Numbers(cards)


def _card(method: Method, figure: str, amount: float, rest: str, gain: Change | None, baseline: str) -> Number:
    tone = 'plain'
    if gain is not None:
        rest = f'{signed(gain.difference, 2)} against {baseline}{_TOLD.get(gain.reading, "")}'
        tone = _TONES.get(gain.reading, 'plain')
    return Number(f'{figure}: {method.title}', _with_digits(amount), unit_of(figure), rest, tone, method.title)


def _with_digits(amount: float) -> str:
    return decimal(amount, 2)


def _caution(runs: RunSet, names: Sequence[str]) -> list[Block]:
    """What a reader must not conclude."""
    students = [one for name in names[:1] for one in tested_on(runs, name) if one.role in (STUDENT, DISTILLED)]
    if len(students) < 2 or max(len(one.runs) for one in students) > 1:
        return []
    return [Text('One seed decides nothing: the same model, trained again with another seed, may well move by more '
                 'than the differences above.')]


def _unfinished(runs: RunSet) -> list[Block]:
    """Trainings that should be scored and are not; one that only prepares another one is finished without."""
    rows: list[list[Cell]] = []
    for run in runs.runs:
        if not run.scored and (not _finished(run) or run.config.get('test_dataloader')):
            done, planned = run.epochs
            loss = run.training.get('loss')
            rows.append([run.title, f'{done or 0} of {planned}' if planned else str(done or '\u2013'),
                         int(loss.steps[-1]) if loss is not None else None,
                         float(loss.values[-1]) if loss is not None else None, duration(run.seconds.get('train'))])
    if not rows:
        return []
    return [Table(['Not scored', 'Epochs', 'Iterations', 'Last loss', 'Time so far'], rows,
                  'Runs without figures: still training, interrupted, or not scored yet (`tools/test.py`).')]


def _finished(run: Run) -> bool:
    done, planned = run.epochs
    return done is not None and done == planned
