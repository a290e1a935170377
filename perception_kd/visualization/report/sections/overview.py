"""The first screen: what was run, on what data, and the one table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean, stdev

from perception_kd.evaluation.report import MEAN_ERRORS
from perception_kd.visualization.report.blocks import Block, Cell, Number, Numbers, Section, Table, Text
from perception_kd.visualization.report.difference_blocks import FEW, HIGHER, LOWER, WITHIN, difference_blocks, reading
from perception_kd.visualization.report.differences import Against, against_baseline
from perception_kd.visualization.report.runs import DETECTION, DISTILLED, STUDENT, TEACHER, Method, Run, RunSet
from perception_kd.visualization.report.words import count, decimal, duration, listed, metric_title, sentence, signed

PRESENT, ALL, NDS = 'mAP_present', 'mAP', 'NDS'
_WORDS = {TEACHER: 'teacher', STUDENT: 'student without distillation', DISTILLED: 'student with distillation'}
_TOLD = {WITHIN: ', within the noise', FEW: ', on too few scenes to tell'}
_MANY = {STUDENT: 'students without distillation', DISTILLED: 'students with distillation'}


def section(runs: RunSet) -> Section | None:
    """Headline numbers, the table of models and the differences; of runs that are not scored how far they are."""
    if not runs.runs or runs.task != DETECTION:
        return None
    blocks: list[Block] = []
    if runs.scored:
        metric = main_metric(runs)
        found = against_baseline(runs, (metric, NDS))
        blocks = [_headline(runs, found), _models(runs), *difference_blocks(found, metric, runs.baseline or ''),
                  *_caution(runs, found)]
    waiting = [run for run in runs.runs if not run.scored]
    if waiting:
        blocks += _unfinished(waiting)
    return Section('overview', 'Results' if runs.scored else 'State', _lead(runs), blocks)


def main_metric(runs: RunSet) -> str:
    """mAP over the classes present, where that is known and something else than mAP."""
    known = [run.metrics.get(PRESENT, math.nan) for run in runs.scored]
    return PRESENT if known and all(map(math.isfinite, known)) and not _same(runs) else ALL


def _lead(runs: RunSet) -> str:
    kinds = [count(len(found), _WORDS[role], _MANY.get(role, '')) for role in (TEACHER, STUDENT, DISTILLED)
             if (found := [one for one in runs.methods if one.role == role])]
    text = sentence(listed(kinds))
    places = list(dict.fromkeys((run.data.version, run.data.split) for run in runs.scored if run.data.split))
    if len(places) == 1:
        version, split = places[0]
        text += f', scored on split {split} of {version}{_size(runs.scored)}'
    return f'{text}. {_world(runs)}'.strip()


def _size(scored: Sequence[Run]) -> str:
    summary = next((run.summary for run in scored if run.summary and run.summary.get('num_gt')), None)
    if summary is None:
        return ''
    boxes = f'{sum(summary["num_gt"].values()):,}'.replace(',', '\u202f')
    return f' ({summary["num_samples"]} key frames, {boxes} true boxes)'


def _world(runs: RunSet) -> str:
    """What the figures hold for."""
    worlds = [world for world in runs.worlds if world]
    splits = {(run.data.version, run.data.split) for run in runs.scored if run.summary}
    if len(runs.worlds) > 1 or len(splits) > 1:
        return 'These runs were scored on different data and must not be compared.'
    if not worlds:
        return ''
    return f'This is a simulated world (`{worlds[0]}`): its figures say nothing about nuScenes.'


def _headline(runs: RunSet, found: Sequence[Against]) -> Numbers:
    """The best teacher, the baseline, and the best of the others with what it gained; of one model its totals."""
    metric = main_metric(runs)
    if len(runs.methods) == 1:
        only = runs.methods[0]
        return Numbers([Number(metric_title(name), decimal(_mean(only.values(name))), unit)
                        for name, unit in ((metric, ''), (NDS, ''), ('mATE', 'm'), ('mAVE', 'm/s'))])
    baseline = runs.baseline_method
    teachers = [one for one in runs.methods if one.role == TEACHER and one.values(metric)]
    gains = {one.method.title: one for one in found}
    others = [one for one in runs.methods if one.role != TEACHER and one is not baseline and one.values(metric)]
    chosen = [_best(teachers, metric), baseline, _best(others, metric)]
    items = [_card(one, metric, gains.get(one.title), baseline, len(others)) for one in chosen
             if one is not None and one.values(metric)]
    return Numbers([*items, *_lead_card(metric, chosen, gains, len(teachers))])


def _best(methods: Sequence[Method], metric: str) -> Method | None:
    return max(methods, key=lambda one: _mean(one.values(metric)), default=None)


def _card(method: Method, metric: str, gain: Against | None, baseline: Method | None, rivals: int) -> Number:
    note, tone = f'NDS {decimal(_mean(method.values(NDS)))}', 'plain'
    if gain is not None and gain.metrics[metric].difference is not None:
        difference = gain.metrics[metric].difference
        read = reading(gain, metric)
        tone = {HIGHER: 'good', LOWER: 'bad'}.get(read, 'plain')
        note = f'{signed(difference)} against {baseline.title}{_TOLD.get(read, "")}'
    name = f'{method.title}, the best of {rivals}' if gain is not None and rivals > 1 else method.title
    value = decimal(_mean(method.values(metric)))
    return Number(f'{metric_title(metric)}: {name}', value, '', note, tone, method.title)


def _lead_card(metric: str, chosen: Sequence[Method | None], gains: Mapping[str, Against],
               teachers: int) -> list[Number]:
    """How far the teacher leads, and how much of that was gained where it is more than noise."""
    teacher, student, best = (_mean(one.values(metric)) if one else math.nan for one in chosen)
    way = teacher - student
    if not math.isfinite(way) or way <= 0:
        return []
    gain = gains.get(chosen[2].title) if chosen[2] else None
    note = f'over {chosen[1].title}: what there is to gain' if chosen[1].role == STUDENT else f'over {chosen[1].title}'
    if gain is not None and reading(gain, metric) == HIGHER:
        note = f'{decimal(100 * (best - student) / way, 0)} % of it gained'
    return [Number('Lead of the best teacher' if teachers > 1 else 'Lead of the teacher', decimal(way), '', note)]


def _models(runs: RunSet) -> Table:
    """Models down, totals across."""
    metric = main_metric(runs)
    shown = [metric] if metric == ALL else [metric, ALL]
    columns = [*shown, NDS, *MEAN_ERRORS.values()]
    several = any(len(one.runs) > 1 for one in runs.methods)
    rows: list[list[Cell]] = []
    for one in runs.methods:
        if one.values(metric):
            known = [_mean(one.values(name)) for name in columns]
            rows.append([one.title, *([len(one.values(metric))] if several else []), *known])
            if several:
                rows[-1].append(stdev(one.values(metric)) if len(one.values(metric)) > 1 else None)
    head = ['Model', *(['Seeds'] if several else []), *(metric_title(name) for name in columns),
            *(['Spread of the first'] if several else [])]
    best = [None, *([None] if several else []), *('max' for _ in shown), 'max', *('min' for _ in MEAN_ERRORS),
            *([None] if several else [])]
    teachers = sum(one.role == TEACHER and bool(one.values(metric)) for one in runs.methods)
    return Table(head, rows, _caption(runs, several), best, apart=teachers if teachers < len(rows) else 0)


def _caption(runs: RunSet, several: bool) -> str:
    engines = {((run.summary or {}).get('meta') or {}).get('engine') for run in runs.scored}
    by = 'nuscenes-devkit' if engines == {'devkit'} else "the fast engine, equal to nuscenes-devkit's numbers" \
        if engines == {'fast'} else ''
    parts = [f'Scored by {by}.' if by else '', 'mAP (mean average precision) and NDS (nuScenes detection score): '
             'higher is better; the mean errors of matched boxes in place (mATE, m), size (mASE), heading (mAOE, rad), '
             'velocity (mAVE, m/s) and attribute (mAAE): lower.']
    if main_metric(runs) == PRESENT:
        parts.append('“mAP, present” leaves out classes that the split has no box of, which count as 0 in mAP.')
    if several:
        parts.append('Means over the seeds, with their standard deviation.')
    parts.append('All ten classes are present.' if _same(runs) else '')
    parts.append('Bold: the best student.' if len(runs.methods) - len(runs.of_role(TEACHER)) > 1 else '')
    return ' '.join(part for part in parts if part)


def _same(runs: RunSet) -> bool:
    return all(math.isclose(run.metrics.get(PRESENT, math.nan), run.metrics[ALL], abs_tol=1e-9) for run in runs.scored)


def _caution(runs: RunSet, found: Sequence[Against]) -> list[Block]:
    """What a reader must not conclude."""
    lines = []
    if found and max((len(one.runs) for one in runs.methods if one.role != TEACHER), default=0) < 2:
        lines.append('One seed decides nothing: the same model, trained again with another seed, may well move by more '
                     'than the differences above. Compare over several seeds (`tools/compare.py --seeds 0 1 2`) before '
                     'a method is called better.')
    return [Text(' '.join(lines))] if lines else []


def _unfinished(waiting: Sequence[Run]) -> list[Block]:
    rows: list[list[Cell]] = []
    for run in waiting:
        done, planned = run.epochs
        loss = run.training.get('loss')
        rows.append([run.title, f'{done or 0} of {planned}' if planned else str(done or '\u2013'),
                     int(loss.steps[-1]) if loss is not None else None,
                     float(loss.values[-1]) if loss is not None else None, duration(run.seconds.get('train'))])
    return [Table(['Not scored', 'Epochs', 'Iterations', 'Last loss', 'Time so far'], rows,
                  'Runs without metrics: still training, interrupted, or not scored yet (`tools/test.py`).')]


def _mean(values: Sequence[float]) -> float:
    return mean(values) if values else math.nan
