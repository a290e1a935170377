"""The label teacher's network: annotated boxes into feature maps that a LiDAR detector's neck and head decode."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.det3d.label_raster import box_cells, box_rows, truth_boxes
from perception_kd.models.layers import ResidualBlock
from perception_kd.registry import MODELS, TEACHER_ADAPTERS
from perception_kd.structures import BEVGrid, TapSpec, is_annotated
from perception_kd.structures.annotated import emptied


@MODELS.register_module()
class LabelEncoder(BaseModule):
    """LabelDistill's label encoder (Kim et al., ECCV 2024), for the stage maps of any LiDAR teacher.

    Box and class of every cell of the raster go through an MLP each; the sum through a third one and a
    LayerNorm; the map through a residual block; and then through one branch for each of the teacher's backbone
    stages: convolution (replicate padding), LayerNorm over channels and cells, ReLU.

    All cells of a box hold the same row and all empty cells the same zero row, so that the MLPs run on one row a
    box and one for the rest; that is exact.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        tasks: Class names per task, together in label order, or one list of names.
        stage_cells: Cell of each of the teacher's backbone stages in metres, finest first; whole multiples of the
            first, which is the raster's.
        stage_channels: Their channels.
        width: Of the MLPs and of the residual block.
        raster_scale: See :func:`~perception_kd.models.det3d.label_raster.box_cells`.
        box_dims: Numbers of a box: 9, or 7 where velocities are unknown throughout.
        norm_cfg: Of the residual block.

    Raises:
        ValueError: stages that do not fit each other.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], tasks: Sequence[str] | Sequence[Sequence[str]],
                 stage_cells: Sequence[float] = (0.8, 1.6), stage_channels: Sequence[int] = (128, 256),
                 width: int = 256, raster_scale: float = 1.0, box_dims: int = 9, norm_cfg: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        if raster_scale <= 0:
            raise ValueError(f'LabelEncoder: raster_scale must be above 0, got {raster_scale}')
        self.class_names = [[names] if isinstance(names, str) else list(names) for names in tasks]
        self.classes = sum(map(len, self.class_names))
        self.box_dims, self.raster_scale = box_dims, raster_scale
        grids = [BEVGrid.from_range(point_cloud_range, cell) for cell in stage_cells]
        self.grid, self._specs = grids[0], {}
        self.learnt_area = (self.grid.x_min, self.grid.y_min, self.grid.x_max, self.grid.y_max)  # by the LayerNorms
        self.box_mlp, self.class_mlp = _mlp(box_dims, width), _mlp(self.classes, width)
        self.mlp, self.norm = _mlp(width, width), nn.LayerNorm(width)
        self.block = ResidualBlock(in_channels=width, out_channels=width, norm_cfg=norm_cfg or dict(type='BN'))
        self.branches = nn.ModuleList()
        for grid, channels in zip(grids, stage_channels, strict=True):
            name = f'bev_{grid.tap_suffix}'
            name = f'{name}_{len(self._specs)}' if name in self._specs else name
            self._specs[name] = TapSpec(name, 'bev', channels, 'labels, as the teacher stage', grid=grid,
                                        needs_boxes=True)
            self.branches.append(_branch(width, channels, grid, _stride(grid, self.grid)))

    def tap_specs(self) -> dict[str, TapSpec]:
        """Taps by name in the order of the stages: ``bev_s<decimetres>``."""
        return dict(self._specs)

    def forward(self, truth: Sequence[tuple[Tensor, Tensor]], taps: Iterable[str] | None = None) -> dict[str, Tensor]:
        """Stage maps ``(B, C, ny, nx)`` by tap name, in the order of the stages.

        Args:
            truth: Boxes ``(M, 9)`` and labels ``(M,)`` of every sample, see ``label_raster``.
            taps: Which stages; None: all.
        """
        x = self.block(torch.stack([self._embed(boxes, labels) for boxes, labels in truth]))
        wanted = set(self._specs if taps is None else taps)
        return {name: branch(x) for name, branch in zip(self._specs, self.branches) if name in wanted}

    def _embed(self, boxes: Tensor, labels: Tensor) -> Tensor:
        """``(M, 9)`` and ``(M,)`` -> ``(width, ny, nx)``."""
        if boxes.shape[1] < self.box_dims:
            raise ValueError(f'the label encoder reads boxes of {self.box_dims} numbers, got {boxes.shape[1]}; set '
                             'its box_dims=7 for data without velocities')
        boxes = boxes[:, :self.box_dims]
        rows = box_rows(boxes, labels, self.classes)
        with torch.autocast(rows.device.type, enabled=False):  # half precision would move boxes by decimetres
            rows = self.mlp(self.box_mlp(rows[:, :self.box_dims]) + self.class_mlp(rows[:, self.box_dims:]))
            rows = self.norm(rows)
        return rows[box_cells(boxes, self.grid, self.raster_scale)].permute(2, 0, 1)


def _mlp(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.ReLU(), nn.Linear(width, width))


def _stride(grid: BEVGrid, raster: BEVGrid) -> int:
    stride = round(grid.cell / raster.cell)
    if stride < 1 or abs(stride * raster.cell - grid.cell) > 1e-4:
        raise ValueError(f'LabelEncoder: stage cells are whole multiples of the first, {raster.cell:g} m; '
                         f'{grid.cell:g} m is not')
    return stride


def _branch(width: int, channels: int, grid: BEVGrid, stride: int) -> nn.Sequential:
    kernel = 3 if stride < 3 else stride + 1 + stride % 2  # odd, and no cell of the raster is passed over
    return nn.Sequential(
        nn.Conv2d(width, channels, kernel, stride=stride, padding=kernel // 2, padding_mode='replicate'),
        nn.LayerNorm([channels, *grid.shape]), nn.ReLU())


@TEACHER_ADAPTERS.register_module()
class LabelEncoderAdapter:
    """Taps of a :class:`LabelEncoder` as a teacher: it reads the annotations, no sensor.

    Args:
        model: The encoder.
    """

    def __init__(self, model: LabelEncoder) -> None:
        if not isinstance(model, LabelEncoder):
            raise ValueError(f'LabelEncoderAdapter needs a LabelEncoder, got a {type(model).__name__}')
        self.model = model

    def tap_specs(self) -> dict[str, TapSpec]:
        """The encoder's."""
        return self.model.tap_specs()

    def run(self, inputs: dict, data_samples: Sequence[Any], taps: Iterable[str]) -> dict[str, Tensor]:
        """Stage maps of the annotations of ``data_samples``; ``inputs`` are not looked at.

        A sample that is not annotated gets the maps of an empty one, which no pair reads.
        """
        device = next(self.model.parameters()).device
        samples = [sample if is_annotated(sample) else emptied(sample, device) for sample in data_samples]
        return self.model(truth_boxes(samples, device), taps)
