"""The family of students that a search gives: one for each latency, with a chart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.compress.search.assemble import choose
from perception_kd.compress.search.job import SearchJob, title
from perception_kd.compress.search.solve import least_latency
from perception_kd.compress.search.tables import TEACHER, Table, check_alike
from perception_kd.robustness.chart import save
from perception_kd.visualization.family_chart import draw_family

MEMBERS = 6
UNQUIET = 0.1  # change of the teacher's own latency, as a share


def even_budgets(table: Table, count: int = MEMBERS) -> list[float]:
    """Latencies (ms) from the fastest possible to the teacher's, at even distances, rounded up to 0.01 ms."""
    least = table.latency + least_latency(table.choices())
    return sorted({math.ceil(100 * budget) / 100 for budget in np.linspace(least, table.latency, count)})


def family(job: SearchJob, budgets: Sequence[float]) -> list[Path]:
    """Choose a student for each budget (ms), measure latency and accuracy of all, and draw them.

    Writes ``family.json``, ``family.png`` and ``family.svg``; the random combinations of the additivity check are drawn
    beside them.

    Raises:
        ValueError: a budget is too small, or this machine is not the one of the tables.
    """
    table = job.table()
    check_alike({'this machine': job.bench.conditions, 'the tables': table.conditions})
    chosen = {budget: choose(job, table, budget) for budget in job.counted('family', sorted(set(budgets)))}
    measured = _measure(job, {TEACHER: {}, **{title(one.names): one.names for one, _ in chosen.values()}})
    rows = [dict(budget_ms=budget, predicted=table.predicted(one), measured=dict(score=score, **measured[
        title(one.names)])) for budget, (one, score) in chosen.items()]
    content = dict(metric=table.metric, better=table.better, conditions=dict(table.conditions),
                   table_latency_ms=table.latency, teacher=dict(score=table.score, **measured[TEACHER]),
                   members=rows, random=job.parts.need('check', 'check')['combinations'])
    job.parts.write('family', content)
    paths = save(draw_family(content), job.parts.folder / 'family')
    job.echo('\n'.join([family_text(content), *map(str, [job.parts.path('family'), *paths])]))
    return paths


def _measure(job: SearchJob, models: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, float]]:
    """Latency of whole models turn by turn, their parameters and operations; by name of the model."""
    job.warn_when_busy()
    modules = {name: job.modules(names) for name, names in models.items()}
    spreads, own = job.bench.models(modules), _parameters(job.teacher)
    return {name: dict(
        latency_ms=spreads[name].median, latency_quartiles_ms=[spreads[name].low, spreads[name].high],
        parameters=own + sum(_parameters(module) - _parameters(job.teacher.get_submodule(job.space.path(block)))
                             for block, module in chosen.items()),
        macs=job.bench.macs(chosen)) for name, chosen in modules.items()}


def _parameters(module: Any) -> int:
    return sum(weight.numel() for weight in module.parameters())


def family_text(content: Mapping[str, Any]) -> str:
    """A line a student, the teacher last: what was predicted and what was measured."""
    metric = content['metric']
    now, then = content['teacher']['latency_ms'], content['table_latency_ms']
    lines = [f'{"budget ms":>9s} {"predicted ms":>12s} {"measured ms":>11s} {"predicted":>10s} {"measured":>10s} '
             f'{"parameters":>11s} {"GMAC":>8s}   {metric}']
    rows = [(f'{one["budget_ms"]:g}', one['predicted'], one['measured']) for one in content['members']]
    teacher = content['teacher']
    for name, predicted, measured in [*rows, (TEACHER, {**teacher, 'latency_ms': then}, teacher)]:
        lines.append(f'{name:>9s} {predicted["latency_ms"]:12.2f} {measured["latency_ms"]:11.2f} '
                     f'{predicted["score"]:10.4g} {measured["score"]:10.4g} {measured["parameters"]:11d} '
                     f'{measured["macs"] / 1e9:8.3f}')
    if abs(now / then - 1) > UNQUIET:
        lines.append(f'The teacher takes {now:.4g} ms now, {then:.4g} ms when the tables were made: compare what was '
                     'measured with the teacher beside it, and measure again where the machine is quiet')
    return '\n'.join(lines)
