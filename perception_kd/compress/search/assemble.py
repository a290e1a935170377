"""From the best combination of a budget to a student: a config that stands alone, and its first weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from perception_kd.compress.search.job import SearchJob
from perception_kd.compress.search.solve import Combination, solve
from perception_kd.compress.search.tables import TEACHER, Table
from perception_kd.compress.written_config import write_config
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import naming_config
from perception_kd.engine.foreign_checkpoint import load_model_file
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.export.student import student_checkpoint
from perception_kd.files import write_json
from perception_kd.registry import MODELS

CONFIG, WEIGHTS, RECORD = 'config.py', 'student.pth', 'student.json'
ALIKE = 1e-4  # of outputs, relative to the largest


def choose(job: SearchJob, table: Table, budget: float) -> tuple[Combination, float]:
    """The best combination of a budget and its figure: of the best ones by prediction, the best one by measurement.

    Args:
        job, table: Of the search.
        budget: Ms.

    Raises:
        ValueError: the budget is too small.
    """
    found = solve(table.choices(), budget, top=job.settings.top, base=table.latency)
    scores = [job.score(one.names) for one in found]
    losses = [table.loss_of(one) if math.isfinite(one) else math.inf for one in scores]
    best = losses.index(min(losses))
    return found[best], scores[best]


def assemble(job: SearchJob, budget: float) -> Path:
    """Write the student of a budget (ms): ``config.py``, ``student.pth``, and in ``student.json`` why it was chosen.

    Its weights are the teacher's, and those of the trained candidates; ``config.py`` begins its training with them.

    Returns:
        The folder.

    Raises:
        ValueError: the budget is too small, or the student built by its config differs from the combination.
    """
    table = job.table()
    chosen, score = choose(job, table, budget)
    folder = job.parts.folder / f'student_{budget:g}ms'
    specs = {block: job.specs(block)[name] for block, name in chosen.names.items() if name != TEACHER}
    config = job.space.apply(job.held.training.model.to_dict(), specs)
    with naming_config(job.held.training):
        student = MODELS.build(config)
    _fill(job, student, chosen)
    classes = load_model_file(job.checkpoint).origin.classes
    cfg = job.held.training.copy()
    cfg.model = config
    write_checkpoint(folder / WEIGHTS, student_checkpoint(cfg, student, classes))
    write_config(folder / CONFIG, source=job.config, options=job.options,
                 about=f'A student of {budget:g} ms that a blockwise search assembled; its training begins with '
                       'what its blocks learned from the teacher.',
                 changes=dict(model=config, search=None, load_from=str((folder / WEIGHTS).resolve())))
    write_json(folder / RECORD, dict(
        budget_ms=budget, metric=table.metric, conditions=dict(table.conditions), predicted=table.predicted(chosen),
        measured_score=score, teacher=dict(latency_ms=table.latency, score=table.score), specs=specs,
        parameters=sum(weight.numel() for weight in student.parameters())))
    job.echo(f'{budget:g} ms: {table.described(chosen)}, measured {score:.4g} (teacher {table.latency:.4g} ms, '
             f'{table.score:.4g}): {folder / CONFIG}')
    return folder


def _fill(job: SearchJob, student: nn.Module, chosen: Combination) -> None:
    """The teacher's weights, and the candidates' at their paths; then both must compute the same."""
    modules = {job.space.path(block): module for block, module in job.modules(chosen.names).items()}
    weights = {name: value for name, value in job.teacher.state_dict().items()
               if not any(name.startswith(f'{path}.') for path in modules)}
    weights |= {f'{path}.{name}': value for path, module in modules.items()
                for name, value in module.state_dict().items()}
    load_strictly(student, weights, who='the assembled student')
    _prove_equal(job, student.to(job.device).eval(), modules)


@torch.no_grad()
def _prove_equal(job: SearchJob, student: nn.Module, modules: Mapping[str, nn.Module]) -> None:
    expected, found = (tensors_of(job.scorer.outputs(one, blocks)) for one, blocks in
                       ((job.teacher, modules), (student, {})))
    largest = max(float(one.abs().max()) for one in expected)
    if any((one - other).abs().max() > ALIKE * max(largest, 1e-6) for one, other in zip(expected, found, strict=True)):
        raise ValueError(f'{type(job.space).__name__}.apply builds another student than the blocks that were chosen: '
                         'its outputs differ from those of the teacher with these blocks in it')
