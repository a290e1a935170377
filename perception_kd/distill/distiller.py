"""The distiller: a student, some frozen teachers, and a list of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from mmengine import dist
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import nn

from perception_kd.distill.accounting import PREFIX, check_finite
from perception_kd.distill.balance import GradientNormBalance, observe_gradients
from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import check_value
from perception_kd.distill.describe import describe
from perception_kd.distill.gradients import GradientProbe, GradientReport
from perception_kd.distill.pair import PairValue
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.rng import private_rng
from perception_kd.distill.schedules import Progress
from perception_kd.distill.taps import TapRecorder
from perception_kd.distill.teacher import Teacher
from perception_kd.distill.teacher_group import TeacherGroup
from perception_kd.registry import MODELS
from perception_kd.stages import stage


@MODELS.register_module()
class Distiller(BaseModel):
    """Wraps a student, which does not know; ``predict`` and ``tensor`` are the student's own.

    The distiller's data preprocessor only moves the batch to the device: the student and each teacher read it
    through their own. Without pairs the distiller's losses, gradients and updates are the student's bit for
    bit. A checkpoint holds ``student.*`` and ``pairs.*``; one that holds a bare student loads too.

    Args:
        student: Config or model: a BaseModel with ``tap_specs()``.
        teachers: Configs or built teachers by name; a config is of ``FrozenTeacher`` unless it says
            otherwise.
        pairs: Configs by name, see :func:`~perception_kd.distill.pair_builder.build_pairs`.
        balance: Config or module that multiplies the pairs' weights by what their gradients are
            (``GradientNormBalance``). A config's shares for pairs that are left out (None) are left out too.
        strength: Multiplies the weight of every pair: one number to tune any method by. Has no effect on weights that
            follow a ``balance``.
        check_finite: Stop at a loss that is not finite, naming pair, tap and sample. Costs one
            synchronisation with the device per step.
        data_preprocessor, init_cfg: As in mmengine.

    Raises:
        ValueError: Unknown or unfitting taps, teachers without fitting weights.
    """

    def __init__(
        self,
        *,
        student: dict | nn.Module,
        teachers: Mapping[str, dict | Teacher] | None = None,
        pairs: Mapping[str, dict] | None = None,
        balance: dict | GradientNormBalance | None = None,
        strength: float = 1.0,
        check_finite: bool = True,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        # Not by its name: mmengine would look for that in every room, and detection takes seconds to import.
        super().__init__(data_preprocessor=data_preprocessor or BaseDataPreprocessor(), init_cfg=init_cfg)
        self.student = student if isinstance(student, nn.Module) else MODELS.build(student)
        self.teachers = TeacherGroup.build(teachers)
        specs = self.student.tap_specs() if pairs else {}
        self.pairs = nn.ModuleDict(build_pairs(pairs, specs, self.teachers.tap_specs(), strength))
        self.teachers.serve(self.pairs)
        self._student_specs = {}
        self.record(set().union(*(pair.student_taps for pair in self.pairs.values())))
        self.balance = MODELS.build(_shares_of(balance, pairs or {})) if isinstance(balance, Mapping) else balance
        if self.balance is not None:
            self.balance.check(self.pairs)
            self.record(self.balance.probe.taps(self.student, self.pairs.values()))
        self.check_finite = check_finite
        self.probe: GradientProbe | None = None
        self.gradients: GradientReport | None = None
        self.weights: dict[str, float] = {}
        self.coverage: dict[str, torch.Tensor] = {}
        self.skipped: dict[str, int] = {}
        self.noted: dict[str, torch.Tensor] = {}
        self._progress = Progress()
        self.register_load_state_dict_pre_hook(adopt_bare_student)

    def record(self, taps: Iterable[str]) -> None:
        """Record these student taps, too.

        Raises:
            ValueError: The student has no such tap.
        """
        wanted = set(taps)
        specs = self.student.tap_specs() if wanted else {}
        if wanted - set(specs):
            raise ValueError(
                f'the student has no tap {", ".join(sorted(wanted - set(specs)))}; it has: {", ".join(specs)}'
            )
        self._student_specs |= {name: specs[name] for name in sorted(wanted)}

    def set_progress(
        self,
        iteration: int,
        epoch: float | None = None,
        iterations: int | None = None,
        epochs: float | None = None,
    ) -> None:
        """Tell the schedules where training stands; a hook does it under a Runner.

        Without it the distiller counts its own training steps, and schedules in epochs are refused. See
        :class:`~perception_kd.distill.schedules.Progress`.
        """
        self._progress = Progress(iteration, epoch, iterations, epochs)

    @property
    def progress(self) -> Progress:
        """Where training stands, as the schedules see it."""
        return self._progress

    def forward(self, inputs: Any, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """As mmengine's models; ``loss`` adds an entry ``loss_distill.<pair>`` for each pair."""
        if mode != 'loss' or not self.pairs:
            return self._call_student(inputs, data_samples, mode)
        losses = self._distill(inputs, data_samples)
        if self.training:
            self._progress = replace(self._progress, iteration=self._progress.iteration + 1)
        return losses

    def _call_student(self, inputs: Any, data_samples: list | None, mode: str) -> Any:
        inputs = dict(inputs) if isinstance(inputs, Mapping) else inputs
        data = self.student.data_preprocessor(dict(inputs=inputs, data_samples=data_samples), mode == 'loss')
        return self.student(**data, mode=mode)

    def _distill(self, inputs: Any, data_samples: list | None) -> dict[str, Any]:
        wanted = set().union(*(pair.teacher_taps for pair in self.pairs.values()))
        with stage('teachers'), private_rng('teachers', *self._moment(), device=self._device):
            teacher_taps = self.teachers.run(inputs, data_samples, wanted)
        with TapRecorder.of(self._student_specs, self._student_specs) as recorder:
            losses = dict(self._call_student(inputs, data_samples, 'loss'))
        student_taps = recorder.collect()
        for name, spec in self._student_specs.items():
            check_value('student', spec, student_taps[name])
        batch = DistillBatch(
            inputs=inputs,
            data_samples=data_samples or [],
            student_taps=student_taps,
            teacher_taps=teacher_taps,
            functions=self.teachers.function,
            device=self._device,
        )
        with stage('pairs'):
            values = self._compare(batch)
        if self.check_finite:
            raw = {PREFIX + name: value.raw for name, value in values.items()}
            check_finite({**losses, **raw}, self.pairs.values(), batch)
        self.gradients = observe_gradients(self, losses, values, student_taps)
        losses.update({PREFIX + name: value.loss for name, value in values.items()})
        return losses

    def _compare(self, batch: DistillBatch) -> dict[str, PairValue]:
        values = {}
        for name, pair in self.pairs.items():
            with private_rng(name, *self._moment(), device=self._device):
                values[name] = pair(batch, self._progress)
        if self.balance is not None:
            values = self.balance.apply_to(values)
        self.weights = {name: value.weight for name, value in values.items()}
        self.coverage = {name: value.coverage for name, value in values.items() if value.coverage is not None}
        self.skipped = {name: value.skipped for name, value in values.items() if self.pairs[name].needs_boxes}
        self.noted = {f'{what}.{name}': found for name, value in values.items() for what, found in value.noted.items()}
        return values

    @property
    def _device(self) -> torch.device:
        return self.data_preprocessor.device

    def _moment(self) -> tuple[int, int]:
        return self._progress.iteration, dist.get_rank()

    def _apply(self, fn: Any, recurse: bool = True) -> Distiller:
        """Every device move passes here; the teachers follow to the device, never to a dtype."""
        here = next((weight.device for weight in self.parameters()), self._device)
        super()._apply(fn, recurse)
        self.teachers.to(fn(torch.zeros(1, device=here)).device)
        return self

    def describe(self) -> str:
        """Teachers, taps, pairs and parameter counts as text."""
        return describe(self)


def _shares_of(balance: Mapping[str, Any], pairs: Mapping[str, dict | None]) -> dict[str, Any]:
    """The balance's config without the shares of pairs that a config has left out."""
    kept = {name: share for name, share in balance.get('shares', {}).items() if pairs.get(name, {}) is not None}
    return dict(balance, shares=kept)


def adopt_bare_student(module: Distiller, state_dict: dict[str, Any], prefix: str = '', *rest: object) -> None:
    """Let a checkpoint of the student alone load: put ``student.`` before its keys, in place."""
    if any(key.startswith(f'{prefix}student.') for key in state_dict):
        return
    for key in module.student.state_dict():
        if prefix + key in state_dict:
            state_dict[f'{prefix}student.{key}'] = state_dict.pop(prefix + key)
