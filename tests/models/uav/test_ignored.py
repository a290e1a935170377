"""Ignored boxes are neither targets nor background: no gradient comes from the places that they touch."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.structures import InstanceData

from perception_kd.models.uav.anchor_head import AnchorYOLOHead
from perception_kd.models.uav.distribution_head import DistributionHead
from perception_kd.models.uav.ignored import ignored_cells
from perception_kd.models.uav.targets import Targets, targets_of

BOXES = torch.tensor([[10.0, 3, 12, 5], [24, 24, 48, 40], [60, 60, 70, 70]])
IMAGES = torch.tensor([0, 1, 1])


def targets(ignored=True):
    """A target in each picture; the second lies in an ignored box."""
    return Targets(torch.tensor([0, 1]), torch.tensor([0, 0]), torch.tensor([[40.0, 40, 52, 56], [25, 25, 35, 38]]),
                   *((IMAGES, BOXES) if ignored else (None, None)))


def heads():
    torch.manual_seed(0)
    common = dict(num_classes=1, in_channels=(4, 4, 4), strides=(8, 16, 32))
    anchors = [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]
    return {'objectness': AnchorYOLOHead(anchors=anchors, **common), 'classes': DistributionHead(**common)}


@pytest.mark.parametrize('stride', [8, 16, 32])
def test_cells_equal_the_loops(stride):
    count = 64 // stride
    found = ignored_cells(targets(), 2, count, count, stride)
    for image in range(2):
        for row in range(count):
            for column in range(count):
                x, y = column * stride, row * stride
                touched = any(box[0] < x + stride and box[2] > x and box[1] < y + stride and box[3] > y
                              for box, own in zip(BOXES.tolist(), IMAGES.tolist()) if own == image)
                assert bool(found[image, row, column]) == touched
    assert not ignored_cells(targets(False), 2, count, count, stride).any()


@pytest.mark.parametrize('kind', ['objectness', 'classes'])
def test_no_gradient_from_ignored_places_but_from_targets_in_them(kind):
    head, grads = heads()[kind], {}
    for ignored in (True, False):
        generator = torch.Generator().manual_seed(1)
        levels = head([torch.randn(2, 4, 64 // stride, 64 // stride, generator=generator) for stride in head.strides])
        for level in levels:
            level[kind].retain_grad()
        sum(head.loss(levels, targets(ignored)).values()).backward()
        grads[ignored] = [level[kind].grad for level in levels]
    learnt = 0
    for stride, with_, without in zip(head.strides, grads[True], grads[False]):
        with_, without = (one.flatten(1, -3) for one in (with_, without))
        spared = ignored_cells(targets(), 2, *with_.shape[-2:], stride)[:, None].expand_as(with_)
        assert (without[spared] != 0).all()
        learnt += int((with_[spared] != 0).sum())
        ratio = (with_ / without)[~spared]  # elsewhere all is as before, but for the number of places of the mean
        torch.testing.assert_close(ratio, ratio[:1].expand_as(ratio), rtol=1e-3, atol=1e-4)
    assert 0 < learnt < 40  # the target in the ignored box is learnt


def test_ignored_instances_of_samples():
    empty, one = (InstanceData(bboxes=boxes, labels=torch.zeros(len(boxes)).long())
                  for boxes in (torch.zeros(0, 4), torch.tensor([[1.0, 2, 3, 4]])))
    samples = [SimpleNamespace(gt_instances=one, ignored_instances=empty, metainfo={}),
               SimpleNamespace(gt_instances=empty, ignored_instances=one, metainfo={}),
               SimpleNamespace(gt_instances=one, metainfo={})]
    found = targets_of(samples, size=(64, 64), classes=1)
    assert found.image.tolist() == [0, 2]
    assert found.ignored_image.tolist() == [1]
    assert found.ignored.tolist() == [[1, 2, 3, 4]]
    assert targets_of(samples[:1], size=(64, 64), classes=1).ignored is None
