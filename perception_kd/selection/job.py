"""Ranking of teachers for a student: what ``tools/select_teacher.py`` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from mmengine.registry import DATASETS
from torch import Tensor

from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import load_config, naming_config, require
from perception_kd.export.student import student_weights
from perception_kd.selection.candidates import Candidate, Field, build_field
from perception_kd.selection.gradients import LAST_STAGES, choose_parameters, sample_gradients
from perception_kd.selection.projection import SignProjection
from perception_kd.selection.ranking import rank
from perception_kd.selection.score import SMOOTHING


@dataclass(frozen=True)
class SelectionSettings:
    """How to compare.

    Args:
        samples, views: Training samples, and augmentations of each: they stand for GRACE's prompts (published: 512) and
            responses (4).
        dimension: Of the projection; None: the number of samples, as published (512). With fewer gradients than
            dimensions the score would mostly say how far held-out gradients leave the space of the others.
        splits, smoothing: See :func:`~perception_kd.selection.score.grace`.
        seed: Of samples, augmentations, projection, splits and the student's initial weights.
        parameters: Patterns of the student's parameters whose gradients are compared: its last stages.
    """

    samples: int = 64
    views: int = 4
    dimension: int | None = None
    splits: int = 10
    smoothing: float = SMOOTHING
    seed: int = 0
    parameters: tuple[str, ...] = LAST_STAGES

    def __post_init__(self) -> None:
        given = {} if self.dimension is None else dict(dimension=1)
        for name, least in dict(samples=2, views=1, splits=2, seed=0, **given).items():
            if getattr(self, name) < least:
                raise ValueError(f'selection: {name} must be at least {least}, got {getattr(self, name)}')
        if self.splits > self.samples:
            raise ValueError(f'selection: {self.splits} splits need as many samples or more, got {self.samples}')


def select_teacher(
    config: str, candidates: Sequence[Candidate], *, slot: str | None = None, pairs: Sequence[str] | None = None,
    student: str | None = None, metrics: Mapping[str, float] | None = None, options: Mapping[str, Any] | None = None,
    settings: SelectionSettings | None = None, echo: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Rank candidates by GRACE (arXiv 2511.02833), without training the student.

    Moved from language models to perception by us and **untested there by its authors**: a response is the
    teacher's dense target of an augmented sample, the loss is the sum of the config's pairs at their full weights.

    Args:
        config, candidates, slot, pairs, options: See :func:`~perception_kd.selection.candidates.build_field`.
        student: Checkpoint that the student begins from; None: its initial weights. (GRACE's students are pretrained.
            On a simulated world five epochs of a teacher came out nearly in the order of their mAP from a trained
            student; from initial weights the worst came first.)
        metrics: What is known of each candidate (its own mAP), shown beside the score.
        settings: How.
        echo: Where lines on progress go.

    Returns:
        ``rows`` (best first: name, score, its interval over samples, baselines, verdict), and what was compared.

    Raises:
        FileNotFoundError, ValueError: Files or settings that do not fit.
    """
    settings, started = settings or SelectionSettings(), time.monotonic()
    names = [one.name for one in candidates]
    unknown = sorted(set(metrics or ()) - set(names))
    if unknown:
        raise ValueError(f"a metric for '{unknown[0]}', but the teachers are {', '.join(names)}")
    field = build_field(config, candidates, slot=slot, chosen=pairs, options=options, seed=settings.seed)
    if student is not None:
        load_strictly(field.model.student, student_weights(student), who=f'student {student}')
    parameters = choose_parameters(field.model.student, settings.parameters)
    projection = SignProjection(sizes=[weight.numel() for weight in parameters.values()],
                                dimension=settings.dimension or settings.samples, seed=settings.seed)
    echo(_opening(field, parameters, projection.dimension, settings, warm=student is not None))
    dataset, indices = _data(config, options, settings)

    def progress(done: int) -> None:
        if done % max(1, settings.samples // 8) == 0:
            pace = (time.monotonic() - started) / done
            echo(f'{done} of {settings.samples} samples, {pace * (settings.samples - done) / 60:.1f} min left')

    field.model.to('cuda' if torch.cuda.is_available() else 'cpu')
    gradients = sample_gradients(field, dataset, indices, views=settings.views, parameters=parameters,
                                 projection=projection, seed=settings.seed, echo=progress)
    rows = rank(gradients, metrics or {}, splits=settings.splits, smoothing=settings.smoothing, seed=settings.seed)
    return dict(config=config, settings=asdict(settings), candidates=[asdict(one) for one in candidates],
                pairs=field.pairs, left_out=field.left_out, student=student, dimension=projection.dimension,
                parameters=sum(projection.sizes), seconds=round(time.monotonic() - started, 1), rows=rows)


def _data(config: str, options: Mapping[str, Any] | None, settings: SelectionSettings) -> tuple[Any, np.ndarray]:
    cfg = load_config(config, dict(options or {}))
    require(cfg, 'train_dataloader')
    with naming_config(cfg):
        dataset = DATASETS.build(cfg.train_dataloader.dataset)
    if settings.samples > len(dataset):
        raise ValueError(f'{settings.samples} samples asked for, the training split has {len(dataset)}')
    return dataset, np.random.default_rng(settings.seed).choice(len(dataset), settings.samples, replace=False)


def _opening(
    field: Field, parameters: Mapping[str, Tensor], dimension: int, settings: SelectionSettings, warm: bool
) -> str:
    pairs = dict.fromkeys(pair.removeprefix(f'{name}_') for name, found in field.pairs.items() for pair in found)
    lines = [f'{len(field.pairs)} teachers by {", ".join(pairs)}; gradients of {len(parameters)} tensors '
             f'({sum(weight.numel() for weight in parameters.values()) / 1e6:.3f} M parameters: '
             f'{", ".join(settings.parameters)}) in {dimension} dimensions']
    lines += [f'left out: {name} ({why})' for name, why in field.left_out.items()]
    if not warm:
        lines.append('note: the student begins from initial weights, where nearly all gradients point the same way; '
                     'give a trained one with --student')
    if settings.samples * settings.views < dimension:
        lines.append(f'note: {settings.samples * settings.views} gradients span less than {dimension} dimensions; the '
                     'score then mostly says how far held-out gradients leave that span')
    return '\n'.join(lines)
