"""The beginning and the end of a comparison, as people read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perception_kd.comparison.labels import label_groups, labels_table, twins
from perception_kd.comparison.metrics import known_metrics
from perception_kd.comparison.parts import Found, Section
from perception_kd.comparison.queue import Queue
from perception_kd.comparison.runs import Run
from perception_kd.comparison.table import check_paired, report
from perception_kd.files import write_bytes

TABLE = 'comparison.md'


def check_metrics(metrics: Sequence[str], runs: Sequence[Run]) -> None:
    """See that the runs will have these metrics, before they take hours.

    Args:
        metrics: Columns of the table.
        runs: What is compared. The names of other evaluators than those of nuScenes and drones are only known in the
            end.

    Raises:
        ValueError: Names the unknown ones.
    """
    known = [known_metrics(run.cfg) for run in runs]
    if any(one is None for one in known):
        return
    there = dict.fromkeys(name for one in known for name in one)
    unknown = sorted(set(metrics) - set(there))
    if unknown:
        raise ValueError(f'--metrics: no run will have {", ".join(unknown)}; there are: {", ".join(there)}')


def describe_plan(queue: Queue) -> str:
    """Every run with its state, and how long the rest may take by what is finished."""
    results = {run.name: run.result(queue.out) for run in queue.runs}
    failures = queue.failures()
    lines, seconds = [], []
    for run in queue.runs:
        found = results[run.name]
        if found is not None:
            seconds.append(sum(found['seconds'].values()))
        state = 'finished' if found else f'failed: {failures[run.name]}' if run.name in failures else 'to do'
        marks = f'; differs in {", ".join(run.differs)}' if run.differs else ''
        lines.append(f'{run.name:32s} {state}{marks}')
    left = sum(found is None for found in results.values())
    lines.append(f'{len(queue.runs) - left} of {len(queue.runs)} runs are finished')
    if seconds and left:
        lines[-1] += f'; the others take about {sum(seconds) / len(seconds) * left / 60:.0f} min in one process'
    return '\n'.join(lines)


def conclude(queue: Queue, names: Sequence[str], metrics: Sequence[str], teachers: Mapping[str, Found],
             sections: Sequence[Section] = ()) -> str:
    """The report on what is finished, written to ``comparison.md`` too.

    Args:
        queue: Worked off.
        names: Of the methods in order.
        metrics: Columns of the table.
        teachers: Files of the scored teachers, by name.
        sections: What comes below the table.

    Raises:
        ValueError: Runs failed, a metric that no run has, or runs that are not paired.
    """
    results = [{**found, 'differs': list(run.differs)}  # from the reference of now; the file may know another
               for run in queue.runs if (found := run.result(queue.out)) is not None]
    failures = queue.failures()
    known = {metric for one in results for metric in one['metrics']}
    unknown = [metric for metric in metrics if results and metric not in known]
    if unknown:
        raise ValueError(f'no run has a metric {", ".join(unknown)}; there are: {", ".join(sorted(known))}')
    check_paired(results)
    text = _text(queue.runs, results, names, metrics, teachers, sections) if results else 'no run is finished'
    elsewhere = len(queue.runs) - len(results) - len(failures)
    if elsewhere:
        text += f'\n{elsewhere} runs are being done by other processes.'
    write_bytes(queue.out / TABLE, f'{text}\n'.encode())
    if failures:
        named = '; '.join(f'{name}: {message}' for name, message in failures.items())
        raise ValueError(f'{len(failures)} of {len(queue.runs)} runs failed ({named}). The others are in '
                         f'{queue.out / TABLE}; run the same command again to try these again')
    return f'{text}\n\n{queue.out / TABLE}'


def _text(runs: Sequence[Run], results: Sequence[Found], names: Sequence[str], metrics: Sequence[str],
          teachers: Mapping[str, Found], sections: Sequence[Section]) -> str:
    """The report of each group of methods that see the same labels, and what they have in common."""
    scores, groups = {name: found['metrics'] for name, found in teachers.items()}, label_groups(runs, names)
    lines: list[str] = []
    for group in groups:
        lines += ['', f'## {group.labels}', ''] if len(groups) > 1 else []
        own = [one for one in results if one['name'] in group.names]
        if own:
            lines.append(report(own, group.names, metrics, scores))
            lines += [line for section in sections for line in section(own, group.names, teachers)]
        else:
            lines.append('no run is finished')
    if len(groups) > 1:
        lines += labels_table(results, groups, twins(runs), metrics[0])
    return '\n'.join([*lines, *_other_teachers(results, names)]).lstrip('\n')


def _other_teachers(results: Sequence[Found], names: Sequence[str]) -> list[str]:
    """A line for each teacher that is not the same in all methods that learn from it."""
    users: dict[str, dict[tuple[str, str], list[str]]] = {}
    for name in names:
        for one in results:
            for teacher, found in (one.get('teachers') or {}).items() if one['name'] == name else ():
                same = users.setdefault(teacher, {}).setdefault((found['checkpoint'], found['fingerprint']), [])
                same += [name] if name not in same else []
    return [f'Teacher {teacher} is not the same in all methods: '
            + '; '.join(f'{", ".join(who)} from {file} ({mark})' for (file, mark), who in files.items()) + '.'
            for teacher, files in users.items() if len(files) > 1]
