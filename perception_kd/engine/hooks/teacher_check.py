"""Sees that a teacher is as good as expected before anybody learns from it."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.distill.teacher_group import TeacherGroup
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.engine.random_state import capture_random_state, restore_random_state
from perception_kd.registry import DATASETS, HOOKS, METRICS

CAUSES = ('frame of reference of its training (bev_frame), order of the classes, scale of the intensity, number of '
          'LiDAR sweeps')


@HOOKS.register_module()
class TeacherCheckHook(Hook):
    """Scores a frozen teacher on frames of the validation split and stops a run whose teacher is too weak.

    The first process predicts and scores; all stop together. Random states stay as they are, so that training
    afterwards equals training without the check bit for bit.

    Args:
        teacher: Its name in the model's ``teachers``.
        pipeline: The teacher's own test pipeline.
        frames: How many, spread evenly over the split; None: all of it. Published figures are of all.
        metric: Name without prefix, as the evaluator logs it: ``mAP``, ``NDS``, ``mAP_present``, ``car_AP``, ...
        expected: What it should reach (0 to 1, in the evaluator's unit); None: the figure is logged only.
        tolerance: How far below is still accepted.
        through: For a teacher that cannot predict (a label teacher): the LiDAR teacher whose neck and head decode its
            maps.
        dataset: Changes to the data set of the config's ``val_dataloader``.
        evaluator: Changes to the config's ``val_evaluator``.

    Raises:
        ValueError: settings that make no sense.
    """

    priority = 'VERY_LOW'

    def __init__(self, *, teacher: str, pipeline: Sequence[dict], frames: int | None = 100, metric: str = 'mAP',
                 expected: float | None = None, tolerance: float = 0.02, through: str | None = None,
                 dataset: Mapping[str, Any] | None = None, evaluator: Mapping[str, Any] | None = None) -> None:
        if frames is not None and (isinstance(frames, bool) or not isinstance(frames, int) or frames < 1):
            raise ValueError(f'TeacherCheckHook: frames must be 1 or more, or None for all, got {frames!r}')
        for name, value in (('expected', 0.0 if expected is None else expected), ('tolerance', tolerance)):
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
                raise ValueError(f'TeacherCheckHook: {name} must be a number, 0 or more, got {value!r}')
        self.teacher, self.through, self.frames = teacher, through, frames
        self.metric, self.expected, self.tolerance = metric, expected, tolerance
        self.pipeline = [dict(transform) for transform in pipeline]
        self.dataset, self.evaluator = dict(dataset or {}), dict(evaluator or {})

    def before_train(self, runner: Runner) -> None:
        """Score the teacher.

        Raises:
            ValueError: it is below expectation, or cannot be scored.
        """
        outcome: list[Any] = [None, None]  # what to log, what to stop with
        if is_main_process():
            before = capture_random_state()
            try:
                outcome = self._judge(runner)
            except (ValueError, OSError) as error:
                outcome = [None, str(error)]
            finally:
                restore_random_state(before)
        broadcast_object_list(outcome)
        said, problem = outcome
        if problem is not None:
            raise ValueError(problem)
        runner.logger.info(said)

    def _judge(self, runner: Runner) -> list[str | None]:
        model = unwrapped(runner)
        teachers = getattr(model, 'teachers', None) or {}
        named = dict(teachers.items())
        if self.teacher not in named:
            raise ValueError(f"TeacherCheckHook: the model has no teacher '{self.teacher}'; it has: "
                             f'{", ".join(named) or "none"}')
        predict = predictor(teachers, self.teacher, self.through)
        value, count = self._score(runner, model, predict)
        source = getattr(named[self.teacher], 'source', None) or 'random weights'
        said = (f"teacher '{self.teacher}' from {source}: {self.metric} {value:.4f} on {count} frames of the "
                'validation split')
        if self.expected is None:
            return [f'{said}; nothing was expected', None]
        said += f', expected {self.expected:.4f} - {self.tolerance:.4f}'
        if value >= self.expected - self.tolerance:
            return [said, None]
        return [None, f'{said}. It is too weak to teach, or not used as it was trained; likely causes: {CAUSES}']

    @torch.no_grad()
    def _score(self, runner: Runner, model: torch.nn.Module, predict: Callable) -> tuple[float, int]:
        cfg = copy.deepcopy(runner.cfg)
        if not (cfg.get('val_dataloader') and cfg.get('val_evaluator')):
            raise ValueError('TeacherCheckHook needs a config with val_dataloader and val_evaluator')
        dataset = DATASETS.build({**cfg.val_dataloader.dataset, **self.dataset, 'pipeline': self.pipeline})
        metric = METRICS.build({**cfg.val_evaluator, 'subset': True, 'jsonfile_prefix': None, 'format_only': False,
                                **self.evaluator})
        metric.dataset_meta = dataset.metainfo
        for index in spread(len(dataset), self.frames):
            data = model.data_preprocessor(pseudo_collate([dataset[index]]), False)
            found = predict(data['inputs'], data['data_samples'])
            metric.process(None, [{**sample.metainfo, 'pred_instances_3d': answer}
                                  for sample, answer in zip(data['data_samples'], found, strict=True)])
        scores = metric.compute_metrics(metric.results)
        if self.metric not in scores:
            raise ValueError(f"TeacherCheckHook: the evaluator gives no '{self.metric}'; it gives {', '.join(scores)}")
        return scores[self.metric], len(metric.results)


def spread(total: int, frames: int | None) -> list[int]:
    """``frames`` different indices below ``total``, spread evenly; all if there are no more, or for None."""
    if frames is None or frames >= total:
        return list(range(total))
    return np.linspace(0, total - 1, frames).round().astype(int).tolist()


def predictor(teachers: TeacherGroup, name: str, through: str | None) -> Callable[[dict, list], list]:
    """How a teacher answers: inputs and data samples -> ``InstanceData`` of each sample.

    Raises:
        ValueError: it neither predicts itself nor has maps that ``through`` decodes.
    """
    teacher = getattr(teachers[name], 'live', teachers[name])  # a cache has nothing to say of the validation split
    if through is None:
        declared = teacher.functions() if hasattr(teacher, 'functions') else {}
        if 'predict' not in declared:
            raise ValueError(f"TeacherCheckHook: teacher '{name}' does not predict boxes; name the LiDAR teacher "
                             "whose neck and head decode its maps (through='lidar'), or leave the check out")
        return declared['predict']
    neck_head, decode = (teachers.function(f'{through}.{function}') for function in ('neck_head', 'decode'))
    stages = [tap for tap in teacher.tap_specs() if tap.startswith('bev_')]

    def call(inputs: dict, data_samples: list) -> list:
        maps = teacher.run(inputs, data_samples, stages)
        return decode(neck_head([maps[stage] for stage in stages]), data_samples)

    return call
