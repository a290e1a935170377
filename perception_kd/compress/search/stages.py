"""The stages of a search, each of which goes on where it was interrupted."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import nn

from perception_kd.benchmark.timing import Spread
from perception_kd.compress.search.additivity import Additivity, draw_combinations
from perception_kd.compress.search.assemble import assemble
from perception_kd.compress.search.block_taps import module_at
from perception_kd.compress.search.block_training import build_candidate, train_block
from perception_kd.compress.search.family import even_budgets, family
from perception_kd.compress.search.job import SearchJob
from perception_kd.compress.search.solve import solve
from perception_kd.compress.search.space import candidate_id
from perception_kd.compress.search.tables import TEACHER, check_alike

STAGES = ('sample', 'measure', 'train', 'score', 'solve', 'check', 'assemble', 'family')


def run_search(job: SearchJob, *, budget: float | None = None, sweep: Sequence[float] | None = None,
               until: str = STAGES[-1]) -> None:
    """Do what is not done yet, up to a stage.

    Args:
        job: The search.
        budget: Latency of the student to assemble, ms; None: ``search.budget``, and without that none is assembled.
        sweep: Latencies of the family, ms; empty: from the fastest possible to the teacher's; None: no family.
        until: The last stage to do.

    Raises:
        ValueError: an unknown stage, blocks that are not complete, a budget that is too small, or tables that do not
            predict combinations.
    """
    check_request(budget=budget, sweep=sweep, until=until)
    due = STAGES[:STAGES.index(until) + 1]
    budget = job.settings.budget if budget is None else budget
    for stage in (sample, measure, train, score):
        if stage.__name__ in due:
            stage(job)
    if 'solve' in due:
        sweep = even_budgets(job.table()) if sweep is not None and not sweep else sweep
        find(job, [*([] if budget is None else [budget]), *(sweep or ())])
    if 'check' in due:
        check(job)
    if 'assemble' in due and budget is not None:
        assemble(job, budget)
    if 'family' in due and sweep is not None:
        family(job, sweep)
    if until == STAGES[-1] and budget is None and sweep is None:
        job.echo('no student yet: choose its latency by --budget MS, or compare several by --sweep')


def check_request(*, budget: float | None, sweep: Sequence[float] | None, until: str) -> None:
    """See what is asked for before anything is loaded; arguments as of :func:`run_search`.

    Raises:
        ValueError: an unknown stage, or a latency that is none.
    """
    if until not in STAGES:
        raise ValueError(f'a search has the stages {", ".join(STAGES)}, not {until!r}')
    for value in [*(sweep or ()), *([] if budget is None else [budget])]:
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f'a budget is a latency in ms, above 0, got {value:g}')


def sample(job: SearchJob) -> None:
    """Draw the candidates of each block, spread over what a first look at their latency says."""
    for block in _left(job, 'sample', 'candidates/{}', job.blocks):
        rng = np.random.default_rng([job.settings.seed, list(job.space.blocks).index(block)])
        specs = job.space.sample(block, job.settings.candidates, rng, job.bench.teacher,
                                 lambda module, block=block: job.bench.cost(block, module))
        job.parts.write(f'candidates/{block}', {candidate_id(spec): spec for spec in specs})


def measure(job: SearchJob) -> None:
    """Latency of the whole teacher, and of each block's candidates beside the teacher's own, turn by turn."""
    names = ['model', *job.blocks]
    known = {f'{name} in {job.parts.folder}': found['conditions'] for name in names
             if (found := job.parts.read(f'latency/{name}'))}
    for name in _left(job, 'measure', 'latency/{}', names):
        check_alike({'this machine': job.bench.conditions, **known})
        job.warn_when_busy()
        part = _model_part(job) if name == 'model' else _block_part(job, name)
        job.parts.write(f'latency/{name}', dict(conditions=job.bench.conditions, **part))


def _model_part(job: SearchJob) -> dict[str, Any]:
    return _measured(job.bench.models({TEACHER: {}})[TEACHER], job.teacher)


def _block_part(job: SearchJob, block: str) -> dict[str, Any]:
    teacher = job.bench.teacher
    modules = {TEACHER: module_at(teacher, job.space.path(block))}
    modules |= {name: build_candidate(job.space, block, spec, teacher) for name, spec in job.specs(block).items()}
    taken = {name: _measured(spread, modules[name]) for name, spread in job.bench.blocks(block, modules).items()}
    return dict(teacher=taken.pop(TEACHER), candidates=taken)


def _measured(spread: Spread, module: nn.Module) -> dict[str, Any]:
    return dict(spread._asdict(), parameters=sum(weight.numel() for weight in module.parameters()))


def train(job: SearchJob) -> None:
    """Train the candidates of each block that are faster than the teacher's, all those of a block at once."""
    for block in _left(job, 'train', 'train/{}', job.blocks):
        found, specs = job.parts.need(f'latency/{block}', 'measure'), job.specs(block)
        quick = [name for name, one in found['candidates'].items() if one['median'] < found[TEACHER]['median']]
        part: dict[str, Any] = dict(candidates=quick)
        if quick:
            begin = time.perf_counter()
            path = train_block(job.held.training, checkpoint=job.checkpoint, block=block,
                               candidates={name: specs[name] for name in quick},
                               work_dir=job.parts.folder / 'train' / block, amp=job.amp)
            part |= dict(checkpoint=str(path.relative_to(job.parts.folder)), seconds=time.perf_counter() - begin)
        if len(quick) < len(specs):
            job.echo(f"block {block}: {len(specs) - len(quick)} of {len(specs)} candidates are not faster than the "
                     "teacher's and were left out")
        job.parts.write(f'train/{block}', part)


def score(job: SearchJob) -> None:
    """Accuracy of the teacher, and of the teacher with each candidate in the place of its block.

    Raises:
        ValueError: the teacher's own figure is not finite.
    """
    teacher = job.score({})
    if not math.isfinite(teacher):
        raise ValueError(f'the teacher has no finite {job.settings.metric} on the held-out data')
    every = [(block, name) for block in job.blocks for name in job.parts.need(f'train/{block}', 'train')['candidates']]
    for block, name in job.counted('score', every):
        job.echo(f'{block} {name}: {job.settings.metric} {job.score({block: name}):.4g} (teacher {teacher:.4g})')


def find(job: SearchJob, budgets: Sequence[float]) -> None:
    """Put the tables together, and solve them for each budget (ms).

    Raises:
        ValueError: a block is not complete, latencies that cannot be mixed, or a budget that is too small.
    """
    table = job.table()
    job.parts.write('tables', table.to_json())
    job.echo(table.text())
    for budget in budgets:
        found = solve(table.choices(), budget, top=job.settings.top, base=table.latency)
        job.parts.write(f'solutions/{budget:g}ms', dict(budget_ms=budget, solutions=[
            table.predicted(one) for one in found]))
        job.echo(f'{budget:g} ms: {table.described(found[0])}')


def check(job: SearchJob) -> None:
    """See whether the tables predict combinations.

    Raises:
        ValueError: they do not.
    """
    table = job.table()
    combinations = draw_combinations(table.choices(), job.settings.pairs_to_check, seed=job.settings.seed)
    scores = [job.score(one.names) for one in job.counted('check', combinations)]
    found = Additivity([one.loss for one in combinations], [table.loss_of(one) for one in scores])
    pairs = [dict(table.predicted(one), measured=score) for one, score in zip(combinations, scores)]
    job.parts.write('check', dict(metric=table.metric, rho=found.rho, mean_absolute_error=found.error,
                                  combinations=pairs))
    if not combinations:
        job.echo('check: fewer than two blocks have candidates, so there is nothing to add up')
        return
    job.echo(f"check: Spearman's rho between predicted and measured {table.metric} of {len(pairs)} combinations is "
             f'{found.rho:.2f}, mean absolute error {found.error:.3g}')
    found.require(job.settings.least_rho)


def _left(job: SearchJob, stage: str, part: str, names: Sequence[str]) -> Iterator[str]:
    """Names whose part of a stage is not there yet, with a line for each."""
    for name in job.counted(stage, [name for name in names if job.parts.read(part.format(name)) is None]):
        job.echo(f'{stage} {name} ...')
        yield name
