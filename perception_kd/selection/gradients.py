"""What each candidate would do to the student: gradients of single samples, projected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import Dataset

from perception_kd.distill.accounting import PREFIX
from perception_kd.engine.seeded import SeededDataset, SeededIndex
from perception_kd.merging.batch_norm import batch_statistics
from perception_kd.selection.candidates import Field
from perception_kd.selection.projection import SignProjection

LAST_STAGES = ('trunk.*', 'head.*')


def choose_parameters(student: nn.Module, patterns: Sequence[str] = LAST_STAGES) -> dict[str, nn.Parameter]:
    """The student's trained parameters whose names fit one of ``patterns``; all others are frozen.

    Raises:
        ValueError: A pattern that fits none; lists the student's parts.
    """
    trained = {name: weight for name, weight in student.named_parameters() if weight.requires_grad}
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in trained):
            parts = ', '.join(dict.fromkeys(f'{name.partition(".")[0]}.*' for name in trained))
            raise ValueError(f"no trained parameter of the student is called '{pattern}'; its parts are {parts}. "
                             'Choose with --parameters')
    chosen = {name: weight for name, weight in trained.items()
              if any(fnmatchcase(name, pattern) for pattern in patterns)}
    for name, weight in trained.items():
        weight.requires_grad_(name in chosen)
    return chosen


def sample_gradients(
    field: Field, dataset: Dataset, indices: Sequence[int], *, views: int, parameters: Mapping[str, nn.Parameter],
    projection: SignProjection, seed: int = 0, echo: Callable[[int], None] = lambda done: None,
) -> dict[str, Tensor]:
    """Projected gradients ``(N, V, d)`` of every candidate's pairs.

    A view is the sample under other draws of the training pipeline; all candidates see the same ones. Each is a batch
    of its own: batch norms that training would train use its statistics, dropout is off.

    Args:
        field: The candidates.
        dataset: With the training pipeline.
        indices: Which samples.
        views: V.
        parameters: Of the student, see :func:`choose_parameters`.
        projection: Of their gradients, in their order.
        seed: Of the draws.
        echo: Is told the number of samples done.
    """
    model, dataset = field.model, SeededDataset(dataset=dataset)
    norms = _trained_norms(model)
    found = {name: torch.zeros(len(indices), views, projection.dimension, dtype=torch.float64) for name in field.pairs}
    for row, index in enumerate(indices):
        for view in range(views):
            sample = dataset[SeededIndex(int(index), (seed, int(index), view))]
            with batch_statistics(norms):
                losses = _losses(field, sample)
                gradients = _gradients(losses, list(parameters.values()))
            for name, gradient in gradients.items():
                found[name][row, view] = projection(gradient)
        echo(row + 1)
    return found


def _losses(field: Field, sample: Mapping[str, Any]) -> dict[str, Tensor]:
    data = field.model.data_preprocessor(pseudo_collate([sample]), True)
    losses = field.model(**data, mode='loss')
    return {name: torch.stack([losses[PREFIX + pair] for pair in pairs]).sum() for name, pairs in field.pairs.items()}


def _gradients(losses: Mapping[str, Tensor], places: list[Tensor]) -> dict[str, Sequence[Tensor | None]]:
    found = {}
    for left, (name, loss) in enumerate(losses.items(), 1):
        if loss.requires_grad:
            found[name] = torch.autograd.grad(loss, places, retain_graph=left < len(losses), allow_unused=True)
        else:
            found[name] = [None] * len(places)
    return found


def _trained_norms(model: nn.Module) -> list[_BatchNorm]:
    """Batch norms that work with batch statistics in training (a frozen backbone's do not)."""
    model.train()
    norms = [part for part in model.modules() if isinstance(part, _BatchNorm) and part.training]
    model.eval()
    return norms
