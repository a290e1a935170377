"""Suppression of axis-aligned boxes against brute force."""

import numpy as np
import pytest
import torch

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only


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


def random_boxes(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    low = torch.rand(number, 2, generator=generator) * 12
    boxes = torch.cat([low, low + 1 + torch.rand(number, 2, generator=generator) * 6], 1)
    return boxes, torch.rand(number, generator=generator)


def brute_soft_nms(boxes, scores, threshold, sigma, min_score, method, offset):
    """Take the best that is left, weight the others, drop the weak ones; no order of storage."""
    overlap = axis_aligned_iou(boxes.double().numpy(), offset)
    left = {i: float(score) for i, score in enumerate(scores)}
    found = []
    while left:
        best = max(left, key=left.get)
        found.append((best, left.pop(best)))
        for other in list(left):
            iou = overlap[best, other]
            weight = {'naive': float(iou < threshold), 'linear': 1 - iou if iou >= threshold else 1,
                      'gaussian': np.exp(-iou * iou / sigma)}[method]
            left[other] *= weight
            if left[other] < min_score:
                left.pop(other)
    return found


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('min_score', [1e-3, 0.2])
@pytest.mark.parametrize('method', ['naive', 'linear', 'gaussian'])
def test_soft_nms_equals_brute_force(method: str, min_score: float, offset: int) -> None:
    from mmcv.ops import soft_nms

    boxes, scores = random_boxes(120, 4)
    dets, keep = soft_nms(boxes, scores, 0.3, 0.5, min_score, method, offset)
    expected = brute_soft_nms(boxes, scores, 0.3, 0.5, min_score, method, offset)
    assert keep.tolist() == [index for index, _ in expected]
    assert torch.equal(dets[:, :4], boxes[keep]) and keep.dtype == torch.long
    np.testing.assert_allclose(dets[:, 4].numpy(), [score for _, score in expected], rtol=1e-5)


def test_soft_nms_of_one_box_no_box_and_numbers_without_meaning() -> None:
    from mmcv.ops import soft_nms

    dets, keep = soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert dets.shape == (0, 5) and keep.shape == (0,)
    dets, keep = soft_nms(torch.tensor([[0.0, 0, 1, 1]]), torch.tensor([1e-9]))
    assert keep.tolist() == [0]  # the best box stays, however weak
    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, float('nan'), 2], [0, 0, 0, 0], [0, 0, 2, 2]])
    dets, keep = soft_nms(boxes, torch.tensor([0.5, 0.9, 0.4, 0.8]), method='linear', min_score=0.1)
    assert keep.tolist() == [1, 3, 2]  # what has no area overlaps nothing; box 0 fell to 0


def test_soft_nms_of_equal_scores_follows_the_moves_of_the_compiled_op() -> None:
    """By hand: box 1 goes, the last one takes its place, and is then the first of the equals."""
    from mmcv.ops import soft_nms

    boxes = torch.tensor([[0.0, 0, 2, 2], [0, 0, 2, 2], [10, 0, 12, 2], [20, 0, 22, 2]])
    _, keep = soft_nms(boxes, torch.tensor([0.9, 0.5, 0.5, 0.5]), method='naive')
    assert keep.tolist() == [0, 3, 2]


def test_nms_match_groups_by_the_kept_box() -> None:
    from mmcv.ops import nms_match

    boxes, scores = random_boxes(60, 6)
    overlap, order = axis_aligned_iou(boxes.numpy(), 0), np.argsort(-scores.numpy(), kind='stable').tolist()
    expected = []
    while order:
        gone = [other for other in order[1:] if overlap[order[0], other] >= 0.4]
        expected.append([order[0], *gone])
        order = [other for other in order[1:] if other not in gone]
    assert [group.tolist() for group in nms_match(torch.cat([boxes, scores[:, None]], 1), 0.4)] == expected
    assert nms_match(torch.zeros(0, 5), 0.4) == []


@pytest.mark.parametrize('mode', ['iou', 'iof'])
@pytest.mark.parametrize('offset', [0, 1])
def test_bbox_overlaps_equal_brute_force(mode: str, offset: int) -> None:
    from mmcv.ops import bbox_overlaps

    boxes = random_boxes(20, 7)[0]
    want = axis_aligned_iou(boxes.numpy(), offset)
    if mode == 'iof':
        area = ((boxes[:, 2:] - boxes[:, :2]) + offset).prod(1).numpy()
        want = want / (1 + want) * (area[:, None] + area) / area[:, None]
    got = bbox_overlaps(boxes, boxes, mode, offset=offset)
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-5)
    torch.testing.assert_close(bbox_overlaps(boxes[1:], boxes[:-1], mode, True, offset), got.diagonal(-1))
    assert bbox_overlaps(boxes[:0], boxes, mode).shape == (0, 20)
