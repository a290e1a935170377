"""What the pooling benchmark pools: sizes, random tensors, and where a ring of cameras puts them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from perception_kd.models.layers import DepthBins, frustum_points
from perception_kd.structures import BEVGrid


@dataclass(frozen=True)
class PoolingCase:
    """Sizes of one pooling; the default is the published student's.

    Args:
        batch, cameras: Samples and cameras, on a ring.
        height, width, stride: Feature map, and image pixels per feature pixel.
        bins: Depth bins of 0.8 m from 2 m on.
        channels: Context channels.
        half_range, cell: The grid reaches this far to each side, m; cell in m.
    """

    batch: int = 1
    cameras: int = 6
    height: int = 16
    width: int = 44
    stride: int = 16
    bins: int = 59
    channels: int = 80
    half_range: float = 51.2
    cell: float = 0.8

    @property
    def grid(self) -> BEVGrid:
        """The square grid around the sensor that is pooled into."""
        return BEVGrid(-self.half_range, -self.half_range, self.half_range, self.half_range, self.cell)


@dataclass(frozen=True)
class PoolingInputs:
    """Tensors of one case.

    Attributes:
        depth: ``(B*N, D, H, W)`` probabilities, with gradient.
        features: ``(B*N, C, H, W)``, with gradient.
        weight: ``(B * cells, C)``, of the pooled cells in the sum whose gradients are taken.
        cell, inside: ``(B, N, H, W, D)`` flat cell of every frustum point in its sample, and whether it counts.
        cells: Of one sample's grid.
    """

    depth: Tensor
    features: Tensor
    weight: Tensor
    cell: Tensor
    inside: Tensor
    cells: int

    @classmethod
    def make(cls, case: PoolingCase, device: str) -> PoolingInputs:
        """The same for a case at every call."""
        generator = torch.Generator().manual_seed(0)
        images, cells = case.batch * case.cameras, case.grid.nx * case.grid.ny
        depth = torch.randn(images, case.bins, case.height, case.width, generator=generator).softmax(1)
        features = torch.randn(images, case.channels, case.height, case.width, generator=generator)
        weight = torch.randn(case.batch * cells, case.channels, generator=generator)
        return cls(depth.to(device).requires_grad_(), features.to(device).requires_grad_(), weight.to(device),
                   *_cells(case, device), cells)

    def results(self, pooled: Tensor, backward: bool) -> dict[str, Tensor]:
        """What two sides must agree in: the pooled cells, with ``backward`` the gradients to depth and features."""
        if not backward:
            return {'output': pooled}
        grads = torch.autograd.grad((pooled * self.weight).sum(), [self.depth, self.features])
        return {'output': pooled, 'depth gradient': grads[0], 'feature gradient': grads[1]}

    def rows(self, cell: Tensor, inside: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of points ``(B, ...)``: row of every one that counts, its place among all, and points per row."""
        sample = torch.arange(len(cell), device=cell.device).view(-1, *[1] * (cell.dim() - 1))
        rows = (cell + sample * self.cells)[inside]
        return rows, torch.nonzero(inside.reshape(-1))[:, 0], torch.bincount(rows, minlength=len(self.weight))


def _cells(case: PoolingCase, device: str) -> tuple[Tensor, Tensor]:
    """Cells of the frustum points of a ring of level cameras."""
    width, height = case.width * case.stride, case.height * case.stride
    focal = 0.8 * width
    cam2lidar = torch.zeros(case.batch, case.cameras, 4, 4)
    for index in range(case.cameras):
        c, s = math.cos(2 * math.pi * index / case.cameras), math.sin(2 * math.pi * index / case.cameras)
        cam2lidar[:, index] = torch.tensor([[c, 0, -s, -s], [s, 0, c, c], [0, -1, 0, 0], [0, 0, 0, 1]])
    intrinsics = torch.tensor([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]], device=device)
    intrinsics = intrinsics.expand(case.batch, case.cameras, 3, 3)
    points = frustum_points(
        cam2img=intrinsics, img_aug_matrix=torch.eye(3, device=device).expand_as(intrinsics),
        cam2lidar=cam2lidar.to(device), lidar_aug_matrix=torch.eye(4, device=device).expand(case.batch, 4, 4),
        bins=DepthBins(2.0, 2.0 + 0.8 * case.bins, 0.8), stride=case.stride, size=(case.height, case.width))
    cell, inside = case.grid.cell_index(points[..., :2])
    return cell, inside & (points[..., 2] > -5) & (points[..., 2] < 3)
