"""Distributions over bins against SciPy, place by place."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import LocalizationDistill

DRAW = torch.Generator().manual_seed(0)


def value(loss, student, teacher, weight=None):
    return loss(student, teacher, weight=weight, scale=None, batch=DistillBatch(inputs={}, data_samples=[]))


def pair(*shape):
    return [3 * torch.randn(*shape, generator=DRAW, dtype=torch.float64) for _ in range(2)]


def divergence(teacher, student, t):
    return t**2 * rel_entr(softmax(teacher / t), softmax(student / t)).sum()


def test_four_edges_of_boxes_against_scipy_with_the_gradient_by_hand():
    student, teacher = pair(5, 4 * 7)
    student.requires_grad_()
    weight, t = torch.rand(5, 1, generator=DRAW, dtype=torch.float64), 10.0
    found = value(LocalizationDistill(bins=7), student, teacher, weight)
    found.backward()
    ours, theirs = (z.detach().view(5, 4, 7).numpy() for z in (student, teacher))
    share = weight.numpy()[:, 0] / max(1.0, float(weight.sum()))
    expected = sum(share[row] * np.mean([divergence(theirs[row, edge], ours[row, edge], t) for edge in range(4)])
                   for row in range(5))
    assert float(found.detach()) == pytest.approx(expected, rel=1e-6)
    gap = softmax(ours / t, axis=2) - softmax(theirs / t, axis=2)
    np.testing.assert_allclose(student.grad.view(5, 4, 7), gap * t / 4 * share[:, None, None], rtol=1e-6, atol=1e-12)


def test_a_map_of_edges_is_its_cells_one_by_one():
    student, teacher = pair(2, 4 * 3, 2, 3)
    weight = torch.rand(2, 1, 2, 3, generator=DRAW, dtype=torch.float64)
    loss = LocalizationDistill(bins=3, temperature=2.0)
    rows = [z.movedim(1, -1).reshape(12, 12) for z in (student, teacher)]
    torch.testing.assert_close(value(loss, student, teacher, weight), value(loss, *rows, weight.reshape(12, 1)))


def test_all_channels_are_one_distribution_and_a_volume_has_it_over_its_depth():
    student, teacher = pair(2, 6, 2, 3)
    expected = np.mean([divergence(teacher[b, :, y, x].numpy(), student[b, :, y, x].numpy(), 1.0)
                        for b, y, x in np.ndindex(2, 2, 3)])
    loss = LocalizationDistill(temperature=1.0)
    assert float(value(loss, student, teacher)) == pytest.approx(expected)
    assert float(value(loss, student[:, None], teacher[:, None])) == pytest.approx(expected)


def test_main_and_valuable_region_are_two_pairs_of_one_loss():
    student, teacher = pair(1, 8, 4, 4)
    main, valuable = torch.zeros(2, 1, 1, 4, 4)
    main[..., 1, 1], valuable[..., 0:3, 0] = 1, 1
    loss = LocalizationDistill(bins=2)
    cells = [value(loss, student[..., y, x], teacher[..., y, x]) for y, x in ((1, 1), (0, 0), (1, 0), (2, 0))]
    torch.testing.assert_close(value(loss, student, teacher, main), cells[0].float(), check_dtype=False)
    torch.testing.assert_close(value(loss, student, teacher, valuable), sum(cells[1:]).float() / 3, check_dtype=False)


def test_an_empty_mask_teaches_nothing_and_extreme_logits_stay_finite():
    student, teacher = pair(1, 8, 4, 4)
    student = (student * 1e4).requires_grad_()
    found = value(LocalizationDistill(bins=4), student, teacher * 1e4, torch.zeros(1, 1, 4, 4))
    found.backward()
    assert float(found.detach()) == 0 and student.grad.isfinite().all()
    assert value(LocalizationDistill(bins=4), student, teacher * 1e4).isfinite()


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: LocalizationDistill(bins=1), 'at least two bins'),
    (lambda: LocalizationDistill(temperature=0.0), 'temperature above 0'),
    (lambda: value(LocalizationDistill(bins=5), *pair(2, 12)), '12 channels are not a whole number')])
def test_bad_input_is_one_line(make, message):
    with pytest.raises(ValueError, match=message):
        make()
