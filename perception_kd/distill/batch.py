"""What masks and losses may look at besides the two tensors they compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from perception_kd.distill.nested import take_rows
from perception_kd.structures import BEVGrid, ImageGrid
from perception_kd.structures.annotated import emptied


def no_functions(name: str) -> Callable:
    """Stands where no teacher declares functions."""
    raise ValueError(f"no teacher function '{name}' is available here")


@dataclass(frozen=True)
class DistillBatch:
    """One step's world, as the loader gave it and as the models saw it.

    Args:
        inputs: The loader's dict on the device, not collated: ``points`` and ``radar`` are lists of ``(P,
            5)`` and ``(M, 7)`` in the augmented LiDAR frame; of a 2D detector the list of pictures.
        data_samples: One per sample, with ``gt_instances_3d`` (augmented LiDAR frame) or ``gt_instances`` (px).
        student_taps, teacher_taps: Recorded values; teacher taps are named ``teacher.tap``.
        grid: The BEV grid of the pair at hand, None where its taps are no BEV maps.
        image: The cells of the pair at hand, None where its taps are no maps of a picture.
        functions: ``functions('lidar.head')`` gives a teacher's declared function.
        device: Where the step runs.
    """

    inputs: Mapping[str, Any] | Sequence[torch.Tensor]
    data_samples: list
    student_taps: Mapping[str, Any] = field(default_factory=dict)
    teacher_taps: Mapping[str, Any] = field(default_factory=dict)
    grid: BEVGrid | None = None
    image: ImageGrid | None = None
    functions: Callable[[str], Callable] = no_functions
    device: torch.device = field(default_factory=lambda: torch.device('cpu'))

    def on(self, grid: BEVGrid | None, image: ImageGrid | None = None) -> DistillBatch:
        """The same batch seen on another grid."""
        return dataclasses.replace(self, grid=grid, image=image)

    def keep(self, rows: Sequence[int], taps: Collection[str]) -> DistillBatch:
        """The batch of some of its samples.

        Args:
            rows: Their places in the batch.
            taps: Student taps and ``teacher.tap`` that are still needed.

        Raises:
            ValueError: A tap has not the batch's samples in front.
        """
        student, teacher = ({name: take_rows(value, rows, self.size) for name, value in held.items() if name in taps}
                            for held in (self.student_taps, self.teacher_taps))
        return dataclasses.replace(self, inputs=_items(self.inputs, rows), student_taps=student, teacher_taps=teacher,
                                   data_samples=[self.data_samples[row] for row in rows])

    def emptied(self) -> DistillBatch:
        """The same batch as if every sample were annotated and without a box."""
        return dataclasses.replace(
            self, data_samples=[emptied(sample, self.device) for sample in self.data_samples])

    @property
    def size(self) -> int:
        """Number of samples."""
        return len(self.data_samples)

    def require_grid(self, who: str) -> BEVGrid:
        """The grid, or ValueError naming ``who`` needs it."""
        if self.grid is None:
            raise ValueError(f'{who} needs a BEV grid, but the pair compares taps without one')
        return self.grid

    def require_image(self, who: str) -> ImageGrid:
        """The cells of the picture, or ValueError naming ``who`` needs them."""
        if self.image is None:
            raise ValueError(f'{who} needs a map of a picture with a stride, but the pair compares other taps')
        return self.image

    def points(self, key: str, who: str) -> list[torch.Tensor]:
        """The list of point clouds ``inputs[key]``, or ValueError saying what the inputs hold."""
        if key not in self.inputs:
            raise ValueError(f"{who} needs inputs['{key}']; the batch holds: {', '.join(self.inputs)}")
        return list(self.inputs[key])


def _items(value: Any, rows: Sequence[int]) -> Any:
    """Samples out of the loader's inputs: lists over samples, in dicts, and lists of such dicts (past frames)."""
    if isinstance(value, Mapping):
        return {key: _items(item, rows) for key, item in value.items()}
    if isinstance(value, torch.Tensor):
        return value[list(rows)]
    if value and isinstance(value[0], Mapping):
        return [_items(item, rows) for item in value]
    return [value[row] for row in rows]


def sample_name(data_sample: Any, index: int) -> str:
    """Token of a sample for messages, or its place in the batch."""
    meta = getattr(data_sample, 'metainfo', None) or {}
    return str(meta.get('token') or meta.get('sample_idx') or meta.get('img_path') or f'number {index} of the batch')
