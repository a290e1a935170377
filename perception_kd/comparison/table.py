"""What a comparison found: means over seeds, and differences from the reference by seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from scipy import stats

from perception_kd.comparison.direction import direction

Result = Mapping[str, Any]
CONFIDENCE = 0.95
LEAST_LEAD, NO_GAIN = 5, 'no gain to expect'
"""Points by which a teacher must lead a converged student for its lessons to be worth anything."""


@dataclass(frozen=True)
class Paired:
    """Differences of one method from the reference, seed by seed.

    Args:
        differences: One for each seed that both have.
    """

    differences: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Their mean; NaN of none."""
        return mean(self.differences) if self.differences else math.nan

    @property
    def interval(self) -> tuple[float, float] | None:
        """Interval of the mean by Student's t at 95 %; None of fewer than two seeds."""
        count = len(self.differences)
        if count < 2:
            return None
        reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * stdev(self.differences) / math.sqrt(count)
        return self.mean - reach, self.mean + reach

    def __str__(self) -> str:
        if not self.differences:
            return '-'
        if self.interval is None:
            return f'{self.mean:+.3f}'
        low, high = self.interval
        better = sum(difference > 0 for difference in self.differences)
        return f'{self.mean:+.3f} [{low:+.3f}, {high:+.3f}], {better} of {len(self.differences)} up'


def paired(results: Sequence[Result], reference: str, name: str, metric: str) -> Paired:
    """Differences of ``name`` from ``reference`` in ``metric``, over the seeds that both have."""
    values = {(one['name'], one['seed']): one['metrics'].get(metric) for one in results}
    seeds = sorted({one['seed'] for one in results})
    couples = [(values.get((name, seed)), values.get((reference, seed))) for seed in seeds]
    return Paired(tuple(ours - theirs for ours, theirs in couples if ours is not None and theirs is not None))


def differs(results: Sequence[Result], name: str) -> bool:
    """Whether a method differs from the reference in more than its distillation."""
    return any(one['differs'] for one in _of(results, name))


def check_paired(results: Sequence[Result]) -> None:
    """See that all methods began with the same student weights at each seed.

    Raises:
        ValueError: Names those that did not.
    """
    for seed in sorted({one['seed'] for one in results}):
        same = [one for one in results if one['seed'] == seed and not one['differs']]
        strangers = [one['name'] for one in same if one['student_init'] != same[0]['student_init']]
        if strangers:
            raise ValueError(f'seed {seed}: the student of {", ".join(strangers)} began with other weights than that '
                             f'of {same[0]["name"]}, so these runs are not paired')


def table(results: Sequence[Result], names: Sequence[str], metrics: Sequence[str],
          teachers: Mapping[str, Mapping[str, float | None]]) -> str:
    """Teachers, then methods down, metrics across; Markdown.

    Args:
        results: Of the finished runs.
        names: Of the methods in order; the first is the reference.
        metrics: Keys of the results' metrics. The differences are of the first.
        teachers: Metrics by teacher's name.
    """
    head = ['method', 'seeds', *metrics, f'{metrics[0]} against {names[0]}', 'training s']
    rows = [[_title(results, name), str(len(_of(results, name))),
             *(mean_and_spread([one['metrics'].get(metric) for one in _of(results, name)]) for metric in metrics),
             '' if name == names[0] else str(paired(results, names[0], name, metrics[0])),
             mean_and_spread([one['seconds']['train'] for one in _of(results, name)], digits=0)] for name in names]
    rows[:0] = [[f'teacher {name}', '', *(mean_and_spread([found.get(metric)]) for metric in metrics), '', '']
                for name, found in teachers.items()]
    return aligned(head, rows)


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that reads well as text too: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    rule = ['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])]
    return '\n'.join(_line(cells, widths) for cells in (head, rule, *rows))


def report(results: Sequence[Result], names: Sequence[str], metrics: Sequence[str],
           teachers: Mapping[str, Mapping[str, float | None]]) -> str:
    """The table with what a reader must know beside it; arguments as for :func:`table`."""
    lines = [table(results, names, metrics, teachers), '', *_margins(results, names[0], metrics, teachers)]
    seeds = {len(_of(results, name)) for name in names}
    if max(seeds, default=0) < 2:
        lines.append('One seed: there is no spread, so no difference here means anything yet.')
    else:
        lines.append(f'Means over seeds ± standard deviation; differences are paired by seed, with their '
                     f'{CONFIDENCE:.0%} interval (Student) and the seeds in which they are positive.')
    if len(seeds) > 1:
        lines.append('Methods have different numbers of seeds: a difference is over the seeds that both have, so it is '
                     'not the difference of the means above.')
    lines += _origins(results)
    worlds = sorted({one['world'] for one in results if one['world']})
    if worlds:
        lines.append(f'Simulated world {", ".join(worlds)}: not to be compared with figures of real data.')
    if len({one['world'] for one in results}) > 1:
        lines.append('These runs are of different data and must not be compared.')
    for name in names:
        differs = sorted({setting for one in _of(results, name) for setting in one['differs']})
        if differs:
            lines.append(f'* {name} differs from {names[0]} in more than its distillation: {", ".join(differs)}')
    return '\n'.join(lines)


def _origins(results: Sequence[Result]) -> list[str]:
    """A line for runs of different machines, and one for those of different states of the project."""
    machines = {(found.get('gpu') or found.get('processor'), found.get('threads'))
                for one in results if (found := one.get('machine'))}
    commits = {one['commit']: None for one in results if one.get('commit')}
    lines = []
    if len(machines) > 1:
        named = '; '.join(sorted(f'{device}, {threads} threads' for device, threads in machines))
        lines.append(f'Runs of different machines, whose seconds must not be compared: {named}.')
    if len(commits) > 1:
        lines.append(f'Runs of different commits: {", ".join(commits)}.')
    return lines


def _margins(results: Sequence[Result], reference: str, metrics: Sequence[str],
             teachers: Mapping[str, Mapping[str, float | None]]) -> list[str]:
    """A line for each teacher: its lead in the first metric, where less of an error is a lead, and in all that grow."""
    shown = [metrics[0], *(metric for metric in metrics[1:] if direction(metric) > 0)]
    lines = []
    for name, found in teachers.items():
        leads = {metric: _lead(results, reference, metric, found.get(metric)) for metric in shown}
        known = ', '.join(f'{lead:+.3f} {metric}' for metric, lead in leads.items() if lead is not None)
        if known:
            lines.append(f'Teacher {name} leads {reference} by {known}.{_warning(leads[metrics[0]], metrics[0])}')
    return [*lines, 'Where a teacher leads by little, there is little to gain from it.'] if lines else []


def _warning(lead: float | None, metric: str) -> str:
    """Where a teacher has nothing to teach: too little of a metric that grows, or more of an error."""
    way = direction(metric)
    if lead is None or not way or (100 * lead >= LEAST_LEAD if way > 0 else lead > 0):
        return ''
    return f' {f"Less than {LEAST_LEAD} points" if way > 0 else "It does not lead"}: {NO_GAIN}.'


def _lead(results: Sequence[Result], reference: str, metric: str, teacher: float | None) -> float | None:
    values = [one['metrics'].get(metric) for one in _of(results, reference)]
    values = [value for value in values if value is not None]
    return None if teacher is None or not values else (direction(metric) or 1) * (teacher - mean(values))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    numbers = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]
    return f'| {" | ".join([cells[0].ljust(widths[0]), *numbers])} |'


def _of(results: Sequence[Result], name: str) -> list[Result]:
    return [one for one in results if one['name'] == name]


def _title(results: Sequence[Result], name: str) -> str:
    return f'{name} *' if differs(results, name) else name


def mean_and_spread(values: Sequence[float | None], digits: int = 3) -> str:
    """``0.163 ± 0.049``, without the latter for a single value, "-" for none."""
    values = [value for value in values if value is not None]
    if not values:
        return '-'
    spread = f' ± {stdev(values):.{digits}f}' if len(values) > 1 else ''
    return f'{mean(values):.{digits}f}{spread}'
