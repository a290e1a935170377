"""Looks at weights before they are loaded."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor

from perception_kd.distill.weights import check_finite, compare_weights
from perception_kd.engine.hooks.progress import unwrapped


class WeightCheckHook(Hook):
    """Refuses a checkpoint that holds NaN, or of which nothing fits the model.

    Args:
        strict: Refuse one that lacks a weight of the model, too: a model that is tested must not keep random ones.
            What the checkpoint has besides (connectors of a distillation) is fine.
    """

    priority = 'VERY_HIGH'

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Look at ``checkpoint``, a state dict or a dict with one.

        Raises:
            ValueError: says which file it is, and which weights are missing or bad.
        """
        where = f'checkpoint {runner._load_from or f"of {runner.work_dir}"}'
        content = checkpoint.get('state_dict', checkpoint)
        named = content.items() if isinstance(content, dict) else ()
        weights = {str(name).removeprefix('module.'): value for name, value in named if isinstance(value, Tensor)}
        check_finite(weights, where)
        report = compare_weights(unwrapped(runner), weights)
        lacking = report.missing + report.misshapen + report.transposed
        if not report.matched or (self.strict and lacking):
            raise ValueError(f'{where} does not fit the model of the config: {report}')
