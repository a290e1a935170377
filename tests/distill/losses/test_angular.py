"""Teacher views: each term against loops, who learns from what, warm-up, and maps without anything in them."""

from __future__ import annotations

import itertools
import math
from unittest import mock

import pytest
import torch
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.distill.losses import AngularViews
from perception_kd.distill.losses.angular import ViewHeads
from tests.distill.contract import box_batch
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher


def make(seed: int = 0, **settings) -> AngularViews:
    torch.manual_seed(seed)
    return AngularViews(**{**dict(channels=4, places=1000), **settings})


def call(loss: AngularViews, student: Tensor, teacher: Tensor, weight: Tensor | None = None) -> Tensor:
    return loss(student, teacher, weight=weight, scale=None, batch=box_batch())


def cosine(one: Tensor, other: Tensor) -> Tensor:
    return one @ other / (one.norm() * other.norm())


def softplus(value: Tensor) -> Tensor:
    return torch.log1p(value.exp())


def by_loops(teacher: Tensor, views: Tensor, margin: float) -> Tensor:
    """0.1 (constraint + diversity) + residual over rows ``(M, C)`` and ``(N, M, C)``."""
    count, rows = len(views), len(teacher)
    constraint, diversity, residual, agreed = [], [], [], 0
    for row in range(rows):
        ties = list(itertools.combinations(range(count), 2))
        for view in views:
            near = [cosine(view[row], other) for other in teacher]
            near = [torch.ones_like(value) if value >= 1 - margin else value for value in near]
            total = sum((value / 0.07).exp() for value in near)
            constraint.append(total.log() - near[row] / 0.07)
        if all(cosine(view[row], teacher[row]) >= 1 - margin for view in views):
            agreed += 1
            diversity.append(sum(softplus(cosine(views[i][row], views[j][row])) for i, j in ties) / len(ties))
        gaps = [teacher[row] - view[row] for view in views]
        residual.append(sum(softplus(cosine(gaps[i], gaps[j])) for i, j in ties) / len(ties))
    constraint, residual = (sum(values) / len(values) for values in (constraint, residual))
    return 0.1 * (constraint + (sum(diversity) / agreed if agreed else 0.0)) + residual


@pytest.mark.parametrize('margin', [0.2, 1.1])
def test_the_views_terms_equal_loops(margin):
    """Views of random directions: with the small margin hardly a place agrees, with the large one about half."""
    torch.manual_seed(1)
    teacher = torch.randn(2, 4, 2, 3, dtype=torch.float64)
    views = (teacher + 0.8 * torch.randn(3, 2, 4, 2, 3, dtype=torch.float64)).requires_grad_()
    value = make(margin=margin).views_loss(teacher, views, None)
    rows = teacher.permute(0, 2, 3, 1).reshape(12, 4)
    mine = views.permute(0, 1, 3, 4, 2).reshape(3, 12, 4)
    expected = by_loops(rows, mine, margin)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(torch.autograd.grad(value, views), torch.autograd.grad(expected, views))


def test_heads_turn_drop_and_normalise():
    torch.manual_seed(0)
    heads, teacher = ViewHeads(channels=6, count=3, rates=(0.2, 0.6)), torch.randn(5, 6, 2, 2)
    assert heads.rates == pytest.approx([0.2, 0.4, 0.6])
    for turn in heads.turns:
        matrix = turn.weight.detach().flatten(1)
        torch.testing.assert_close(matrix @ matrix.T, torch.eye(6), atol=1e-5, rtol=0)
    views = heads(teacher)
    assert views.shape == (3, 5, 6, 2, 2)
    torch.testing.assert_close(views.mean((1, 3, 4)), torch.zeros(3, 6), atol=1e-5, rtol=0)
    heads.eval()
    assert torch.equal(heads(teacher), heads(teacher)), 'nothing is dropped in evaluation'


def test_the_ensemble_weighs_the_teacher_by_1_and_views_by_less():
    teacher, views = torch.randn(1, 3, 2, 2), torch.randn(2, 1, 3, 2, 2)
    expected = teacher / teacher.norm(dim=1, keepdim=True)
    for view in views:
        expected = expected + 0.5 * view / view.norm(dim=1, keepdim=True)
    found = make(channels=3, view_weight=0.5).ensemble(teacher, views.requires_grad_())
    torch.testing.assert_close(found, expected / expected.norm(dim=1, keepdim=True))
    assert not found.requires_grad


def test_student_and_views_learn_apart():
    loss, student = make(), torch.randn(2, 4, 3, 3, requires_grad=True)
    teacher = torch.randn(2, 4, 3, 3)
    own = [*loss.heads.parameters()]
    views = loss.heads(teacher)
    follow = loss.student_loss(student, loss.ensemble(teacher, views), weight=None, batch=box_batch())
    assert torch.autograd.grad(follow, [student, *own], allow_unused=True)[1:] == (None,) * len(own)
    learnt = torch.autograd.grad(loss.views_loss(teacher, views, None), [student, *own], allow_unused=True)
    assert learnt[0] is None and all(part.any() for part in learnt[1:])


def test_views_that_form_a_simplex_reach_the_bound():
    """Three directions in a plane: cosines of -1/2."""
    angles = torch.tensor([0.0, 1.0, 2.0]) * 2 * math.pi / 3
    gaps = torch.stack([angles.cos(), angles.sin()], 1)[:, None, :, None, None].expand(3, 1, 2, 2, 2)
    teacher = torch.randn(1, 2, 2, 2)
    loss = make(channels=2, inter=0.0)
    assert float(loss.views_loss(teacher, teacher - gaps, None)) == pytest.approx(math.log1p(math.exp(-0.5)), rel=1e-5)
    assert float(loss.views_loss(teacher, torch.randn(3, 1, 2, 2, 2), None)) > math.log1p(math.exp(-0.5))


def test_places_are_drawn_where_the_mask_is():
    weight = torch.zeros(3, 1, 8, 8)
    weight[1, 0, 2, 3], weight[2, 0, 7, 7] = 1.0, 0.2
    loss, teacher = make(places=5), torch.randn(3, 4, 8, 8)
    assert sorted(loss._draw(teacher, weight).tolist()) == [64 + 2 * 8 + 3, 128 + 63]
    assert len(set(loss._draw(teacher, None).tolist())) == 5
    student = torch.randn(3, 4, 8, 8, requires_grad=True)
    value = call(loss, student, teacher, weight * 0)
    value.backward()
    assert float(value) == 0 and all(part.grad is not None for part in loss.parameters())


def test_the_student_follows_after_the_warm_up_and_views_learn_in_it():
    torch.manual_seed(0)
    pair = feature_pair(loss=dict(type='AngularViews', warmup=1))
    model = Distiller(student=ToyStudent(dropout=0.0), teachers=dict(lidar=toy_teacher()), pairs=dict(one=pair))
    loss = model.pairs['one'].loss
    for step, follows in enumerate((False, True)):
        assert int(loss.steps) == step
        model.zero_grad()
        model(**toy_batch(1, 2), mode='loss')['loss_distill.one'].backward()
        moved = [part for part in model.student.stem.parameters() if part.grad is not None and part.grad.any()]
        assert bool(moved) == follows
        assert all(part.grad.any() for part in loss.heads.parameters())
    model.eval()
    model(**toy_batch(1, 2), mode='loss')
    assert int(loss.steps) == 2 and 'pairs.one.loss.steps' in model.state_dict()


def test_boxes_are_needed_where_the_students_loss_reads_them():
    assert make(imitate='FGD').needs_boxes and not make().needs_boxes


@pytest.mark.parametrize('rows', [1, 3])
def test_vectors_train_too_and_one_alone_stays_finite(rows):
    loss, student = make(imitate='MSE'), torch.randn(rows, 4, requires_grad=True)
    call(loss, student, torch.randn(rows, 4)).backward()
    assert student.grad.any() and all(part.grad.isfinite().all() for part in loss.parameters())


def test_norms_that_are_synchronised_meet_the_other_processes_whatever_they_hold():
    heads = nn.SyncBatchNorm.convert_sync_batchnorm(make()).heads
    assert {type(norm) for norm in heads.norms} == {nn.SyncBatchNorm}
    with pytest.raises(ValueError, match='expected input tensor to be on'), mock.patch.multiple(
            torch.distributed, is_initialized=lambda: True, get_world_size=lambda group: 2):
        heads(torch.randn(1, 4, 1, 1))  # as far as a machine without a GPU goes


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(views=1), 'views >= 2'), (dict(places=0), 'places >= 1'), (dict(warmup=-1), 'warmup >= 0'),
    (dict(rates=(0.1, 1.0)), r'rates in \[0, 1\)'), (dict(temperature=0.0), 'temperature > 0'),
    (dict(margin=2.0), r'margin in \[0, 2\)'), (dict(imitate='Nonsense'), "unknown loss 'Nonsense'"),
    (dict(imitate='CenterHeadResponse'), 'imitate compares maps, and CenterHeadResponse compares head'),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)
