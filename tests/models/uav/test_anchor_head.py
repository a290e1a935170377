"""Decoding by hand, losses against loops, and pictures without boxes."""

from __future__ import annotations

import math

import pytest
import torch

from perception_kd.models.uav import AnchorYOLOHead
from perception_kd.models.uav.targets import Targets
from tests.models.uav.test_anchor_assign import brute
from tests.models.uav.test_boxes import ciou
from tests.models.uav.tiny import ANCHORS, ANCHORS_P2


def head(classes: int = 1, levels: int = 3, **more) -> AnchorYOLOHead:
    torch.manual_seed(0)
    anchors = ANCHORS if levels == 3 else ANCHORS_P2
    return AnchorYOLOHead(num_classes=classes, anchors=anchors, in_channels=(4,) * levels,
                          strides=(8, 16, 32) if levels == 3 else (4, 8, 16, 32), **more)


def maps(one: AnchorYOLOHead, batch: int = 2, size: int = 64, scale: float = 1.0) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(5)
    return [(torch.randn(batch, 4, size // stride, size // stride, generator=g) * scale).requires_grad_()
            for stride in one.strides]


def targets(rows: list[tuple[int, int, list[float]]]) -> Targets:
    image, labels, boxes = zip(*rows) if rows else ((), (), ())
    return Targets(torch.tensor(image).long(), torch.tensor(labels).long(), torch.tensor(boxes).reshape(-1, 4).float())


SOME = targets([(0, 0, [3, 4, 20, 30]), (0, 1, [40, 40, 63, 60]), (1, 2, [1, 1, 9, 12]), (1, 0, [2, 2, 60, 62]),
                (1, 1, [3, 4, 9, 13.0])])


def test_decoding_by_hand():
    one = head(classes=2)
    with torch.no_grad():
        for conv in one.convs:
            conv.weight.zero_()
            conv.bias.zero_()
        one.convs[1].bias[7:11] = torch.tensor([0.0, math.log(3), math.log(1 / 3), -30.0])  # the second anchor
    found = one(maps(one))
    assert [tuple(level['boxes'].shape) for level in found] == [(2, 3, 4, s, s) for s in (8, 4, 2)]
    assert found[0]['classes'].shape == (2, 3, 2, 8, 8) and found[0]['objectness'].shape == (2, 3, 8, 8)
    # All t = 0: the middle of the cell and the anchor itself.
    x1, y1, x2, y2 = found[0]['boxes'][0, 1, :, 2, 3].tolist()
    assert (x1, y1, x2, y2) == (28 - 8, 20 - 15, 28 + 8, 20 + 15)
    # sigmoid 1/2, 3/4, 1/4, 0: x = (1 - 1/2 + 1) 16, y = (3/2 - 1/2 + 2) 16, w = (1/2)^2 62, h = 0.
    x1, y1, x2, y2 = found[1]['boxes'][0, 1, :, 2, 1].tolist()
    assert (x1 + x2) / 2 == pytest.approx(24) and (y1 + y2) / 2 == pytest.approx(48)
    assert x2 - x1 == pytest.approx(62 / 4, rel=1e-5) and y2 - y1 == pytest.approx(0, abs=1e-5)


def test_scores_of_one_class_are_the_objectness():
    level = dict(classes=torch.randn(1, 3, 1, 2, 2), objectness=torch.randn(1, 3, 2, 2))
    assert torch.equal(head().scores(level), level['objectness'].sigmoid()[:, :, None])
    level['classes'] = torch.randn(1, 3, 2, 2, 2)
    wanted = level['objectness'].sigmoid() * level['classes'][:, :, 1].sigmoid()
    assert torch.allclose(head(2).scores(level)[:, :, 1], wanted)


def bce(logit: float, wanted: float) -> float:
    return math.log1p(math.exp(-abs(logit))) + max(logit, 0) - logit * wanted


def by_loops(one: AnchorYOLOHead, levels: list[dict], truth: Targets, size: int) -> dict[str, float]:
    """The losses in words: level by level, place by place."""
    classes, count = one.num_classes, len(levels)
    sums = dict(box=0.0, objectness=0.0, classes=0.0)
    centres, sizes = (truth.boxes[:, :2] + truth.boxes[:, 2:]) / 2, truth.boxes[:, 2:] - truth.boxes[:, :2]
    for index, (level, stride) in enumerate(zip(levels, one.strides)):
        shape = level['objectness'].shape[-2:]
        places = sorted(brute(centres / stride, sizes / stride, one.anchor_sizes[index] / stride, shape))
        wanted = torch.zeros(level['objectness'].shape)
        boxes, spread = [], []
        for row, anchor, y, x in places:
            image = int(truth.image[row])
            found = ciou(level['boxes'][image, anchor, :, y, x].tolist(), truth.boxes[row].tolist())[0]
            boxes.append(1 - found)
            wanted[image, anchor, y, x] = max(wanted[image, anchor, y, x].item(), found, 0)
            logits = level['classes'][image, anchor, :, y, x].tolist()
            spread += [bce(logit, float(k == truth.labels[row])) for k, logit in enumerate(logits)]
        every = [bce(*pair) for pair in zip(level['objectness'].flatten().tolist(), wanted.flatten().tolist())]
        sums['objectness'] += one.balance[index] * sum(every) / len(every)
        sums['box'] += sum(boxes) / max(len(boxes), 1)
        sums['classes'] += sum(spread) / max(len(spread), 1)
    scale = 64 * 3 / count
    return dict(loss_box=0.05 * sums['box'] * scale, loss_objectness=sums['objectness'] * scale * (size / 640) ** 2,
                loss_class=0.5 * classes / 80 * sums['classes'] * scale)


@pytest.mark.parametrize('levels', [3, 4])
def test_losses_equal_the_loops(levels):
    one = head(classes=3, levels=levels)
    made = one(maps(one))
    found, wanted = one.loss(made, SOME), by_loops(one, made, SOME, 64)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].item() == pytest.approx(value, rel=1e-4), name
    assert one.balance == ((4, 1, 0.4) if levels == 3 else (4, 1, 0.25, 0.06))


def test_one_class_has_no_loss_of_classes():
    one = head()
    truth = SOME._replace(labels=torch.zeros(5).long())
    assert set(one.loss(one(maps(one)), truth)) == {'loss_box', 'loss_objectness'}


def test_pictures_without_boxes():
    one = head(classes=3)
    inputs = maps(one)
    made = one(inputs)
    for level in made:
        level['boxes'].retain_grad()
    losses = one.loss(made, targets([]))
    sum(losses.values()).backward()
    assert losses['loss_box'] == 0 and losses['loss_class'] == 0 and 0 < losses['loss_objectness'] < 10
    for level, conv, x in zip(made, one.convs, inputs):
        assert level['boxes'].grad is None or not level['boxes'].grad.any()
        rows = conv.weight.grad.view(3, 8, -1)
        assert not rows[:, :4].any() and not rows[:, 5:].any() and rows[:, 4].any()
        assert torch.isfinite(x.grad).all()


def test_a_place_of_two_boxes_wants_the_better_one_in_any_order():
    one = head()
    made = one(maps(one))
    both = targets([(0, 0, [3, 4, 20, 30]), (0, 0, [4, 5, 19, 28])])
    turned = Targets(*(part.flip(0) for part in both[:3]))
    for name, value in one.loss(made, both).items():
        assert torch.allclose(value, one.loss(made, turned)[name])


@pytest.mark.parametrize('side', [1, 2, 3])
def test_a_target_smaller_than_all_anchors_allow_is_no_background(side):
    """Anchors from 10x13 px on fit boxes from 3 px on; smaller ones pull the objectness and the box up, too."""
    one = head()
    with torch.no_grad():  # so that predictions lie where the target is: an IoU above 0
        one.convs[0].weight.zero_()
        one.convs[0].bias.view(3, 6)[:, :4] = torch.tensor([0.0, 0, -1, -1])
    made = one(maps(one))
    for level in made:
        level['objectness'].retain_grad(), level['boxes'].retain_grad()
    low, high = 28 - side / 2, 28 + side / 2  # in the middle of cell (3, 3) of 8 px
    sum(one.loss(made, targets([(0, 0, [low, low, high, high])])).values()).backward()
    assert made[0]['objectness'].grad.argmin() == 3 * 8 + 3 and made[0]['objectness'].grad.min() < 0
    assert made[0]['boxes'].grad[0, 0, :, 3, 3].abs().min() > 0
    assert made[0]['boxes'].grad.count_nonzero() == 4
    assert not made[1]['boxes'].grad.any() and not made[2]['boxes'].grad.any()


def test_the_loss_is_a_mean_over_pictures():
    one = head(classes=3)
    single = one(maps(one, batch=1))
    double = [{key: value.repeat(2, *[1] * (value.ndim - 1)) for key, value in level.items()} for level in single]
    truth = targets([(0, 0, [3, 4, 20, 30]), (0, 1, [1, 1, 9, 12])])
    twice = Targets(torch.cat([truth.image, truth.image + 1]), truth.labels.repeat(2), truth.boxes.repeat(2, 1))
    for name, value in one.loss(double, twice).items():
        assert torch.allclose(value, one.loss(single, truth)[name], rtol=1e-5)


def test_huge_outputs_stay_finite():
    one = head(classes=3)
    inputs = maps(one, scale=1e4)
    losses = one.loss(one(inputs), SOME)
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert all(torch.isfinite(x.grad).all() for x in inputs)


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match=r'3 levels with equally many \[w, h\] each are asked for, got \[3, 3\]'):
        AnchorYOLOHead(num_classes=1, anchors=ANCHORS[:2], in_channels=(4,) * 3, strides=(8, 16, 32))
    with pytest.raises(ValueError, match='both above 0'):
        AnchorYOLOHead(num_classes=1, anchors=[[[1, 0]]], in_channels=(4,), strides=(8,))
    with pytest.raises(ValueError, match='weights of the head are box, objectness, classes, got boxes'):
        head(weights=dict(boxes=1.0))
