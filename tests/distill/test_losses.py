"""Losses against formulas written out, and the three generic tests: minimum, gradient, invariance."""

import pytest
import torch
from torch.nn import functional

from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import L1, MSE, CenterHeadResponse, normaliser, quality_focal, rms_normalised

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


@pytest.mark.parametrize('boxes', ['teacher', 'mask'])
@pytest.mark.parametrize('masked', [True, False])
def test_response_equals_the_formula_written_out(boxes, masked):
    student, teacher = head(0), head(1, nested=False)
    weight = torch.rand(2, 1, 4, 4) if masked else None
    total = torch.tensor(0.0)
    for (ours,), theirs in zip(student, teacher):
        heat = torch.tensor(0.0)
        box, normal = torch.tensor(0.0), 0.0
        for b in range(2):
            for y in range(4):
                for x in range(4):
                    w = float(weight[b, 0, y, x]) if masked else 1.0
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
    torch.testing.assert_close(value(loss, student, teacher, weight), total)


def test_response_is_minimal_at_student_equals_teacher():
    loss, teacher = CenterHeadResponse(branches=BRANCHES), head(1)
    assert float(value(loss, head(1), teacher)) == 0.0
    for step in (0.3, -0.3):
        for task in range(2):
            for name in ('heatmap', 'reg'):
                moved = head(1)
                moved[task][0][name] = moved[task][0][name] + step
                assert float(value(loss, moved, teacher)) > 0


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
