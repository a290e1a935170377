"""Losses against formulas written out, and the three generic tests: minimum, gradient, invariance."""

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from torch.nn import functional

import perception_kd.compat  # noqa: F401
from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import (
    BCE,
    L1,
    MSE,
    CenterHeadResponse,
    GaussianFocalResponse,
    normalised,
    normaliser,
    quality_focal,
    rms_normalised,
)
from perception_kd.structures import BEVGrid
from perception_kd.structures.gaussian import gaussian_maps
from tests.distill.toys import toy_batch

BATCH = DistillBatch(inputs={}, data_samples=[])


def maps(seed: int = 0, *shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    shape = shape or (2, 3, 4, 5)
    return torch.randn(*shape, requires_grad=True), torch.randn(*shape)


def value(loss, student, teacher, weight=None, scale=None):
    return loss(student, teacher, weight=weight, scale=scale, batch=BATCH)


@pytest.mark.parametrize('kind', [MSE, L1])
@pytest.mark.parametrize('channel', ['mean', 'sum'])
@pytest.mark.parametrize('normalise', [None, 'rms', 'channel_rms'])
def test_feature_losses_equal_a_loop_over_places(kind, channel, normalise):
    student, teacher = maps()
    weight, scale = torch.rand(2, 1, 4, 5) * 2, torch.rand(2, 1, 4, 5)
    total = 0.0
    for sample in range(2):
        target = teacher[sample].double()
        if normalise == 'rms':
            target = target / (target**2).mean().sqrt()
        if normalise == 'channel_rms':
            target = torch.stack([row / (row**2).mean().sqrt() for row in target])
        for y in range(4):
            for x in range(5):
                gap = student[sample, :, y, x].double() - target[:, y, x] * scale[sample, 0, y, x]
                size = gap**2 if kind is MSE else gap.abs()
                total = total + weight[sample, 0, y, x] * (size.mean() if channel == 'mean' else size.sum())
    expected = total / max(1.0, float(weight.sum()))
    found = value(kind(channel=channel, normalise=normalise), student, teacher, weight, scale)
    torch.testing.assert_close(found.double(), expected)
    torch.testing.assert_close(*(torch.autograd.grad(loss, student, retain_graph=True)[0]
                                 for loss in (found, expected.float())))


@pytest.mark.parametrize('shape', [(2, 3), (2, 3, 4, 5), (2, 3, 2, 4, 5)])
def test_without_a_mask_the_mean_squared_error_is_torchs_for_every_kind_of_tap(shape):
    student, teacher = maps(1, *shape)
    torch.testing.assert_close(value(MSE(), student, teacher), functional.mse_loss(student, teacher))
    torch.testing.assert_close(value(L1(), student, teacher), functional.l1_loss(student, teacher))


@pytest.mark.parametrize('kind', [MSE, L1])
def test_feature_losses_are_zero_at_the_teacher_and_send_no_gradient_into_it(kind):
    teacher = maps()[1].requires_grad_()
    student = teacher.detach().clone().requires_grad_()
    assert float(value(kind(), student, teacher.detach())) == 0
    value(kind(), student + 1, teacher.detach()).backward()
    assert teacher.grad is None and student.grad.any()


@pytest.mark.parametrize('normalise', ['rms', 'channel_rms'])
def test_normalised_losses_do_not_see_the_teachers_scale(normalise):
    student, teacher = maps()
    loss = MSE(normalise=normalise)
    torch.testing.assert_close(value(loss, student, teacher), value(loss, student, 100 * teacher))
    assert not torch.isclose(value(MSE(), student, teacher), value(MSE(), student, 100 * teacher))


@pytest.mark.parametrize('mode', ['l2', 'channel_std'])
def test_norms_of_both_sides_against_their_definitions(mode):
    student, teacher = maps()
    for found, value_ in zip(normalised(student, teacher, mode), (student, teacher)):
        expected = torch.zeros_like(value_)
        for sample, y, x in np.ndindex(2, 4, 5):
            for channel in range(3):
                size = (value_[sample, :, y, x].norm() if mode == 'l2'
                        else value_[sample, channel].std(unbiased=False))
                expected[sample, channel, y, x] = value_[sample, channel, y, x].detach() / size.detach()
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    loss = MSE(normalise=mode)
    same = value(loss, teacher.clone().requires_grad_(), 5 * teacher)
    assert float(same) == pytest.approx(0.0, abs=1e-6)
    value(loss, torch.zeros_like(student).requires_grad_(), teacher).backward()
    dead = torch.zeros(1, 3, 4, 5, requires_grad=True)
    value(loss, dead, teacher[:1]).backward()
    assert dead.grad.isfinite().all()


def test_channel_deviation_needs_places():
    with pytest.raises(ValueError, match='needs maps'):
        value(MSE(normalise='channel_std'), *maps(1, 2, 3))


def test_length_over_channels_erases_intensity_as_the_note_warns():
    student, teacher = maps()
    dim = teacher * torch.rand(2, 1, 4, 5).clamp(min=0.1)
    torch.testing.assert_close(value(MSE(normalise='l2'), student, dim), value(MSE(normalise='l2'), student, teacher))


def test_cross_entropy_is_torchs_and_minimal_at_the_target():
    torch.manual_seed(0)
    target, weight = torch.rand(2, 1, 4, 5), torch.rand(2, 1, 4, 5)
    student = torch.rand(2, 1, 4, 5, requires_grad=True)
    expected = functional.binary_cross_entropy(student, target, weight=weight, reduction='sum') / weight.sum()
    torch.testing.assert_close(value(BCE(), student, target, weight), expected)
    at_target = target.clone().clamp(0.05, 0.95).requires_grad_()
    best = value(BCE(), at_target, at_target.detach())
    best.backward()
    assert at_target.grad.abs().max() < 1e-6
    assert value(BCE(), student, at_target.detach()) > best
    edges = torch.tensor([0.0, 1.0]).view(1, 1, 1, 2).requires_grad_()
    value(BCE(), edges, 1 - edges.detach()).backward()
    assert edges.grad.isfinite().all()


def test_rms_of_an_empty_map_is_zero_and_each_sample_stands_alone():
    teacher = maps()[1]
    teacher[0] = 0
    out = rms_normalised(teacher, 'rms')
    assert not out[0].any()
    torch.testing.assert_close(out[1].square().mean(), torch.tensor(1.0))
    torch.testing.assert_close(out[1:], rms_normalised(teacher[1:], 'rms'))


def test_an_empty_mask_gives_zero_and_finite_gradients():
    student, teacher = maps()
    loss = value(MSE(), student, teacher, weight=torch.zeros(2, 1, 4, 5))
    loss.backward()
    assert float(loss) == 0 and student.grad.isfinite().all()


def test_normaliser_is_at_least_one():
    assert float(normaliser(torch.tensor(0.2))) == 1.0 and float(normaliser(torch.tensor(7.0))) == 7.0


@pytest.mark.parametrize('make', [lambda: MSE(channel='max'), lambda: L1(normalise='std'),
                                  lambda: CenterHeadResponse(beta=0.5), lambda: CenterHeadResponse(boxes='all')])
def test_unknown_switches_are_refused(make):
    with pytest.raises(ValueError):
        make()


def head(seed: int, classes: tuple[int, ...] = (2, 1), grad: bool = False, nested: bool = True) -> list:
    torch.manual_seed(seed)
    tasks = [dict(heatmap=torch.randn(2, count, 4, 4), reg=torch.randn(2, 2, 4, 4), dim=torch.randn(2, 3, 4, 4))
             for count in classes]
    for task in tasks:
        for part in task.values():
            part.requires_grad_(grad)
    return [[task] for task in tasks] if nested else tasks


BRANCHES = dict(reg=1.0, dim=0.5)


@pytest.mark.parametrize('boxes', ['teacher', 'truth'])
@pytest.mark.parametrize('masked', [True, False])
def test_response_equals_the_formula_written_out(boxes, masked):
    student, teacher, batch = head(0), head(1, nested=False), truth()
    weight = torch.rand(2, 1, 4, 4) if masked else None
    total = torch.tensor(0.0)
    bumps = [gaussian_maps(sample.gt_instances_3d.bboxes_3d, batch.grid) for sample in batch.data_samples]
    for task, ((ours,), theirs) in enumerate(zip(student, teacher)):
        heat = torch.tensor(0.0)
        box, normal = torch.tensor(0.0), 0.0
        for b in range(2):
            for y in range(4):
                for x in range(4):
                    w = float(weight[b, 0, y, x]) if masked else 1.0
                    w *= float(bumps[b][task, y, x]) if boxes == 'truth' else 1.0
                    target = theirs['heatmap'][b, :, y, x].sigmoid()
                    prob = ours['heatmap'][b, :, y, x].sigmoid()
                    entropy = -(target * prob.log() + (1 - target) * (1 - prob).log())
                    heat += w * ((prob - target).abs() ** 2 * entropy).sum()
                    sure = float(target.max())
                    c = w * (sure if sure > 0.4 else 0.0) if boxes == 'teacher' else w
                    normal += c
                    for name, factor in BRANCHES.items():
                        box += c * factor * (ours[name][b, :, y, x] - theirs[name][b, :, y, x]).abs().sum()
        total += (heat + 0.25 * box) / max(1.0, normal)
    loss = CenterHeadResponse(boxes=boxes, threshold=0.4, branches=BRANCHES)
    torch.testing.assert_close(loss(student, teacher, weight=weight, scale=None, batch=batch), total)


def test_a_true_box_counts_in_the_head_of_its_own_task_alone():
    batch = truth()
    for sample in batch.data_samples:
        sample.gt_instances_3d.labels_3d[:] = 0  # the first task's
    student = head(0, grad=True)
    CenterHeadResponse(boxes='truth', branches=BRANCHES)(
        student, head(1), weight=None, scale=None, batch=batch).backward()
    (first,), (second,) = student
    assert all(first[name].grad.any() for name in first)
    assert not any(second[name].grad.any() for name in second)


def test_response_is_minimal_at_student_equals_teacher():
    loss, teacher = CenterHeadResponse(branches=BRANCHES), head(1)
    assert float(value(loss, head(1), teacher)) == 0.0
    for step in (0.3, -0.3):
        for task in range(2):
            for name in ('heatmap', 'reg'):
                moved = head(1)
                moved[task][0][name] = moved[task][0][name] + step
                assert float(value(loss, moved, teacher)) > 0


def test_the_gradient_of_the_response_vanishes_at_the_teacher():
    student = head(1, grad=True)
    value(CenterHeadResponse(branches=dict(reg=0.0)), student, head(1)).backward()
    assert all(not task[0]['heatmap'].grad.any() for task in student)


def truth(cells: int = 4) -> DistillBatch:
    """Two samples of two boxes on a grid of 4 x 4 cells; labels 0 and 2, of the first and the second task."""
    samples = []
    for place in ((0.4, 0.4), (2.0, 1.2)):
        sample = toy_batch(2)['data_samples'][0]
        boxes = torch.tensor([[*place, 0, 1, 1, 1, 0], [*reversed(place), 0, 1, 1, 1, 0]])
        sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=torch.tensor([0, 2]))
        samples.append(sample)
    return DistillBatch(inputs={}, data_samples=samples, grid=BEVGrid(0, 0, 0.8 * cells, 0.8 * cells, 0.8))


def test_the_released_form_is_not_minimal_at_the_teacher():
    """Its trap: no soft target equals 1, so the heat map is only pushed down, at the teacher and everywhere."""
    loss, teacher = GaussianFocalResponse(branches=dict(reg=1.0)), head(1)
    student = head(1, grad=True)
    at_teacher = loss(student, teacher, weight=None, scale=None, batch=truth())
    at_teacher.backward()
    assert all((task[0]['heatmap'].grad > 0).all() for task in student)
    blind = head(1)
    for task in blind:
        task[0]['heatmap'] = task[0]['heatmap'] - 10
    assert loss(blind, teacher, weight=None, scale=None, batch=truth()) < 0.01 * at_teacher.detach()


def test_the_released_form_is_the_detectors_loss_where_the_target_is_hard():
    """With a sure teacher the target is the detector's own, and mmdet's focal loss must say the same."""
    from mmdet.models.losses import GaussianFocalLoss

    loss, batch = GaussianFocalResponse(branches=dict(reg=1.0)), truth()
    student, teacher = head(0), head(1)
    for task in teacher:
        task[0]['heatmap'] = torch.full_like(task[0]['heatmap'], 200.0)
    heat, targets = torch.zeros(()), [torch.zeros(2, 2, 4, 4), torch.zeros(2, 1, 4, 4)]
    for index, sample in enumerate(batch.data_samples):
        bumps = gaussian_maps(sample.gt_instances_3d.bboxes_3d, batch.grid)
        targets[0][index, 0], targets[1][index, 0] = bumps
    gaps = torch.zeros(())
    for task, (target, ours) in enumerate(zip(targets, student)):
        probability = ours[0]['heatmap'].sigmoid().clamp(1e-4, 1 - 1e-4)
        heat = heat + GaussianFocalLoss()(probability, target, avg_factor=2)
        cells = [((0, 0), (1, 2)), ((0, 0), (2, 1))][task]  # row and column of each sample's box
        for index, (y, x) in enumerate(cells):
            gaps = gaps + (ours[0]['reg'] - teacher[task][0]['reg'])[index, :, y, x].abs().sum() / 2
    found = loss(student, teacher, weight=None, scale=None, batch=batch)
    torch.testing.assert_close(found, heat + 0.25 * gaps)


def test_gradient_descent_on_the_response_loss_reaches_the_teacher():
    student, teacher = head(0, grad=True), head(1)
    heat = [task[0]['heatmap'] for task in student]
    optim = torch.optim.Adam(heat, lr=0.1)
    loss = CenterHeadResponse(branches=dict(reg=0.0))
    for _ in range(200):
        optim.zero_grad()
        value(loss, student, teacher).backward()
        optim.step()
    for ours, theirs in zip(heat, teacher):
        gap = ours.sigmoid() - theirs[0]['heatmap'].sigmoid()
        assert gap.abs().mean() < 0.01


def test_quality_focal_is_finite_far_out_and_at_its_minimum():
    logits = torch.tensor([-100.0, 0.0, 100.0, 2.0], requires_grad=True)
    out = quality_focal(logits, torch.tensor([1.0, 0.5, 0.0, torch.tensor(2.0).sigmoid()]), 2.0)
    out.sum().backward()
    assert out.isfinite().all() and logits.grad.isfinite().all()
    assert float(out[1]) == 0 and float(out[3]) == 0


def test_a_soft_target_is_pulled_up_as_well_as_down():
    """The detector's Gaussian focal loss would only push down here."""
    logits = torch.tensor([-3.0, 3.0], requires_grad=True)
    quality_focal(logits, torch.tensor([0.7, 0.7]), 2.0).sum().backward()
    assert logits.grad[0] < 0 < logits.grad[1]


@pytest.mark.parametrize(('student', 'teacher', 'message'), [
    (head(0, (2,)), head(1, (2, 1)), r'student \[2\], teacher \[2, 1\]'),
    (head(0), [[dict(task[0], vel=task[0]['reg'])] for task in head(1)], 'only one of the heads has vel'),
    ([dict(reg=torch.ones(1))], head(1), "needs a dict with 'heatmap' per task")])
def test_heads_that_do_not_match_are_named(student, teacher, message):
    loss = CenterHeadResponse(branches=dict(reg=1.0, vel=1.0))
    with pytest.raises(ValueError, match=message):
        value(loss, student, teacher)


def test_a_target_scale_on_a_head_is_refused():
    with pytest.raises(ValueError, match='takes no target_scale'):
        value(CenterHeadResponse(), head(0), head(1), scale=torch.ones(2, 1, 4, 4))
