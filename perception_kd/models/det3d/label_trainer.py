"""Training of the label encoder through a LiDAR detector that stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn

from perception_kd.distill.nested import as_float
from perception_kd.distill.teacher import Teacher
from perception_kd.distill.teacher_group import TeacherGroup
from perception_kd.models.det3d.label_raster import truth_boxes
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec

NEEDED = ('neck_head', 'loss', 'decode')


@MODELS.register_module()
class LabelEncoderTrainer(BaseModel):
    """Boxes -> label encoder -> frozen neck and head of a LiDAR teacher -> the head's own loss against the boxes.

    The encoder so approximates the inverse of neck and head (LabelDistill, Kim et al., ECCV 2024, step 1). No
    sensor is read. ``predict`` decodes what neck and head make of the annotations, so that a validation tells the
    upper bound: how much of the labels passes through.

    A checkpoint holds ``encoder.*`` alone; ``FrozenTeacher(..., prefix='encoder.')`` loads it.

    Args:
        encoder: Config or model: a ``LabelEncoder`` whose stages are those of the teacher.
        teachers: The frozen LiDAR teacher under its name, config or built; it declares the functions ``neck_head``,
            ``loss`` and ``decode`` (``CenterPointAdapter`` does).
        through: That name.
        data_preprocessor, init_cfg: As in mmengine.

    Raises:
        ValueError: no such teacher, or its stages differ from the encoder's.
    """

    def __init__(self, *, encoder: dict | nn.Module, teachers: Mapping[str, dict | Teacher], through: str = 'lidar',
                 data_preprocessor: dict | nn.Module | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.encoder = encoder if isinstance(encoder, nn.Module) else MODELS.build(encoder)
        self.teachers, self.through = TeacherGroup.build(teachers), through
        for name in NEEDED:
            self.teachers.function(f'{through}.{name}')
        check_stages(self.encoder.tap_specs(), self.teachers[through].tap_specs(), through)

    def forward(self, inputs: Any, data_samples: list, mode: str = 'tensor') -> Any:
        """``tensor``: stage maps by name; ``loss``: the head's losses; ``predict``: samples with
        ``pred_instances_3d``."""
        device = next(self.encoder.parameters()).device
        stages = self.encoder(truth_boxes(data_samples, device))
        if mode == 'tensor':
            return stages
        maps = self._call('neck_head', as_float(list(stages.values())))
        if mode == 'loss':
            return self._call('loss', maps, data_samples)
        for sample, found in zip(data_samples, self._call('decode', maps, data_samples), strict=True):
            sample.pred_instances_3d = found
        return data_samples

    def _call(self, function: str, *args: Any) -> Any:
        return self.teachers.function(f'{self.through}.{function}')(*args)

    def _apply(self, fn: Any, recurse: bool = True) -> LabelEncoderTrainer:
        """Every device move passes here; the teacher follows to the device, never to a dtype."""
        here = next(weight.device for weight in self.parameters())
        super()._apply(fn, recurse)
        self.teachers.to(fn(torch.zeros(1, device=here)).device)
        return self

    def describe(self) -> str:
        """Encoder and teacher as text."""
        weights = sum(weight.numel() for weight in self.encoder.parameters())
        return '\n'.join([f'encoder   {type(self.encoder).__name__}, {weights / 1e6:.3f} M parameters',
                          *(f'          {spec}' for spec in self.encoder.tap_specs().values()),
                          *(f'teacher   {name}: {teacher}' for name, teacher in self.teachers.items())])


def check_stages(ours: Mapping[str, TapSpec], theirs: Mapping[str, TapSpec], teacher: str) -> None:
    """See that the encoder's maps are those that the teacher's neck reads, one by one.

    Raises:
        ValueError: names both lists.
    """
    stages = [spec for name, spec in theirs.items() if name.startswith('bev_')]
    fits = len(ours) == len(stages) and all(
        mine.channels == other.channels and mine.grid.same_as(other.grid)
        for mine, other in zip(ours.values(), stages))
    if not fits:
        raise ValueError(f"the label encoder gives {', '.join(map(str, ours.values()))}, but the neck of teacher "
                         f"'{teacher}' reads {', '.join(map(str, stages))}; set stage_cells and stage_channels "
                         'accordingly')
