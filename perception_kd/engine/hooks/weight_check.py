"""Looks at weights before they are loaded."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.distill.checkpoint_origin import origin_doubt, origin_of, origin_problem
from perception_kd.distill.distiller import adopt_bare_student
from perception_kd.distill.sparse_layout import to_model_layout, version_of_layout
from perception_kd.distill.weights import check_finite, compare_weights
from perception_kd.engine.hooks.progress import unwrapped

STUDENT = 'student.'


class WeightCheckHook(Hook):
    """Refuses a checkpoint that holds NaN, or of which nothing fits the model.

    Sparse convolutions come into the layout of the model, whichever library wrote them; a distiller takes the
    checkpoint of a bare student, and a bare student that of a distiller.

    Args:
        strict: Refuse one, too, that lacks a weight of the model, or was trained on other classes or boxes: a model
            that is tested must not keep random weights. What the checkpoint has besides (connectors of a
            distillation) is fine.
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
        content = content if isinstance(content, dict) else {}
        model = unwrapped(runner)
        _take_names_of(model, content)
        weights = {name: value for name, value in content.items() if isinstance(value, Tensor)}
        check_finite(weights, where)
        weights, converted = to_model_layout(model, weights, where)
        report = compare_weights(model, weights, converted=converted)
        lacking = report.missing + report.misshapen + report.transposed
        if not report.loaded or (self.strict and lacking):
            raise ValueError(f'{where} does not fit the model of the config: {report}')
        content.update({name: weights[name] for name in converted})
        _name_layout(model, content)
        if converted:
            runner.logger.info(f'{where}: {report}')
        origin = origin_of(checkpoint)
        problem = origin_problem(model, origin)
        if problem and self.strict:
            raise ValueError(f'{where}: {problem}')
        for said in filter(None, (problem, origin_doubt(model, origin))):
            runner.logger.warning(f'{where}: {said}')


def _take_names_of(model: nn.Module, content: dict[str, Any]) -> None:
    """Take the prefix of a parallel wrapper off; give a distiller the names of its student, and a student those of a
    distiller's, in place.
    """
    for name in [name for name in content if str(name).startswith('module.')]:
        content[name.removeprefix('module.')] = content.pop(name)
    if isinstance(model, Distiller):
        adopt_bare_student(model, content)
    elif not any(name.startswith(STUDENT) for name in model.state_dict()):
        for name in [name for name in content if str(name).startswith(STUDENT)]:
            content[name.removeprefix(STUDENT)] = content.pop(name)


def _name_layout(model: nn.Module, content: dict[str, Any]) -> None:
    """Write the layout into the metadata of the state dict, where mmdet3d looks for it."""
    versions = version_of_layout(model)
    if versions and isinstance(content, OrderedDict):
        content._metadata = OrderedDict({**getattr(content, '_metadata', {}), **versions})
