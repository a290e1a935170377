"""Accuracy of a model with some of its blocks exchanged, by the config's own evaluator."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from torch import nn

from perception_kd.compress.search.block_taps import swapped
from perception_kd.engine.quiet_log import quiet_log
from perception_kd.engine.runner import DistillRunner
from perception_kd.registry import METRICS


class Scorer:
    """Scores a model again and again on the same data.

    Args:
        model: With its weights, on the device to use.
        loader, evaluator: Configs, as in mmengine.
        seed: Of the loader.
    """

    def __init__(self, *, model: nn.Module, loader: Mapping[str, Any], evaluator: Mapping[str, Any],
                 seed: int = 0) -> None:
        init_default_scope('perception_kd')
        self.model = model.eval()
        self.loader = DistillRunner.build_dataloader(copy.deepcopy(dict(loader)), seed=seed)
        self.evaluator = Evaluator(METRICS.build(dict(evaluator)))
        self.evaluator.dataset_meta = getattr(self.loader.dataset, 'metainfo', None)

    @torch.no_grad()
    def score(self, blocks: Mapping[str, nn.Module]) -> dict[str, float]:
        """Figures of the model with other modules at some of its paths.

        Args:
            blocks: Module path -> what stands there; none: the model as it is.
        """
        with ExitStack() as stack:
            for path, block in blocks.items():
                stack.enter_context(swapped(self.model, path, block.eval()))
            stack.enter_context(quiet_log())  # evaluators print a table each time
            for batch in self.loader:
                self.evaluator.process(data_samples=self.model.test_step(batch), data_batch=batch)
            found = self.evaluator.evaluate(len(self.loader.dataset))
        return {name: float(value) for name, value in found.items()}

    def sample(self) -> dict[str, Any]:
        """The first sample as a batch of its own."""
        return self.loader.collate_fn([self.loader.dataset[0]])

    @torch.no_grad()
    def outputs(self, model: nn.Module, blocks: Mapping[str, nn.Module]) -> Any:
        """Raw outputs of a model like the scored one for the first sample, with other modules at some of its paths."""
        with ExitStack() as stack:
            for path, block in blocks.items():
                stack.enter_context(swapped(model, path, block.eval()))
            data = model.data_preprocessor(self.sample(), False)
            return model(**data, mode='tensor')


def figure(found: Mapping[str, float], metric: str) -> float:
    """One figure by its name; a prefix may be left out. NaN where it is not finite.

    Raises:
        ValueError: there is none of that name.
    """
    names = [name for name in found if name == metric or name.endswith(f'/{metric}')]
    if len(names) != 1:
        several = 'several figures end so' if names else 'the evaluator gives no such figure'
        raise ValueError(f'search.metric {metric!r}: {several}; there are {", ".join(names or found)}')
    return found[names[0]] if math.isfinite(found[names[0]]) else math.nan
