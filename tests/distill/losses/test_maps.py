"""AT, CWD, PKD and DIST against loops and SciPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import rel_entr
from scipy.special import softmax as scipy_softmax
from scipy.stats import pearsonr

from perception_kd.distill.losses import AT, CWD, DIST, PKD
from tests.distill.contract import two_heads
from tests.distill.losses.helpers import assert_same, compare, drawn, of_two_processes

MASK = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(3)) * (torch.arange(8) > 2)
SPLITS = (slice(0, 1), slice(1, 3))


@pytest.mark.parametrize('weight', [None, MASK])
@pytest.mark.parametrize('power', [2.0, 3.0])
def test_attention_equals_a_loop_over_samples_and_cells(weight, power):
    student, teacher = drawn()
    counts, total = torch.ones(3, 1, 8, 8) if weight is None else weight, 0.0
    for sample in range(3):
        maps = []
        for value in (student[sample], teacher[sample]):
            cells = [(value[:, y, x].abs() ** power).mean() * counts[sample, 0, y, x] for y, x in np.ndindex(8, 8)]
            length = sum(cell * cell for cell in cells).sqrt()
            maps.append([cell / length for cell in cells])
        total = total + sum((ours - theirs) ** 2 for ours, theirs in zip(*maps))
    assert_same(compare(AT(power=power), student, teacher, weight), total / counts.sum(), student)


def test_attention_takes_maps_of_any_two_widths():
    student, teacher = drawn()[0], drawn(3, 7, 8, 8)[1]
    loss = compare(AT(), student, teacher)
    loss.backward()
    assert float(loss) > 0 and student.grad.any()


@pytest.mark.parametrize('tau', [1.0, 4.0])
def test_channel_wise_divergence_is_scipys(tau):
    student, teacher = drawn()
    ours, theirs = (scipy_softmax(value.detach().double().numpy().reshape(12, 64) / tau, axis=1)
                    for value in (student, teacher))
    expected = tau**2 / (3 * 4) * rel_entr(theirs, ours).sum()
    found = compare(CWD(tau=tau), student, teacher)
    assert float(found.detach()) == pytest.approx(expected, rel=1e-5)
    found.backward()
    by_hand = tau * (ours - theirs) / (3 * 4)  # d KL / d logit = (p_S - p_T) / tau
    np.testing.assert_allclose(student.grad.reshape(12, 64), by_hand, rtol=1e-3, atol=1e-6)


def test_a_mask_of_channel_wise_divergence_leaves_places_and_samples_out():
    student, teacher = drawn()
    mask = (torch.arange(8) > 2).float().expand(3, 1, 8, 8).clone()
    mask[1] = 0
    kept = [0, 2]
    expected = compare(CWD(), student[kept][..., 3:], teacher[kept][..., 3:])
    assert_same(compare(CWD(), student, teacher, mask), expected, student)
    nothing = compare(CWD(), student, teacher, torch.zeros_like(mask))
    assert float(nothing) == 0 and torch.autograd.grad(nothing, student)[0].isfinite().all()


def test_channel_wise_divergence_of_a_head_is_that_of_all_its_heat_maps():
    student, teacher = two_heads((2, 1))(torch.Generator().manual_seed(0))
    ours, theirs = (torch.cat([task['heatmap'] for (task,) in value], dim=1) for value in (student, teacher))
    torch.testing.assert_close(compare(CWD(), student, teacher), compare(CWD(), ours, theirs))


def test_pearson_distillation_is_one_minus_scipys_correlation():
    student, teacher = drawn()
    ours, theirs = (value.detach().double().transpose(0, 1).reshape(4, -1).numpy() for value in (student, teacher))
    expected = np.mean([1 - pearsonr(mine, other).statistic for mine, other in zip(ours, theirs)])
    assert float(compare(PKD(), student, teacher)) == pytest.approx(expected, rel=1e-5)
    rows = student.transpose(0, 1).reshape(4, -1), teacher.transpose(0, 1).reshape(4, -1)
    by_torch = torch.stack([1 - torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(*rows)]).mean()
    assert_same(compare(PKD(), student, teacher), by_torch, student)


def test_a_mask_of_ones_and_zeros_correlates_the_rest():
    student, teacher = drawn()
    mask = (torch.arange(8) > 2).float().expand(3, 1, 8, 8)
    assert_same(compare(PKD(), student, teacher, mask),
                compare(PKD(), student[..., 3:], teacher[..., 3:]), student)
    rows = DIST(activation='sigmoid')
    assert_same(compare(rows, student, teacher, mask), compare(rows, student[..., 3:], teacher[..., 3:]), student)


@pytest.mark.parametrize('loss', [PKD(), DIST(), AT(), CWD()])
def test_constant_maps_and_empty_masks_are_finite(loss):
    student = torch.full((3, 4, 8, 8), 2.0, requires_grad=True)
    for teacher, weight in ((drawn()[1], None), (drawn()[1], torch.zeros(3, 1, 8, 8)), (student.detach(), None)):
        student.grad = None
        value = compare(loss, student, teacher, weight)
        value.backward()
        assert value.isfinite() and student.grad.isfinite().all()
    assert float(value) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(('kind', 'change'), [
    (None, lambda value: value), ('softmax', lambda value: torch.softmax(value / 2, 1)),
    ('sigmoid', lambda value: torch.sigmoid(value / 2))])
def test_dist_is_one_minus_correlations_of_rows_and_of_columns(kind, change):
    student, teacher = drawn(5, 7)
    loss = DIST(inter=2.0, intra=0.5, activation=kind, tau=2.0)
    ours, theirs = change(student), change(teacher)
    rows = torch.stack([1 - torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(ours, theirs)]).mean()
    columns = torch.stack([1 - torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(ours.T, theirs.T)]).mean()
    assert_same(compare(loss, student, teacher), 4 * (2 * rows + 0.5 * columns), student, rtol=1e-3)


def test_dist_of_a_map_takes_places_for_rows():
    student, teacher = drawn()
    rows = [value.permute(0, 2, 3, 1).reshape(-1, 4) for value in (student, teacher)]
    assert_same(compare(DIST(), student, teacher), compare(DIST(), *rows), student)


@pytest.mark.parametrize('loss', [AT(), CWD()])
def test_two_processes_equal_one(loss, monkeypatch):
    student, teacher = (value.detach() for value in drawn())
    whole = float(compare(loss, student, teacher, MASK))
    parts = [lambda part=part: compare(loss, student[part], teacher[part], MASK[part]) for part in SPLITS]
    assert of_two_processes(monkeypatch, parts) == pytest.approx(whole, rel=1e-5)


def test_a_target_scale_multiplies_the_teacher():
    student, teacher = drawn()
    for loss in (AT(), CWD(), PKD(), DIST()):
        torch.testing.assert_close(compare(loss, student, teacher, scale=MASK), compare(loss, student, teacher * MASK))
    heads = two_heads((2, 1))(torch.Generator().manual_seed(0))
    for loss in (CWD(), DIST()):
        with pytest.raises(ValueError, match='takes no target_scale'):
            compare(loss, *heads, scale=MASK)


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: AT(power=0.5), 'power is at least 1'), (lambda: CWD(tau=0), 'tau is positive'),
    (lambda: DIST(activation='max'), "DIST: activation is 'softmax' or 'sigmoid'"),
    (lambda: DIST(tau=-1.0), 'tau is positive')])
def test_unknown_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
