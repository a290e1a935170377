"""Suppression by distance and by overlap against brute force; overlaps by Shapely."""

import numpy as np
import pytest
import shapely
import torch

from perception_kd.models.layers import box_nms, circle_nms, rotated_nms


def _boxes(count=100, classes=3):
    g = torch.Generator().manual_seed(count)
    scale, shift = torch.tensor([12.0, 12, 6, 2, 7]), torch.tensor([-6.0, -6, 0.3, 0.3, -3.5])
    boxes = torch.rand(count, 5, generator=g) * scale + shift
    scores = torch.rand(count, generator=g).mul(20).round() / 20  # many ties
    return boxes, scores, torch.randint(0, classes, (count,), generator=g)


def _brute(scores, labels, suppresses):
    """Best first, equal scores in their order."""
    kept = []
    for index in sorted(range(len(scores)), key=lambda i: -scores[i].item()):
        if not any(labels[index] == labels[other] and suppresses(other, index) for other in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize('classes', [1, 3])
def test_circles_equal_brute_force(classes):
    boxes, scores, labels = _boxes(classes=classes)
    radius = torch.tensor([3.0, 0.5, 12.0])[:classes]
    wanted = _brute(scores, labels, lambda a, b: (boxes[a, :2] - boxes[b, :2]).norm() <= radius[labels[a]])
    assert circle_nms(boxes[:, :2], scores, labels, radius).tolist() == wanted
    assert 3 < len(wanted) < 100


@pytest.mark.parametrize('classes', [1, 3])
@pytest.mark.parametrize('threshold', [0.05, 0.2, 0.4])
def test_overlaps_equal_shapely(classes, threshold):
    boxes, scores, labels = _boxes(classes=classes)
    shapes = []
    for x, y, length, width, yaw in boxes.double().tolist():
        corners = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * [length / 2, width / 2]
        turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
        shapes.append(shapely.Polygon(corners @ turn + [x, y]))
    wanted = _brute(scores, labels, lambda a, b: (
        shapes[a].intersection(shapes[b]).area / shapes[a].union(shapes[b]).area >= threshold))
    assert rotated_nms(boxes, scores, labels, threshold).tolist() == wanted
    assert 3 < len(wanted) < 100


def test_no_boxes_and_equal_boxes():
    none, labels = torch.zeros(0, 5), torch.zeros(0, dtype=torch.long)
    circle = circle_nms(none[:, :2], none[:, 0], labels, torch.ones(1))
    for kept in (circle, rotated_nms(none, none[:, 0], labels, 0.2)):
        assert kept.shape == (0,) and kept.dtype == torch.long
    same, scores = torch.tensor([[0.0, 0, 4, 2, 0.3]]).repeat(6, 1), torch.full((6,), 0.5)
    labels = torch.tensor([1, 0, 1, 2, 0, 2])
    assert circle_nms(same[:, :2], scores, labels, torch.zeros(3)).tolist() == [0, 1, 3]
    assert rotated_nms(same, scores, labels, 0.2).tolist() == [0, 1, 3]


@pytest.mark.parametrize('classes', [1, 3])
@pytest.mark.parametrize('threshold', [0.1, 0.45])
def test_boxes_in_pictures_equal_brute_force(classes, threshold):
    g = torch.Generator().manual_seed(classes)
    low = (torch.rand(150, 2, generator=g) * 30).round()
    boxes = torch.cat([low, low + (torch.rand(150, 2, generator=g) * 20 + 1).round()], 1)
    scores, labels = torch.rand(150, generator=g).mul(20).round() / 20, torch.randint(0, classes, (150,), generator=g)
    shapes = [shapely.box(*box) for box in boxes.tolist()]
    wanted = _brute(scores, labels, lambda a, b: (
        shapes[a].intersection(shapes[b]).area / shapes[a].union(shapes[b]).area > threshold))
    assert box_nms(boxes, scores, labels, threshold).tolist() == wanted
    assert 3 < len(wanted) < 150
    none = box_nms(boxes[:0], scores[:0], labels[:0], threshold)
    assert none.shape == (0,) and none.dtype == torch.long
