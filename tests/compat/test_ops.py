"""The portable ops against brute force and Shapely."""

import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import perception_kd.compat  # noqa: F401

SIZE, RANGE = (0.5, 0.5, 2.0), (-4.0, -3.0, -2.0, 4.0, 3.0, 2.0)


def brute_voxels(points: np.ndarray, max_points: int, max_voxels: int):
    """One point after another, with a dict."""
    grid = np.round((np.float32(RANGE[3:]) - np.float32(RANGE[:3])) / np.float32(SIZE)).astype(int)
    index, voxels, cells = {}, [], []
    for point in points:
        cell = np.floor((point[:3] - np.float32(RANGE[:3])) / np.float32(SIZE))
        cells.append((-1, -1, -1))
        if not ((cell >= 0) & (cell < grid)).all():
            continue
        key = cells[-1] = tuple(int(c) for c in cell[::-1])
        if key not in index and len(voxels) < max_voxels:
            index[key] = len(voxels)
            voxels.append([])
        if key in index and len(voxels[index[key]]) < max_points:
            voxels[index[key]].append(point)
    return list(index), voxels, cells


def cloud(number: int = 600, seed: int = 0) -> torch.Tensor:
    points = torch.randn(number, 5, generator=torch.Generator().manual_seed(seed)) * 2
    points[0, 0], points[1, 1], points[2, 2] = float('nan'), float('inf'), -float('inf')
    points[3, :3] = torch.tensor([4.0, 0.0, 0.0])  # the upper bound is outside
    points[4, :3] = torch.tensor([-4.0, -3.0, -2.0])  # the lower bound is inside
    return points


@pytest.mark.parametrize(('max_points', 'max_voxels'), [(3, 1000), (100, 1000), (2, 17), (1, 1)])
def test_hard_voxels_equal_brute_force(max_points: int, max_voxels: int) -> None:
    from mmcv.ops import Voxelization

    points = cloud()
    voxels, coors, counts = Voxelization(SIZE, RANGE, max_points, max_voxels)(points)
    keys, expected, _ = brute_voxels(points.numpy(), max_points, max_voxels)
    assert [tuple(row) for row in coors.tolist()] == keys
    assert counts.tolist() == [len(voxel) for voxel in expected]
    assert voxels.shape == (len(keys), max_points, 5) and coors.dtype == counts.dtype == torch.int32
    for got, want in zip(voxels.numpy(), expected):
        np.testing.assert_array_equal(got[: len(want)], np.stack(want))
        assert not got[len(want) :].any()


def test_dynamic_voxels_equal_brute_force() -> None:
    from mmcv.ops import Voxelization

    points = cloud()
    coors = Voxelization(SIZE, RANGE, -1, -1)(points)
    assert [tuple(row) for row in coors.tolist()] == brute_voxels(points.numpy(), 1, 1)[2]


@pytest.mark.parametrize('points', [torch.zeros(0, 4), torch.full((3, 4), 99.0)])
def test_no_point_in_range(points: torch.Tensor) -> None:
    from mmcv.ops import Voxelization

    voxels, coors, counts = Voxelization(SIZE, RANGE, 5, 10)(points)
    assert voxels.shape == (0, 5, 4) and coors.shape == (0, 3) and counts.shape == (0,)


def brute_nms(overlap: np.ndarray, scores: np.ndarray, gone) -> list[int]:
    keep = []
    for index in np.argsort(-scores, kind='stable'):
        if not any(gone(overlap[k, index]) for k in keep):
            keep.append(int(index))
    return keep


def axis_aligned_iou(boxes: np.ndarray, offset: int) -> np.ndarray:
    out = np.zeros((len(boxes), len(boxes)))
    for i, a in enumerate(boxes):
        for j, b in enumerate(boxes):
            w = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
            h = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
            areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
            out[i, j] = w * h / (sum(areas) - w * h)
    return out


@pytest.mark.parametrize('offset', [0, 1])
def test_nms_equals_brute_force(offset: int) -> None:
    from mmcv.ops import nms

    generator = torch.Generator().manual_seed(1)
    low = torch.rand(300, 2, generator=generator) * 20
    boxes = torch.cat([low, low + 1 + torch.rand(300, 2, generator=generator) * 6], 1)
    scores = torch.rand(300, generator=generator)
    dets, keep = nms(boxes, scores, 0.4, offset=offset)
    expected = brute_nms(axis_aligned_iou(boxes.numpy(), offset), scores.numpy(), lambda iou: iou > 0.4)
    assert keep.tolist() == expected
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[keep])


def test_batched_nms_keeps_classes_apart_and_takes_no_box() -> None:
    from mmcv.ops import batched_nms, nms

    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2.1]])
    scores, labels = torch.tensor([0.5, 0.6, 0.9]), torch.tensor([0, 1, 1])
    _, keep = batched_nms(boxes, scores, labels, dict(type='nms', iou_threshold=0.5))
    assert keep.tolist() == [2, 0]
    _, keep = nms(torch.zeros(0, 4), torch.zeros(0), 0.5)
    assert keep.shape == (0,)


def shapely_overlap(first: np.ndarray, second: np.ndarray, mode: str = 'iou') -> float:
    from shapely import affinity, geometry

    shapes = []
    for x, y, w, h, angle in (first, second):
        flat = geometry.box(x - w / 2, y - h / 2, x + w / 2, y + h / 2)
        shapes.append(affinity.rotate(flat, angle, use_radians=True))
    shared = shapes[0].intersection(shapes[1]).area
    return shared / (shapes[0].area if mode == 'iof' else shapes[0].area + shapes[1].area - shared)


def rotated_boxes(number: int, seed: int, spread: float = 6.0) -> torch.Tensor:
    boxes = torch.rand(number, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (boxes * torch.tensor([spread, spread, 4, 2, 7]) + torch.tensor([0, 0, 0.3, 0.3, -3.5])).float()


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_rotated_overlap_equals_shapely(mode: str) -> None:
    from mmcv.ops import box_iou_rotated

    first, second = rotated_boxes(40, 0), rotated_boxes(30, 1)
    got = box_iou_rotated(first, second, mode=mode)
    want = [[shapely_overlap(a, b, mode) for b in second.double().tolist()] for a in first.double().tolist()]
    np.testing.assert_allclose(got.numpy(), want, atol=2e-6)
    aligned = box_iou_rotated(first[:30], second, mode=mode, aligned=True)
    torch.testing.assert_close(aligned, got[:30].diagonal())
    mirror = torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0])
    mirrored = box_iou_rotated(first * mirror, second * mirror, mode=mode, clockwise=False)
    torch.testing.assert_close(mirrored, got)


DEGENERATE = {
    'same': ([1, 2, 3, 4, 0.3], [1, 2, 3, 4, 0.3], 1.0),
    'same, turned by pi': ([1, 2, 3, 4, 0.3], [1, 2, 3, 4, 0.3 + math.pi], 1.0),
    'same, sides swapped': ([0, 0, 3, 4, 0.3], [0, 0, 4, 3, 0.3 + math.pi / 2], 1.0),
    'shared edge outside': ([0, 0, 2, 2, 0], [2, 0, 2, 2, 0], 0.0),
    'inside with a shared edge': ([0, 0, 4, 4, 0], [1, 0, 2, 4, 0], 0.5),
    'inside with a shared corner': ([0, 0, 4, 4, 0.7], [0, 0, 2, 2, 0.7], 0.25),
    'cross': ([0, 0, 4, 1, 0], [0, 0, 1, 4, 0], 1 / 7),
    'far from the origin': ([1e4, 1e4, 2, 2, 0], [1e4 + 1, 1e4, 2, 2, 0], 1 / 3),
    'no area': ([0, 0, 0, 4, 0], [0, 0, 2, 2, 0], 0.0),
}


@pytest.mark.parametrize('case', DEGENERATE, ids=str)
def test_rotated_overlap_of_touching_boxes(case: str) -> None:
    from mmcv.ops import box_iou_rotated

    first, second, want = DEGENERATE[case]
    pair = torch.tensor([first, second], dtype=torch.float32)
    got = box_iou_rotated(pair[:1], pair[1:])
    assert got.item() == pytest.approx(want, abs=2e-6)


coordinate = st.sampled_from([0.0, 0.5, 1.0, 1e-7, -0.5]) | st.floats(-2, 2)
length = st.sampled_from([1.0, 2.0, 0.5]) | st.floats(0.05, 3)
angle = st.sampled_from([0.0, math.pi / 2, -math.pi / 2, math.pi / 4, 1e-6]) | st.floats(-4, 4)
box = st.tuples(coordinate, coordinate, length, length, angle)


@settings(max_examples=150, deadline=None)
@given(box, box)
def test_rotated_overlap_equals_shapely_everywhere(first: tuple, second: tuple) -> None:
    from perception_kd.compat.ops.rotated import overlap_pairs

    pair = torch.tensor([first, second], dtype=torch.float64)
    got = overlap_pairs(pair[:1], pair[1:]).item()
    assert got == pytest.approx(shapely_overlap(first, second), abs=1e-5)


@pytest.mark.parametrize('with_labels', [False, True])
def test_rotated_nms_equals_brute_force(with_labels: bool) -> None:
    from mmcv.ops import nms_rotated

    boxes = rotated_boxes(120, 2)
    scores = torch.rand(120, generator=torch.Generator().manual_seed(3))
    labels = torch.arange(120) % 3 if with_labels else None
    overlap = np.array([[shapely_overlap(a, b) for b in boxes.tolist()] for a in boxes.tolist()])
    if with_labels:
        overlap *= labels[:, None].numpy() == labels.numpy()
    dets, keep = nms_rotated(boxes, scores, 0.3, labels)
    assert keep.tolist() == brute_nms(overlap, scores.numpy(), lambda iou: iou >= 0.3)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[keep])


def processor_seconds(call) -> float:
    """Best of some calls on one thread: other work on the machine does not count."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    times = []
    for _ in range(4):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    torch.set_num_threads(threads)
    return min(times)


def test_speed() -> None:
    from mmcv.ops import Voxelization, nms_rotated

    points = torch.randn(20000, 5, generator=torch.Generator().manual_seed(0)) * 20
    voxelize = Voxelization((0.2, 0.2, 8), (-51.2, -51.2, -5, 51.2, 51.2, 3), 20, 30000)
    boxes, scores = rotated_boxes(1000, 4, spread=50.0), torch.linspace(0, 1, 1000)
    assert processor_seconds(lambda: voxelize(points)) < 0.05
    assert processor_seconds(lambda: nms_rotated(boxes, scores, 0.2)) < 0.3
