"""What the doctor of metrics says about each result file."""

from __future__ import annotations

from collections.abc import Sequence

from perception_kd.cli import one_line
from perception_kd.evaluation.doctor import Finding as Told
from perception_kd.evaluation.doctor import examine_summary
from perception_kd.evaluation.doctor.causes import CAUSES
from perception_kd.evaluation.doctor.finding import SEVERITIES
from perception_kd.visualization.report.blocks import Block, Finding, Section
from perception_kd.visualization.report.examined import can_examine, examine_run
from perception_kd.visualization.report.runs import Run, RunSet
from perception_kd.visualization.report.words import class_name, listed, sentence


def section(runs: RunSet) -> Section | None:
    """The findings, errors first, each with the models that it is about; None where nothing can be examined."""
    seen = [run for run in runs.runs if can_examine(run) or run.summary]
    if not seen:
        return None
    told: list[tuple[Run, Told]] = []
    clean: list[Run] = []
    blocks: list[Block] = []
    for run in seen:
        try:
            found = examine_run(run).findings if can_examine(run) else examine_summary(run.summary)
        except (ValueError, OSError) as error:
            blocks.append(Finding('notice', f'{run.title} could not be examined', one_line(error)))
            continue
        told += [(run, one) for one in found]
        if not found and can_examine(run):
            clean.append(run)
    blocks = [*_grouped(told), *blocks, *_clean(clean)]
    return Section('findings', "The doctor's findings", _lead(seen), blocks) if blocks else None


def _lead(seen: Sequence[Run]) -> str:
    if not any(map(can_examine, seen)):
        return ('The doctor had only the summaries of the metrics to go by: with the result files and their data on '
                'this machine it can tell for certain.')
    return (f'Before a number is believed: each result file is read again as if one of {len(CAUSES)} known mistakes '
            'had been made (frame, box axes, heading, order of classes, scores, labels), and a mistake is named where '
            'undoing it makes its own error much smaller in most scenes and classes.')


def _grouped(told: Sequence[tuple[Run, Told]]) -> list[Finding]:
    """One block for each kind of finding, errors first, in the order in which they were found."""
    codes = sorted(dict.fromkeys(one.code for _, one in told),
                   key=lambda code: min(SEVERITIES.index(one.severity) for _, one in told if one.code == code))
    return [_block([(run, one) for run, one in told if one.code == code]) for code in codes]


def _block(same: Sequence[tuple[Run, Told]]) -> Finding:
    first = same[0][1]
    evidence = [f'{run.title}{_classes(one)}: {one.evidence}' for run, one in same]
    about = f'In the results of {listed([run.title for run, _ in same])}.'
    return Finding(first.severity, sentence(first.cause), about, sentence(first.cure), '; '.join(evidence))


def _clean(runs: Sequence[Run]) -> list[Finding]:
    if not runs:
        return []
    return [Finding('good', f'No known mistake in the results of {listed([run.title for run in runs])}',
                    'That says nothing about how good a model is, only that its numbers are its own.')]


def _classes(one: Told) -> str:
    return f' ({", ".join(class_name(name) for name in one.classes)})' if one.classes else ''
