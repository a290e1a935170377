"""Losses of 2D detectors' heads against loops over anchors, with binary cross entropies as the papers write them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import expit, rel_entr, softmax
from torch.nn import functional

from perception_kd.distill.losses import Adversarial, EdgeDistributions, GatedResponse
from perception_kd.structures.box_overlap import pair_ciou
from tests.distill.losses.helpers import of_two_processes
from tests.distill.pictures import doubled, leaves, picture_batch, some_head

BATCH = picture_batch(grid=None)


def heads(seed: int = 0, **settings) -> tuple[list, list]:
    generator = torch.Generator().manual_seed(seed)
    return doubled(some_head(generator, **settings)), doubled(some_head(generator, **settings))


def value(loss, student, teacher, batch=BATCH):
    return loss(student, teacher, weight=None, scale=None, batch=batch)


def cross_entropy(p: float, q: float) -> float:
    return -(p * math.log(q) + (1 - p) * math.log(1 - q))


def loop(student: list, teacher: list, temperature: float = 1.0, box_weight: float = 1.0,
         class_weight: float = 1.0) -> float:
    """The formula with cross entropies less those of the teacher with itself, anchor by anchor."""
    def apart(s: float, t: float) -> float:
        p, q = expit(t / temperature), expit(s / temperature)
        return temperature**2 * (cross_entropy(p, q) - cross_entropy(p, p))

    total = gates = 0.0
    for mine, other in zip(student, teacher):
        for b, a, y, x in np.ndindex(*mine['objectness'].shape):
            gate = expit(float(other['objectness'][b, a, y, x]))
            total += apart(float(mine['objectness'][b, a, y, x]), float(other['objectness'][b, a, y, x]))
            classes = zip(mine['classes'][b, a, :, y, x].tolist(), other['classes'][b, a, :, y, x].tolist())
            total += class_weight * gate * sum(apart(s, t) for s, t in classes)
            overlap = pair_ciou(mine['boxes'][b, a, :, y, x], other['boxes'][b, a, :, y, x])
            total += box_weight * gate * (1 - float(overlap))
            gates += gate
    return total / max(1.0, gates)


@pytest.mark.parametrize('settings', [{}, dict(temperature=4.0, box_weight=0.0),
                                      dict(box_weight=2.5, class_weight=0.3)])
def test_response_is_the_loop_over_anchors(settings):
    student, teacher = heads()
    assert float(value(GatedResponse(**settings), student, teacher)) == pytest.approx(
        loop(student, teacher, **settings), rel=1e-6)


def test_its_gradient_is_that_of_the_cross_entropies_of_the_note():
    """``[BCE(o_S, p_T) + p_T BCE(c_S, p_T) + p_T (1 - CIoU)] / sum p_T`` differs by a constant alone."""
    student, teacher = heads()
    ours, twin = leaves(student), leaves(student)
    value(GatedResponse(), ours, teacher).backward()
    total = gates = 0.0
    for mine, other in zip(twin, teacher):
        gate = other['objectness'].sigmoid()
        entropy = functional.binary_cross_entropy_with_logits
        total = total + entropy(mine['objectness'], gate, reduction='sum')
        spread = entropy(mine['classes'], other['classes'].sigmoid(), reduction='none').sum(2)
        overlap = pair_ciou(mine['boxes'].movedim(2, -1), other['boxes'].movedim(2, -1))
        total, gates = total + (gate * (spread + 1 - overlap)).sum(), gates + gate.sum()
    (total / gates).backward()
    for mine, other in zip(ours, twin):
        for name in mine:
            torch.testing.assert_close(mine[name].grad, other[name].grad, rtol=1e-6, atol=1e-12)


def test_where_the_teacher_sees_nothing_only_objectness_is_learnt():
    student, teacher = heads()
    for level in teacher:
        level['objectness'].fill_(-40.0)
    ours = leaves(student)
    found = value(GatedResponse(), ours, teacher)
    found.backward()
    assert float(found.detach()) > 0
    for level in ours:
        assert level['objectness'].grad.min() > 0
        assert float(level['boxes'].grad.abs().max()) < 1e-12 and float(level['classes'].grad.abs().max()) < 1e-12


def test_one_class_beside_an_objectness_is_left_alone_unless_asked_for():
    student, teacher = heads(classes=1)
    plain = value(GatedResponse(class_weight=0.0, single_class=True), student, teacher)
    assert float(value(GatedResponse(), student, teacher)) == pytest.approx(float(plain))
    assert float(value(GatedResponse(single_class=True), student, teacher)) == pytest.approx(loop(student, teacher))
    ours = leaves(student)
    value(GatedResponse(), ours, teacher).backward()
    assert all(not level['classes'].grad.any() for level in ours)


def test_without_objectness_classes_count_everywhere_and_the_best_one_gates_boxes():
    student, teacher = heads(anchors=1, bins=4)
    total = gates = 0.0
    for mine, other in zip(student, teacher):
        p = other['classes'].sigmoid()
        entropy = functional.binary_cross_entropy_with_logits
        total += float((entropy(mine['classes'], p, reduction='none') - functional.binary_cross_entropy(
            p, p, reduction='none')).sum())
        overlap = pair_ciou(mine['boxes'].movedim(2, -1), other['boxes'].movedim(2, -1))
        total, gates = total + float((p.amax(2) * (1 - overlap)).sum()), gates + float(p.amax(2).sum())
    assert float(value(GatedResponse(), student, teacher)) == pytest.approx(total / gates)


def test_edges_are_divergences_of_four_distributions_by_scipy():
    student, teacher = heads(anchors=1, bins=5, batch=2)
    t, total, gates = 3.0, 0.0, 0.0
    for mine, other in zip(student, teacher):
        for b, a, y, x in np.ndindex(*mine['classes'][:, :, 0].shape):
            gate = expit(float(other['classes'][b, a, :, y, x].max()))
            ours, theirs = (softmax(level['edges'][b, a, :, :, y, x].numpy() / t, axis=1) for level in (mine, other))
            total, gates = total + gate * t**2 * rel_entr(theirs, ours).sum(1).mean(), gates + gate
    assert float(value(EdgeDistributions(temperature=t), student, teacher)) == pytest.approx(total / gates)
    even = value(EdgeDistributions(power=0.0), student, teacher)
    assert not math.isclose(float(even), float(value(EdgeDistributions(), student, teacher)), rel_tol=1e-3)


@pytest.mark.parametrize('loss', [GatedResponse(), EdgeDistributions()])
def test_two_processes_equal_one(loss, monkeypatch):
    settings = dict(bins=4, anchors=1) if isinstance(loss, EdgeDistributions) else {}
    student, teacher = heads(**settings)
    halves = [[[{name: part[rows] for name, part in level.items()} for level in side] for side in (student, teacher)]
              for rows in ([0], [1, 2])]
    whole = float(value(loss, student, teacher))
    parts = tuple(lambda half=half: value(loss, *half) for half in halves)
    assert of_two_processes(monkeypatch, parts) == pytest.approx(whole, rel=1e-6)


def test_a_teacher_sure_of_nothing_extreme_logits_and_nan():
    student, teacher = heads()
    for level in teacher:
        level['objectness'].fill_(-1e4)
    for level in student:
        level['objectness'].mul_(1e4)
    ours = leaves(student)
    found = value(GatedResponse(), ours, teacher)
    found.backward()
    assert found.isfinite() and all(part.grad.isfinite().all() for level in ours for part in level.values())
    student[1]['boxes'][0, 0, 0, 0, 0] = math.nan
    assert value(GatedResponse(), student, teacher).isnan()


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: GatedResponse(temperature=0.0), 'temperature is above 0'),
    (lambda: EdgeDistributions(power=-1.0), 'power not negative'),
    (lambda: value(GatedResponse(), heads()[0], heads(anchors=3)[1]), 'classes of level 0 are .* anchor by anchor'),
    (lambda: value(GatedResponse(), heads()[0][:1], heads()[1]), 'the student has 1 levels, the teacher 2'),
    (lambda: value(GatedResponse(), heads()[0], heads(bins=3)[1]), 'objectness of level 0 are .* and absent in the'),
    (lambda: value(EdgeDistributions(), *heads()), 'the heads have no edges')])
def test_bad_input_is_one_line(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_discriminator_notes_how_often_it_is_right():
    torch.manual_seed(0)
    loss = Adversarial(channels=3, hidden=(4,), kernels=(1,), normalise=None, spectral=True, game='non_saturating')
    student, teacher = torch.randn(2, 3, 6, 6) - 3, torch.randn(2, 3, 6, 6) + 3
    optimiser = torch.optim.Adam(loss.parameters(), lr=0.03)
    seen = []
    for _ in range(60):
        optimiser.zero_grad()
        loss(student, teacher, weight=None, scale=None, batch=BATCH).backward()
        optimiser.step()
        seen.append(float(loss.noted['accuracy']))
    assert seen[-1] > 0.95 and min(seen) >= 0
    weight = torch.zeros(2, 1, 6, 6)
    weight[0, 0, 0, 0] = 1
    loss(student, teacher, weight=weight, scale=None, batch=BATCH)
    real, judged = (loss.discriminator(side)[0, 0, 0, 0] for side in (teacher, student))
    assert float(loss.noted['accuracy']) == (float(judged < 0) + float(real > 0)) / 2


def test_spectral_norms_hold_the_discriminator_below_slope_one():
    loss = Adversarial(channels=3, hidden=(8, 8), kernels=(1, 1), spectral=True)
    for layer in loss.discriminator[::2]:
        layer.weight  # noqa: B018, a step of the power iteration each time
    for _ in range(30):
        loss.discriminator(torch.zeros(1, 3, 2, 2))
    for layer in loss.discriminator[::2]:
        assert float(torch.linalg.matrix_norm(layer.weight.flatten(1), 2)) == pytest.approx(1, rel=1e-2)
    with pytest.raises(ValueError, match='kernels are odd, one for each of hidden'):
        Adversarial(channels=3, kernels=(3, 2))
