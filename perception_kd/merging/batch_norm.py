"""Batch norms of merged models: statistics that fit the merged weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from perception_kd.merging.task_vectors import TaskVectors


def moved_norms(model: nn.Module, vectors: TaskVectors) -> dict[str, _BatchNorm]:
    """Batch norms whose running statistics differ between the base and any expert, by name.

    The others were frozen in fine-tuning: their statistics belong to the weights and stay.
    """
    def moved(name: str) -> bool:
        return any(bool(vectors.change.get(f'{name}.{part}', torch.zeros(1)).any())
                   for part in ('running_mean', 'running_var'))

    return {name: part for name, part in model.named_modules() if isinstance(part, _BatchNorm) and moved(name)}


@contextmanager
def batch_statistics(norms: Iterable[_BatchNorm]) -> Iterator[None]:
    """Inside, these norms use the statistics of each batch and update nothing."""
    before = [(norm, norm.training, norm.track_running_stats) for norm in norms]
    try:
        for norm, _, _ in before:
            norm.training, norm.track_running_stats = True, False
        yield
    finally:
        for norm, training, track in before:
            norm.training, norm.track_running_stats = training, track


class Moments:
    """Count, mean and sum of squared deviations per channel of all that was added (Chan et al., 1979), in float64."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, torch.zeros(()), torch.zeros(())

    def add(self, values: Tensor) -> None:
        """``(N, C, ...)``."""
        axes = [axis for axis in range(values.dim()) if axis != 1]
        count = values.numel() // max(values.shape[1], 1)
        if count == 0:
            return
        variance, mean = torch.var_mean(values.detach().double(), dim=axes, correction=0)
        total = self.count + count
        apart = mean - self.mean.to(mean)
        self.squares = self.squares.to(mean) + variance * count + apart.square() * (self.count * count / total)
        self.mean = self.mean.to(mean) + apart * (count / total)
        self.count = total

    def write(self, norm: _BatchNorm) -> None:
        """Put mean and unbiased variance into the norm's running statistics, if there are two values or more."""
        if self.count > 1:
            norm.running_mean.copy_(self.mean)
            norm.running_var.copy_(self.squares / (self.count - 1))


@torch.no_grad()
def reestimate(model: BaseModel, norms: Mapping[str, _BatchNorm], batches: Iterable[Mapping[str, Any]]) -> int:
    """Replace the running statistics of ``norms`` by those of all of ``batches`` together.

    Every norm works with each batch's statistics, as in training, while what reaches it is counted; nothing else of
    the model changes, and the rest of it stays in eval mode. (``torch.optim.swa_utils.update_bn`` averages the
    batches' variances and so leaves out how their means differ; this pools the values. For the first norm of a
    network the result is exact whatever the batches are.)

    Args:
        model: Predicts raw outputs in mode ``tensor``.
        norms: See :func:`moved_norms`.
        batches: As the loader collates them.

    Returns:
        The number of batches.
    """
    found = {name: Moments() for name in norms}
    done, training = 0, model.training
    model.eval()
    with ExitStack() as stack:
        for name, norm in norms.items():
            hook = norm.register_forward_pre_hook(lambda _, args, name=name: found[name].add(args[0]))
            stack.callback(hook.remove)
        stack.enter_context(batch_statistics(norms.values()))
        for batch in batches:
            model(**model.data_preprocessor(dict(batch), False), mode='tensor')
            done += 1
    model.train(training)
    for name, norm in norms.items():
        found[name].write(norm)
    return done
