"""Logit losses against SciPy and loops; values and gradients."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from scipy.special import expit, log_softmax, rel_entr, softmax

from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import DKD, HintonKD, decoupled_divergences
from tests.distill.contract import box_batch, two_heads
from tests.distill.toys import GRID

DRAW = torch.Generator().manual_seed(0)
BATCH = DistillBatch(inputs={}, data_samples=[])


def value(loss, student, teacher, weight=None, batch=BATCH, scale=None):
    return loss(student, teacher, weight=weight, scale=scale, batch=batch)


def logits(*shape, grad=False):
    return (2 * torch.randn(*shape, generator=DRAW, dtype=torch.float64)).requires_grad_(grad)


def scipy_kl(teacher, student, t):
    return rel_entr(softmax(teacher / t), softmax(student / t)).sum()


def slope(loss_of, point, step=1e-6):
    """Gradient by central differences."""
    grad = np.zeros_like(point)
    for place in np.ndindex(point.shape):
        moved = np.zeros_like(point)
        moved[place] = step
        grad[place] = (loss_of(point + moved) - loss_of(point - moved)) / (2 * step)
    return grad


@pytest.mark.parametrize('t', [1.0, 4.0])
def test_hinton_of_vectors_is_scipys_relative_entropy_and_its_gradient(t):
    student, teacher = logits(3, 5, grad=True), logits(3, 5)

    def expected(mine):
        return t**2 * np.mean([scipy_kl(other, one, t) for one, other in zip(mine, teacher.numpy())])

    found = value(HintonKD(temperature=t), student, teacher)
    found.backward()
    assert float(found.detach()) == pytest.approx(expected(student.detach().numpy()), rel=1e-6)
    by_hand = t / 3 * (softmax(student.detach().numpy() / t, axis=1) - softmax(teacher.numpy() / t, axis=1))
    np.testing.assert_allclose(student.grad, by_hand, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(student.grad, slope(expected, student.detach().numpy()), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize('activation', ['softmax', 'sigmoid'])
def test_hinton_of_heads_equals_a_loop_over_cells_with_all_tasks_side_by_side(activation):
    student, teacher = two_heads((2, 1))(DRAW)
    weight = torch.rand(3, 1, *GRID.shape, generator=DRAW)
    total, t = 0.0, 2.0
    ours, theirs = (torch.cat([task['heatmap'] for (task,) in head], dim=1).double().numpy()
                    for head in (student, teacher))
    for sample, y, x in np.ndindex(3, *GRID.shape):
        one, other = ours[sample, :, y, x], theirs[sample, :, y, x]
        if activation == 'softmax':
            size = scipy_kl(other, one, t)
        else:
            size = sum(scipy_kl(np.array([b, 0.0]), np.array([a, 0.0]), t) for a, b in zip(one, other))
        total += float(weight[sample, 0, y, x]) * t**2 * size
    maps = [task['heatmap'].requires_grad_() for (task,) in student]
    found = value(HintonKD(temperature=t, activation=activation), student, teacher, weight)
    assert float(found.detach()) == pytest.approx(total / float(weight.sum()), rel=1e-5)
    found.backward()
    p, q = (softmax(z / t, axis=1) if activation == 'softmax' else expit(z / t) for z in (theirs, ours))
    np.testing.assert_allclose(torch.cat([one.grad for one in maps], dim=1),
                               t * (q - p) * weight.numpy() / float(weight.sum()), rtol=1e-4, atol=1e-8)


def test_the_two_parts_make_up_the_whole():
    student, teacher, target = logits(20, 6, grad=True), logits(20, 6), torch.randint(6, (20,), generator=DRAW)
    for t in (1.0, 3.0):
        target_part, rest = decoupled_divergences(student, teacher, target, t)
        own = softmax(teacher.numpy() / t, axis=1)[np.arange(20), target]
        whole = [scipy_kl(other, one, t) for one, other in zip(student.detach().numpy(), teacher.numpy())]
        found = target_part + (1 - torch.from_numpy(own)) * rest
        np.testing.assert_allclose(found.detach(), whole, rtol=1e-9)
        gradient, = torch.autograd.grad(found.sum(), student)
        gap = softmax(student.detach().numpy() / t, axis=1) - softmax(teacher.numpy() / t, axis=1)
        np.testing.assert_allclose(gradient, gap / t, rtol=1e-7, atol=1e-12)


def test_the_parts_are_what_they_are_called():
    student, teacher, target = logits(4, 5), logits(4, 5), torch.tensor([0, 4, 2, 2])
    target_part, rest = decoupled_divergences(student, teacher, target)
    for row, label in enumerate(target.tolist()):
        p, q = softmax(teacher[row].numpy()), softmax(student[row].numpy())
        binary = rel_entr([p[label], 1 - p[label]], [q[label], 1 - q[label]]).sum()
        others = [np.exp(log_softmax(np.delete(z[row].numpy(), label))) for z in (teacher, student)]
        assert float(target_part[row]) == pytest.approx(binary)
        assert float(rest[row]) == pytest.approx(rel_entr(*others).sum())


def test_a_sure_teacher_leaves_the_non_target_part_finite():
    student, teacher = logits(1, 4, grad=True), torch.tensor([[2000.0, 1.0, 0.0, -1.0]], dtype=torch.float64)
    parts = decoupled_divergences(student, teacher, torch.tensor([0]))
    sum(parts).sum().backward()
    assert student.grad.isfinite().all() and float(parts[1].detach()) == pytest.approx(
        scipy_kl(teacher[0, 1:].numpy(), student[0, 1:].detach().numpy(), 1.0))


def at_centres(batch, student, teacher, weight, alpha, beta, t):
    """DKD by a loop over the boxes."""
    total, count = 0.0, 0.0
    for index, sample in enumerate(batch.data_samples):
        truth = sample.gt_instances_3d
        for box, label in zip(truth.bboxes_3d.tolist(), truth.labels_3d.tolist()):
            x, y = int((box[0] - GRID.x_min) / GRID.cell), int((box[1] - GRID.y_min) / GRID.cell)
            one, other = (torch.cat([task['heatmap'] for (task,) in head], dim=1)[index, :, y, x].double().numpy()
                          for head in (student, teacher))
            p, q = softmax(other / t), softmax(one / t)
            binary = rel_entr([p[label], 1 - p[label]], [q[label], 1 - q[label]]).sum()
            rest = scipy_kl(np.delete(other, label), np.delete(one, label), t)
            w = float(weight[index, 0, y, x])
            total, count = total + w * t**2 * (alpha * binary + beta * rest), count + w
    return total / max(1.0, count)


def test_dkd_of_heads_equals_a_loop_over_true_boxes():
    batch, (student, teacher) = box_batch((2, 3, 1)), two_heads((2, 2))(DRAW)
    weight = torch.rand(3, 1, *GRID.shape, generator=DRAW)
    for task in student:
        task[0]['heatmap'].requires_grad_()
    found = value(DKD(alpha=0.7, beta=2.0, temperature=1.5), student, teacher, weight, batch)
    plain = [[{name: part.detach() for name, part in task.items()}] for (task,) in student]
    assert float(found.detach()) == pytest.approx(at_centres(batch, plain, teacher, weight, 0.7, 2.0, 1.5), rel=1e-5)
    found.backward()
    touched = sum(task[0]['heatmap'].grad.abs().sum(1) for task in student) > 0
    cells = {(index, *divmod(int(GRID.cell_index(box[None])[0]), GRID.nx))
             for index, sample in enumerate(batch.data_samples) for box in sample.gt_instances_3d.bboxes_3d}
    assert {tuple(place) for place in touched.nonzero().tolist()} == cells


def test_dkd_with_the_teachers_classes_counts_in_every_cell():
    student, teacher = two_heads((3,))(DRAW)
    ours, theirs = (head[0][0]['heatmap'].movedim(1, -1).flatten(0, -2).double() for head in (student, teacher))
    target_part, rest = decoupled_divergences(ours, theirs, theirs.argmax(1), 2.0)
    found = value(DKD(target='teacher', beta=3.0, temperature=2.0), student, teacher)
    assert float(found) == pytest.approx(float(4 * (target_part + 3 * rest).mean()), rel=1e-5)


def without_boxes(batch, change):
    samples = []
    for sample in batch.data_samples:
        copy = sample.clone()
        copy.gt_instances_3d = change(sample.gt_instances_3d)
        samples.append(copy)
    return replace(batch, data_samples=samples)


BAD_BOXES = {
    'none': lambda truth: truth[:0],
    'nan': lambda truth: InstanceData(bboxes_3d=truth.bboxes_3d * float('nan'), labels_3d=truth.labels_3d),
    'off_the_grid': lambda truth: InstanceData(bboxes_3d=truth.bboxes_3d + 100, labels_3d=truth.labels_3d),
    'of_no_class': lambda truth: InstanceData(bboxes_3d=truth.bboxes_3d, labels_3d=truth.labels_3d * 0 - 1)}


@pytest.mark.parametrize('bad', BAD_BOXES)
def test_dkd_without_a_usable_box_is_zero_with_a_gradient(bad):
    student, teacher = two_heads((2,), maps={})(DRAW)
    student[0][0]['heatmap'].requires_grad_()
    found = value(DKD(), student, teacher, batch=without_boxes(box_batch(), BAD_BOXES[bad]))
    found.backward()
    assert float(found.detach()) == 0 and not student[0][0]['heatmap'].grad.any()


def test_unknown_velocities_do_not_matter():
    batch, (student, teacher) = box_batch(), two_heads((2,))(DRAW)

    def unknown(truth):
        boxes = truth.bboxes_3d.clone()
        boxes[:, 7:] = float('nan')
        return InstanceData(bboxes_3d=boxes, labels_3d=truth.labels_3d)

    torch.testing.assert_close(value(DKD(), student, teacher, batch=without_boxes(batch, unknown)),
                               value(DKD(), student, teacher, batch=batch))


@pytest.mark.parametrize('loss', [HintonKD(), HintonKD(activation='sigmoid'), DKD()])
def test_where_all_is_masked_nothing_is_taught(loss):
    student, teacher = two_heads((2,), maps={})(DRAW)
    student[0][0]['heatmap'].requires_grad_()
    found = value(loss, student, teacher, torch.zeros(3, 1, *GRID.shape), box_batch())
    found.backward()
    assert float(found.detach()) == 0 and not student[0][0]['heatmap'].grad.any()


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: HintonKD(temperature=0.0), 'temperature is above 0'), (lambda: DKD(temperature=-1.0), 'above 0'),
    (lambda: HintonKD(activation='relu'), "'softmax' or 'sigmoid'"), (lambda: DKD(target='student'), "'truth' or"),
    (lambda: value(HintonKD(), logits(2, 1), logits(2, 1)), 'softmax over one class'),
    (lambda: value(DKD(), *two_heads((1,))(DRAW), batch=box_batch()), 'at least two classes'),
    (lambda: value(DKD(), logits(2, 3), logits(2, 3), batch=box_batch((1, 2))), "needs 'gt_label'"),
    (lambda: value(HintonKD(), two_heads((2, 1))(DRAW)[0], two_heads((1, 2))(DRAW)[1]), 'classes per task differ'),
    (lambda: value(HintonKD(), logits(2, 3), logits(2, 3), scale=torch.ones(2, 1)), 'no target_scale')])
def test_bad_input_is_one_line(make, message):
    with pytest.raises(ValueError, match=message):
        make()
