"""What masks and losses may look at besides the two tensors they compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from perception_kd.structures import BEVGrid


def no_functions(name: str) -> Callable:
    """Stands where no teacher declares functions."""
    raise ValueError(f"no teacher function '{name}' is available here")


@dataclass(frozen=True)
class DistillBatch:
    """One step's world, as the loader gave it and as the models saw it.

    Args:
        inputs: The loader's dict on the device, not collated: ``points`` and ``radar`` are lists of ``(P,
            5)`` and ``(M, 7)`` in the augmented LiDAR frame.
        data_samples: One per sample, with ``gt_instances_3d`` (augmented LiDAR frame).
        student_taps, teacher_taps: Recorded values; teacher taps are named ``teacher.tap``.
        grid: The BEV grid of the pair at hand, None where its taps are no BEV maps.
        functions: ``functions('lidar.head')`` gives a teacher's declared function.
        device: Where the step runs.
    """

    inputs: Mapping[str, Any]
    data_samples: list
    student_taps: Mapping[str, Any] = field(default_factory=dict)
    teacher_taps: Mapping[str, Any] = field(default_factory=dict)
    grid: BEVGrid | None = None
    functions: Callable[[str], Callable] = no_functions
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))

    def on(self, grid: BEVGrid | None) -> DistillBatch:
        """The same batch seen on another grid."""
        return dataclasses.replace(self, grid=grid)

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.data_samples)

    def require_grid(self, who: str) -> BEVGrid:
        """The grid, or ValueError naming ``who`` needs it."""
        if self.grid is None:
            raise ValueError(f'{who} needs a BEV grid, but the pair compares taps without one')
        return self.grid

    def points(self, key: str, who: str) -> list[torch.Tensor]:
        """The list of point clouds ``inputs[key]``, or ValueError saying what the inputs hold."""
        if key not in self.inputs:
            raise ValueError(f"{who} needs inputs['{key}']; the batch holds: {', '.join(self.inputs)}")
        return list(self.inputs[key])


def sample_name(data_sample: Any, index: int) -> str:
    """Token of a sample for messages, or its place in the batch."""
    meta = getattr(data_sample, 'metainfo', None) or {}
    return str(meta.get('token') or meta.get('sample_idx') or f'number {index} of the batch')
