"""A teacher without a network: maps that are measured, not learnt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks import Mask, build_mask
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid, TapSpec, is_annotated
from perception_kd.structures.annotated import emptied


@MODELS.register_module()
class MapTeacher:
    """Masks as teacher taps of one channel, so that a pair can pull a student map towards one.

    IMKD's optional anchor teaches the gates ``radar_intensity`` and ``camera_intensity`` the LiDAR intensity.

    Args:
        maps: Masks or their configs by tap name; they look at the batch alone, at no taps.
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        cell: Metres.
    """

    def __init__(self, *, maps: Mapping[str, dict | Mask], point_cloud_range: Sequence[float], cell: float) -> None:
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        self.maps = {name: build_mask(mask) for name, mask in maps.items()}
        self.device = torch.device('cpu')
        for name, mask in self.maps.items():
            if mask.student_taps or mask.teacher_taps:
                raise ValueError(f"MapTeacher: map '{name}' reads taps, which it is not given here")

    def tap_specs(self) -> dict[str, TapSpec]:
        """One BEV tap of one channel per map."""
        return {name: TapSpec(name, 'bev', 1, str(mask), grid=self.grid, needs_boxes=mask.needs_boxes)
                for name, mask in self.maps.items()}

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Tensor]:
        """``(B, 1, ny, nx)`` each. A map of boxes is that of no box where a sample is not annotated."""
        samples = [sample if is_annotated(sample) else emptied(sample, self.device) for sample in data_samples]
        batch = DistillBatch(inputs=inputs, data_samples=samples, grid=self.grid, device=self.device)
        with torch.no_grad():
            return {name: self.maps[name](batch) for name in taps}

    def to(self, device: torch.device | str) -> MapTeacher:
        """Follow the student."""
        self.device = torch.device(device)
        return self

    def __str__(self) -> str:
        return ', '.join(f'{name} = {mask}' for name, mask in self.maps.items())
