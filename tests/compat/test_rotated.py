"""Rotated boxes against Shapely."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only
from tests.compat.test_nms import brute_nms

pytestmark = lite_only


def shapely_overlaps(first: np.ndarray, second: np.ndarray, mode: str = 'iou') -> np.ndarray:
    """(N, M) overlaps of boxes (N, 5) and (M, 5)."""
    import shapely

    shapes = []
    for x, y, w, h, angle in (np.asarray(boxes, float).T for boxes in (first, second)):
        corners = np.stack([np.stack([a * w / 2, b * h / 2], -1) for a, b in ((1, 1), (-1, 1), (-1, -1), (1, -1))], 1)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]).transpose(2, 0, 1)
        shapes.append(shapely.polygons(corners @ turn + np.stack([x, y], -1)[:, None]))
    areas = shapely.area(shapes[0])[:, None], shapely.area(shapes[1])
    shared = shapely.area(shapely.intersection(shapes[0][:, None], shapes[1]))
    return shared / (areas[0] if mode == 'iof' else areas[0] + areas[1] - shared)


def rotated_boxes(number: int, seed: int, spread: float = 6.0) -> torch.Tensor:
    boxes = torch.rand(number, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (boxes * torch.tensor([spread, spread, 4, 2, 7]) + torch.tensor([0, 0, 0.3, 0.3, -3.5])).float()


@pytest.mark.parametrize('mode', ['iou', 'iof'])
def test_rotated_overlap_equals_shapely(mode: str) -> None:
    from mmcv.ops import box_iou_rotated

    first, second = rotated_boxes(40, 0), rotated_boxes(30, 1)
    got = box_iou_rotated(first, second, mode=mode)
    want = shapely_overlaps(first, second, mode)
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
    from mmcv.ops import box_iou_rotated

    pair = torch.tensor([first, second], dtype=torch.float64)
    got = box_iou_rotated(pair[:1], pair[1:]).item()
    assert got == pytest.approx(shapely_overlaps([first], [second]).item(), abs=1e-5)


@pytest.mark.parametrize('aligned', [False, True])
def test_rotated_overlap_of_no_box_and_of_boxes_without_meaning(aligned: bool) -> None:
    from mmcv.ops import box_iou_rotated

    none = torch.zeros(0, 5)
    assert box_iou_rotated(none, none, aligned=aligned).shape == ((0,) if aligned else (0, 0))
    nan, inf = float('nan'), float('inf')
    bad = torch.tensor([[nan, 0, 1, 1, 0], [0, 0, inf, 1, 0], [0, 0, 1, 1, nan], [0, 0, -1, 1, 0],
                        [0, 0, 1e-8, 1e-8, 0]])
    good = torch.tensor([[0.0, 0, 1, 1, 0]]).expand(5, 5)
    assert not box_iou_rotated(bad, good, aligned=aligned).any()
    both_negative = torch.tensor([[0.0, 0, -1, -1, 0]])
    assert box_iou_rotated(both_negative, good[:1]).item() == pytest.approx(1)


def test_overlaps_carry_no_gradient_as_the_compiled_op_gives_none() -> None:
    from mmcv.ops import bbox_overlaps, box_iou_rotated

    boxes = rotated_boxes(3, 8).requires_grad_()
    assert not box_iou_rotated(boxes, boxes).requires_grad
    assert not bbox_overlaps(boxes[:, :4], boxes[:, :4]).requires_grad


@pytest.mark.parametrize('iou_threshold', [0.05, 0.3, 0.7])
@pytest.mark.parametrize('spread', [1.0, 6.0, 30.0])
def test_rotated_nms_equals_brute_force(iou_threshold: float, spread: float) -> None:
    from mmcv.ops import nms_rotated

    boxes = rotated_boxes(160, 2, spread)  # more than one block of the greedy loop
    scores = torch.rand(160, generator=torch.Generator().manual_seed(3))
    overlap = shapely_overlaps(boxes, boxes)
    dets, keep = nms_rotated(boxes, scores, iou_threshold)
    assert keep.tolist() == brute_nms(overlap, scores.numpy(), lambda iou: iou >= iou_threshold)
    assert torch.equal(dets, torch.cat([boxes, scores[:, None]], 1)[keep])


def test_rotated_nms_takes_labels_and_ignores_them_as_the_compiled_op_does() -> None:
    from mmcv.ops import nms_rotated

    boxes, scores = rotated_boxes(60, 5), torch.linspace(0, 1, 60)
    with_labels = nms_rotated(boxes, scores, 0.2, torch.arange(60) % 3)
    assert with_labels[1].tolist() == nms_rotated(boxes, scores, 0.2)[1].tolist()
    assert with_labels[0].shape[1] == 6


def test_rotated_nms_at_the_threshold_and_of_equal_scores() -> None:
    from mmcv.ops import nms_rotated

    boxes = torch.tensor([[0.0, 0, 2, 2, 0], [1, 0, 2, 2, 0], [9, 0, 2, 2, 0], [9, 0, 2, 2, 0]])
    scores = torch.tensor([0.5, 0.5, 0.5, 0.9])
    assert nms_rotated(boxes, scores, 1 / 3)[1].tolist() == [3, 0]  # an overlap of 1/3 reaches it
    assert nms_rotated(boxes, scores, 0.34)[1].tolist() == [3, 0, 1]
    assert nms_rotated(boxes[:1], scores[:1], 0.1)[1].tolist() == [0]
    assert nms_rotated(boxes[:0], scores[:0], 0.1)[1] is None  # mmcv's own answer
