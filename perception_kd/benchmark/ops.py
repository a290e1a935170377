"""The portable ops against plain loops that do the same, one point or one pair of boxes at a time; and sampling."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

import perception_kd.compat  # noqa: F401  isort: skip
from perception_kd.benchmark.sampling import add_sampling
from perception_kd.benchmark.timing import Report, compare
from perception_kd.benchmark.voxel_kernels import add_voxel_kernels
from perception_kd.compat import compiled_mmcv_available
from perception_kd.kernels import kernels, use_kernels


@dataclass(frozen=True)
class OpsCase:
    """Sizes of the ops that are timed.

    Args:
        points: Points to voxelise.
        boxes: Rotated boxes to suppress.
        iou_threshold: Overlap at which a box is suppressed.
        max_points, max_voxels: Limits of the voxelisation.
        cells: Along each side of the maps that are sampled.
    """

    points: int = 20000
    boxes: int = 1000
    iou_threshold: float = 0.2
    max_points: int = 20
    max_voxels: int = 30000
    cells: int = 128


VOXEL, RANGE = (0.2, 0.2, 8.0), (-51.2, -51.2, -5.0, 51.2, 51.2, 3.0)
SPREADS = {'apart': 100.0, 'crowded': 10.0}  # metres along each side


def benchmark_ops(case: OpsCase, *, runs: int = 10, device: str = 'cpu') -> Report:
    """Time hard and dynamic voxelisation, rotated NMS of boxes that lie apart and of crowded ones, deformable sampling.

    The ops run on ``device`` without Triton, the loops in Python. Where Triton's kernels run, columns of their own hold
    voxelisation and dynamic scatter with them against without.
    """
    setting = dict(asdict(case), device=device, voxel_size=VOXEL, point_cloud_range=RANGE, spreads=SPREADS)
    report = Report('ops', setting)
    points = torch.randn(case.points, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([20, 20, 1, 1, 1])
    on_device = points.to(device)
    limits = {'hard voxels': (case.max_points, case.max_voxels), 'dynamic voxels': (-1, -1)}
    with kernels('off'):
        _add_loops(report, case, points, on_device, limits, runs)
    if use_kernels(on_device) and not compiled_mmcv_available():  # whose ops are neither side
        add_voxel_kernels(report, on_device, VOXEL, RANGE, limits, runs=runs)
    add_sampling(report, device, cells=case.cells, runs=runs)
    return report


def _add_loops(report: Report, case: OpsCase, points: Tensor, on_device: Tensor, limits: dict[str, tuple[int, int]],
               runs: int) -> None:
    from mmcv.ops import nms_rotated, voxelization

    for name, limit in limits.items():
        report.columns[name] = compare(
            ('loop', lambda limit=limit: _named(loop_voxels(points, *limit))),
            ('portable op', lambda limit=limit: _named(voxelization(on_device, VOXEL, RANGE, *limit))), runs=runs)
    for name, spread in SPREADS.items():
        boxes, scores = _boxes(case.boxes, spread)
        there = boxes.to(on_device.device), scores.to(on_device.device)
        report.columns[f'rotated NMS, {name}'] = compare(
            ('loop', lambda b=boxes, s=scores: {'kept': loop_nms(b, s, case.iou_threshold)}),
            ('portable op', lambda b=there: {'kept': _mask(b[0], nms_rotated(*b, case.iou_threshold)[1])}), runs=runs)


def _boxes(number: int, spread: float) -> tuple[Tensor, Tensor]:
    """Boxes as large as cars, (N, 5), and scores, none twice."""
    generator = torch.Generator().manual_seed(1)
    boxes = torch.rand(number, 5, generator=generator) * torch.tensor([spread, spread, 2.0, 0.6, 6.28])
    return boxes + torch.tensor([0, 0, 3.5, 1.6, 0]), torch.randperm(number, generator=generator) / number


def _named(found: Tensor | tuple[Tensor, ...]) -> dict[str, Tensor]:
    names = ('voxels', 'coordinates', 'counts') if isinstance(found, tuple) else ('coordinates',)
    found = found if isinstance(found, tuple) else (found,)
    return {name: value.cpu() for name, value in zip(names, found, strict=True)}


def _mask(boxes: Tensor, kept: Tensor) -> Tensor:
    return torch.zeros(len(boxes)).index_fill(0, kept.cpu(), 1)


def loop_voxels(points: Tensor, max_points: int, max_voxels: int) -> Tensor | tuple[Tensor, Tensor, Tensor]:
    """Voxels (V, max_points, F), coordinates (V, 3) and counts (V,); with -1 coordinates (P, 3) only."""
    rows = points.numpy()
    low, size = np.float32(RANGE[:3]), np.float32(VOXEL)
    grid = np.round((np.float32(RANGE[3:]) - low) / size)
    index, voxels, coordinates = {}, [], []
    for row in rows:
        cell = np.floor((row[:3] - low) / size)
        key = tuple(cell[::-1].astype(int)) if ((cell >= 0) & (cell < grid)).all() else (-1, -1, -1)
        if max_points < 0:
            coordinates.append(key)
        elif key[0] >= 0:
            if key not in index and len(voxels) < max_voxels:
                index[key] = len(voxels)
                voxels.append([])
            if key in index and len(voxels[index[key]]) < max_points:
                voxels[index[key]].append(row)
    if max_points < 0:
        return torch.tensor(coordinates, dtype=torch.int)
    filled = np.zeros((len(voxels), max_points, rows.shape[1]), np.float32)
    for number, members in enumerate(voxels):
        filled[number, : len(members)] = members
    counts = torch.tensor([len(members) for members in voxels], dtype=torch.int)
    return torch.from_numpy(filled), torch.tensor(list(index), dtype=torch.int), counts


def loop_nms(boxes: Tensor, scores: Tensor, threshold: float) -> Tensor:
    """(N,) 1 where a box is kept: pair by pair, by clipping one polygon at the sides of the other."""
    corners = [_corners(*box) for box in boxes.double().tolist()]
    areas = (boxes[:, 2].double() * boxes[:, 3].double()).tolist()
    keep: list[int] = []
    for index in scores.argsort(descending=True, stable=True).tolist():
        for better in keep:
            shared = _area(_clip(corners[index], corners[better]))
            if shared / (areas[index] + areas[better] - shared) >= threshold:
                break
        else:
            keep.append(index)
    return _mask(boxes, torch.tensor(keep))


def _corners(x: float, y: float, w: float, h: float, angle: float) -> list[tuple[float, float]]:
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x + cos * a * w - sin * b * h, y + sin * a * w + cos * b * h)
            for a, b in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))]


def _clip(polygon: list[tuple[float, float]], frame: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Sutherland-Hodgman: what of ``polygon`` lies left of every side of the counter-clockwise ``frame``."""
    for (ax, ay), (bx, by) in zip(frame, frame[1:] + frame[:1]):
        sides = [(bx - ax) * (y - ay) - (by - ay) * (x - ax) for x, y in polygon]
        clipped = []
        for number, (point, side) in enumerate(zip(polygon, sides)):
            (px, py), before = polygon[number - 1], sides[number - 1]
            if (side < 0) != (before < 0):
                part = before / (before - side)
                clipped.append((px + part * (point[0] - px), py + part * (point[1] - py)))
            if side >= 0:
                clipped.append(point)
        polygon = clipped
    return polygon


def _area(polygon: list[tuple[float, float]]) -> float:
    return sum(x * v - u * y for (x, y), (u, v) in zip(polygon, polygon[1:] + polygon[:1])) / 2
