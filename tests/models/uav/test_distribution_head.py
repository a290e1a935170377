"""The task-aligned assignment and the losses against loops, decoding by hand."""

from __future__ import annotations

import math

import pytest
import torch

from perception_kd.models.uav import DistributionHead
from perception_kd.models.uav.task_aligned import align
from tests.models.uav.test_anchor_head import SOME, bce, targets
from tests.models.uav.test_boxes import ciou


def head(classes: int = 3, **more) -> DistributionHead:
    torch.manual_seed(0)
    return DistributionHead(num_classes=classes, in_channels=(4, 4, 4), strides=(8, 16, 32), **more)


def maps(batch: int = 2, size: int = 64, scale: float = 1.0) -> list[torch.Tensor]:
    g = torch.Generator().manual_seed(7)
    return [(torch.randn(batch, 4, size // stride, size // stride, generator=g) * scale).requires_grad_()
            for stride in (8, 16, 32)]


def iou(ours: list[float], theirs: list[float]) -> float:
    sides = [max(min(a, b) - max(c, d), 0) for a, b, c, d in zip(ours[2:], theirs[2:], ours[:2], theirs[:2])]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (ours, theirs)]
    return math.prod(sides) / (sum(areas) - math.prod(sides))


def aligned_by_loops(scores, boxes, places, labels, truth, *, top, alpha, beta, least_side):
    """Candidates, the top ones of each box, the most overlapped box of each cell, the wanted scores."""
    count = len(places)
    metric = [[float(scores[n][labels[m]]) ** alpha * max(iou(boxes[n], truth[m]), 0.05) ** beta for n in range(count)]
              for m in range(len(truth))]
    chosen = []
    for m, (x1, y1, x2, y2) in enumerate(truth):
        half = (max(x2 - x1, least_side) / 2, max(y2 - y1, least_side) / 2)
        inside = [n for n, (x, y) in enumerate(places)
                  if abs(x - (x1 + x2) / 2) <= half[0] and abs(y - (y1 + y2) / 2) <= half[1]]
        chosen.append(set(sorted(inside, key=lambda n: -metric[m][n])[:top]))
    owner = {n: max((m for m in range(len(truth)) if n in chosen[m]), key=lambda m: max(iou(boxes[n], truth[m]), 0.05))
             for n in set().union(*chosen)}
    target, quality = [-1] * count, [0.0] * count
    for m in range(len(truth)):
        mine = [n for n, other in owner.items() if other == m]
        for n in mine:
            target[n] = m
            quality[n] = metric[m][n] * max(0.05, *(iou(boxes[k], truth[m]) for k in mine)) / max(
                max(metric[m][k] for k in mine), 1e-30)
    return target, quality


def scene(count: int = 60, boxes: int = 5):
    g = torch.Generator().manual_seed(11)
    places = torch.rand(count, 2, generator=g, dtype=torch.float64) * 60
    sides = torch.rand(count, 4, generator=g, dtype=torch.float64) * 14 + 1
    predicted = torch.cat([places - sides[:, :2], places + sides[:, 2:]], 1)
    low = torch.rand(boxes, 2, generator=g, dtype=torch.float64) * 35
    truth = torch.cat([low, low + torch.rand(boxes, 2, generator=g, dtype=torch.float64) * 25 + 4], 1)
    return dict(scores=torch.rand(count, 2, generator=g, dtype=torch.float64), boxes=predicted, places=places,
                labels=torch.randint(0, 2, (boxes,), generator=g), truth=truth)


@pytest.mark.parametrize('top', [1, 4, 100])
def test_the_assignment_equals_the_loops(top):
    parts = scene()
    settings = dict(top=top, alpha=0.5, beta=6.0, least_side=8.0)
    found = align(**parts, **settings)
    target, quality = aligned_by_loops(**{name: value.tolist() for name, value in parts.items()}, **settings)
    assert found.target.tolist() == target and sum(t >= 0 for t in target) >= min(top, 4)
    assert found.quality.tolist() == pytest.approx(quality, rel=1e-5, abs=1e-9)


def test_a_box_smaller_than_a_cell_is_learnt_and_nothing_gives_nothing():
    one = head()
    levels = one(maps(1))
    places, strides = one._places(levels)
    assert places[0].tolist() == [4, 4] and places[64].tolist() == [8, 8]
    assert strides[[0, 64, 80]].tolist() == [8, 16, 32]
    flat = torch.cat([level['boxes'][0, 0].flatten(1).T for level in levels]).detach()
    tiny = torch.tensor([[30.4, 20.1, 32.4, 22.5]])  # holds no middle of a cell
    found = align(torch.full((len(places), 3), 0.01), flat, places, torch.tensor([1]), tiny, **one.assignment)
    assert (found.target >= 0).sum() >= 1 and found.quality.max() > 0
    none = align(torch.rand(9, 3), torch.rand(9, 4), torch.rand(9, 2), torch.zeros(0).long(), torch.zeros(0, 4))
    assert (none.target == -1).all() and not none.quality.any()


def test_decoding_by_hand():
    one = head()
    for branch in one.edges:
        torch.nn.init.zeros_(branch[-1].weight)
    level = one(maps())[1]
    assert level['edges'].shape == (2, 1, 4, 16, 4, 4) and level['classes'].shape == (2, 1, 3, 4, 4)
    # A geometric distribution with ratio 1/2, cut at 16: its mean is 1 - 16/65535 cells of 16 px.
    reach = 16 * (1 - 16 / 65535)
    assert level['boxes'][0, 0, :, 2, 1].tolist() == pytest.approx([24 - reach, 40 - reach, 24 + reach, 40 + reach])
    with torch.no_grad():
        one.edges[0][-1].bias.copy_(torch.nn.functional.one_hot(torch.tensor([0, 2, 5, 15]), 16).flatten() * 100.0)
    assert one(maps())[0]['boxes'][1, 0, :, 1, 3].tolist() == pytest.approx([28, 12 - 16, 28 + 40, 12 + 120])


def losses_by_loops(one: DistributionHead, levels: list[dict], truth) -> dict[str, float]:
    names = ('classes', 'boxes', 'edges')
    flat = {name: torch.cat([level[name][:, 0].flatten(-2).movedim(-1, 1) for level in levels], 1).tolist()
            for name in names}
    places, strides = (part.tolist() for part in one._places(levels))
    box = apart = spread = total = 0.0
    for image in range(len(flat['boxes'])):
        own = [m for m in range(len(truth.boxes)) if truth.image[m] == image]
        true = [truth.boxes[m].tolist() for m in own]
        labels = [int(truth.labels[m]) for m in own]
        scores = [[1 / (1 + math.exp(-logit)) for logit in row] for row in flat['classes'][image]]
        target, quality = aligned_by_loops(scores, flat['boxes'][image], places, labels, true, **one.assignment)
        for n, (m, q) in enumerate(zip(target, quality)):
            spread += sum(bce(logit, q if m >= 0 and k == labels[m] else 0.0)
                          for k, logit in enumerate(flat['classes'][image][n]))
            if m < 0:
                continue
            total += q
            box += q * (1 - ciou(flat['boxes'][image][n], true[m])[0])
            (x, y), (x1, y1, x2, y2) = places[n], true[m]
            sides = []
            for distance, logits in zip((x - x1, y - y1, x2 - x, y2 - y), flat['edges'][image][n]):
                distance = min(max(distance / strides[n], 0), 14.99)
                low = math.floor(distance)
                norm = math.log(sum(math.exp(logit) for logit in logits))
                sides.append((norm - logits[low]) * (low + 1 - distance) + (norm - logits[low + 1]) * (distance - low))
            apart += q * sum(sides) / 4
    total = max(total, 1)
    return dict(loss_box=64 * 7.5 * box / total, loss_distribution=64 * 1.5 * apart / total,
                loss_class=64 * 0.5 * spread / total)


def test_losses_equal_the_loops():
    one = head()
    levels = one(maps(scale=3))
    found, wanted = one.loss(levels, SOME), losses_by_loops(one, levels, SOME)
    for name, value in wanted.items():
        assert found[name].item() == pytest.approx(value, rel=1e-3), name
    assert found['loss_box'] > 0


def test_pictures_without_boxes():
    one = head()
    losses = one.loss(one(maps()), targets([]))
    sum(losses.values()).backward()
    assert losses['loss_box'] == 0 and losses['loss_distribution'] == 0 and torch.isfinite(losses['loss_class'])
    assert not any(branch[-1].weight.grad.any() for branch in one.edges)
    assert all(branch[-1].weight.grad.any() for branch in one.classes)


def test_settings_that_do_not_fit():
    with pytest.raises(ValueError, match='2 bins or more and first_cells above 0, got 1'):
        head(bins=1)
    with pytest.raises(ValueError, match='weights of the head are box, distribution, classes'):
        head(weights=dict(dfl=1.0))
