"""BEV pooling: lift and index_add against the sparse-matrix product, that against Triton's kernels where they run."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from functools import partial

import torch
from torch import Tensor

from perception_kd.benchmark.timing import Report, compare
from perception_kd.kernels import FrustumPattern, kernels, use_kernels
from perception_kd.kernels.switch import Mode
from perception_kd.models.layers import BEVPoolPattern, DepthBins, bev_pool, frustum_points
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


def benchmark_pooling(case: PoolingCase, *, runs: int = 10, device: str = 'cpu',
                      reduction: str = 'mean') -> Report:
    """Time forward alone, and a step (forward and backward), each with the geometry's part prepared once
    ("fixed pattern") and made in every run ("rebuilt pattern"), as changing matrices force. Where Triton's kernels run
    (``use_kernels``), they are timed against the sparse-matrix product in columns of their own."""
    depth, features, weight = _tensors(case, device)
    cell, inside = _cells(case, device)
    cells = case.grid.nx * case.grid.ny
    indices = _plain_indices(cell, inside, cells)
    fixed = {mode: _pattern(cell, inside, cells, mode) for mode in ('off', 'always')[:1 + use_kernels(depth)]}

    def ours(mode: Mode, rebuilt: bool, backward: bool) -> dict[str, Tensor]:
        used = _pattern(cell, inside, cells, mode) if rebuilt else fixed[mode]
        pooled = bev_pool(depth, features, used, reduction=reduction)
        return _results(pooled, weight, depth, features, backward)

    def plain(rebuilt: bool, backward: bool) -> dict[str, Tensor]:
        used = _plain_indices(cell, inside, cells) if rebuilt else indices
        pooled = _lift_and_add(depth, features, *used, case.batch * cells, reduction)
        return _results(pooled, weight, depth, features, backward)

    report = Report('pooling', dict(asdict(case), device=device, reduction=reduction,
                                    frustum_points=cell.numel(), matrix_entries=fixed['off'].entries))
    for rebuilt, backward in itertools.product((False, True), repeat=2):
        name = f'{"step" if backward else "forward"}, {"rebuilt" if rebuilt else "fixed"}'
        sparse = 'sparse-matrix product', partial(ours, 'off', rebuilt, backward)
        report.columns[f'{name} pattern'] = compare(
            ('lift + index_add', partial(plain, rebuilt, backward)), sparse, runs=runs)
        if 'always' in fixed:
            report.columns[f'{name}, Triton'] = compare(
                sparse, ('Triton kernels', partial(ours, 'always', rebuilt, backward)), runs=runs)
    return report


def _pattern(cell: Tensor, inside: Tensor, cells: int, mode: Mode) -> BEVPoolPattern | FrustumPattern:
    with kernels(mode):
        return BEVPoolPattern.build(cell, inside, cells)


def _tensors(case: PoolingCase, device: str) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = case.batch * case.cameras
    depth = torch.randn(images, case.bins, case.height, case.width, generator=generator).softmax(1)
    features = torch.randn(images, case.channels, case.height, case.width, generator=generator)
    weight = torch.randn(case.batch * case.grid.nx * case.grid.ny, case.channels, generator=generator)
    return depth.to(device).requires_grad_(), features.to(device).requires_grad_(), weight.to(device)


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


def _plain_indices(cell: Tensor, inside: Tensor, cells: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row of every valid point, its place in the lifted frustum, and points per row."""
    cell, inside = (part.permute(0, 1, 4, 2, 3) for part in (cell, inside))  # as depth: bin before pixel
    sample = torch.arange(len(cell), device=cell.device).view(-1, 1, 1, 1, 1)
    rows = (cell + sample * cells)[inside]
    count = torch.bincount(rows, minlength=len(cell) * cells)
    return rows, torch.nonzero(inside.reshape(-1))[:, 0], count


def _lift_and_add(depth: Tensor, features: Tensor, rows: Tensor, place: Tensor, count: Tensor, total: int,
                  reduction: str) -> Tensor:
    lifted = (depth[:, :, None] * features[:, None]).permute(0, 1, 3, 4, 2).reshape(-1, features.shape[1])
    pooled = features.new_zeros(total, features.shape[1]).index_add(0, rows, lifted[place])
    return pooled / count.clamp(min=1)[:, None] if reduction == 'mean' else pooled


def _results(pooled: Tensor, weight: Tensor, depth: Tensor, features: Tensor,
             backward: bool) -> dict[str, Tensor]:
    if not backward:
        return {'output': pooled}
    grads = torch.autograd.grad((pooled * weight).sum(), [depth, features])
    return {'output': pooled, 'depth gradient': grads[0], 'feature gradient': grads[1]}
