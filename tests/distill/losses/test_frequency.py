"""The frequency loss against explicit DFT matrices, Parseval's theorem and convolutions that commute."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.distill.losses import MSE, FrequencyMSE
from perception_kd.distill.losses.frequency import low_frequencies
from tests.distill.contract import box_batch
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher


def call(loss: nn.Module, student: Tensor, teacher: Tensor, weight: Tensor | None = None) -> Tensor:
    return loss(student, teacher, weight=weight, scale=None, batch=box_batch())


def dft(side: int, frequencies: list[int]) -> Tensor:
    """Rows of the orthonormal DFT matrix, ``(k, side)``."""
    angles = torch.tensor([[2 * math.pi * f * x / side for x in range(side)] for f in frequencies],
                          dtype=torch.float64)
    return torch.polar(torch.full_like(angles, side**-0.5), -angles)


def block_means(value: Tensor, block: int) -> Tensor:
    height, width = value.shape[-2] // block, value.shape[-1] // block
    return torch.stack([torch.stack([value[..., block * y:block * (y + 1), block * x:block * (x + 1)].mean((-2, -1))
                                     for x in range(width)], -1) for y in range(height)], -2)


@pytest.mark.parametrize(('shape', 'size', 'low', 'rows', 'columns'), [
    ((8, 8), None, 4, [-2, -1, 0, 1], [-2, -1, 0, 1]),
    ((8, 8), 4, 3, [-1, 0, 1], [-1, 0, 1]),
    ((5, 6), None, None, [-2, -1, 0, 1, 2], [-3, -2, -1, 0, 1, 2]),
    ((4, 12), 6, 5, [-2, -1, 0, 1], [-2, -1, 0, 1, 2]),
])
def test_frequencies_are_those_of_the_dft_matrix(shape, size, low, rows, columns):
    """The last case has a side that is smaller than ``size`` and ``low``."""
    value = torch.randn(2, 3, *shape, dtype=torch.float64)
    pooled = value if size is None else (
        block_means(value, 2) if shape == (8, 8) else value.unflatten(-1, (6, 2)).mean(-1))
    height, width = pooled.shape[-2:]
    expected = dft(height, rows) @ pooled.to(torch.complex128) @ dft(width, columns).T
    torch.testing.assert_close(low_frequencies(value, size, low), expected)


@pytest.mark.parametrize(('parts', 'log'), [('complex', False), ('amplitude', False), ('amplitude', True)])
def test_value_and_gradient_against_the_dft_matrix(parts, log):
    student, teacher = torch.randn(2, 3, 4, 8, 8, dtype=torch.float64)
    ours, reference = (student.clone().requires_grad_() for _ in range(2))
    value = call(FrequencyMSE(size=None, low=3, parts=parts, log=log), ours, teacher)
    matrix, total = dft(8, [-1, 0, 1]), 0.0
    for b in range(3):
        for c in range(4):
            s, t = (matrix @ part[b, c].to(torch.complex128) @ matrix.T for part in (reference, teacher))
            if parts == 'amplitude':
                s, t = ((part.real**2 + part.imag**2).sqrt() for part in (s, t))
                s, t = ((1 + part).log() if log else part for part in (s, t))
            gap = s - t
            total = total + (gap * gap.conj()).real.sum() / (3 * 9 * 4)
    assert float(value) == pytest.approx(float(total), rel=1e-6)
    grads = torch.autograd.grad(value, ours)[0], torch.autograd.grad(total, reference)[0]
    torch.testing.assert_close(*grads, rtol=1e-5, atol=1e-9)


def test_all_frequencies_are_the_plain_squared_difference():
    student, teacher = torch.randn(2, 2, 3, 6, 9)
    ours, plain = (student.clone().requires_grad_() for _ in range(2))
    value, expected = call(FrequencyMSE(size=None, low=None), ours, teacher), call(MSE(), plain, teacher)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(torch.autograd.grad(value, ours), torch.autograd.grad(expected, plain))


def test_a_convolution_of_single_cells_commutes_with_the_transform():
    conv, value = nn.Conv2d(3, 5, 1, bias=False), torch.randn(2, 3, 8, 8)
    after = low_frequencies(conv(value), 4, 3)
    before = low_frequencies(value, 4, 3)
    torch.testing.assert_close(after, torch.complex(conv(before.real), conv(before.imag)), atol=1e-6, rtol=1e-5)


def test_a_projection_takes_other_widths_and_learns_the_mapping():
    torch.manual_seed(0)
    student, teacher = torch.randn(4, 2, 8, 8), torch.randn(4, 6, 8, 8)
    loss = FrequencyMSE(size=None, low=4, project=True, student_channels=2, teacher_channels=6)
    assert loss.projection[0].in_channels == 4 and loss.projection[2].out_channels == 12
    teacher = teacher * 0.1 + student.repeat(1, 3, 1, 1)
    optimizer, seen = torch.optim.Adam(loss.parameters(), lr=0.05), []
    for _ in range(60):
        value = call(loss, student, teacher)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        seen.append(float(value))
    assert seen[-1] < 0.1 * seen[0]


def test_a_pair_gives_the_projection_its_channels():
    pairs = dict(one=feature_pair(connector=None, loss=dict(type='FrequencyMSE', project=True)))
    model = Distiller(student=ToyStudent(channels=4), teachers=dict(lidar=toy_teacher()), pairs=pairs)
    model(**toy_batch(1, 2), mode='loss')['loss_distill.one'].backward()
    own = dict(model.pairs['one'].loss.named_parameters())
    assert own['projection.0.weight'].shape == (12, 8, 1, 1) and all(part.grad.any() for part in own.values())


@pytest.mark.parametrize('parts', ['complex', 'amplitude'])
def test_constant_maps_have_finite_gradients(parts):
    student = torch.full((1, 2, 8, 8), 3.0, requires_grad=True)
    value = call(FrequencyMSE(parts=parts, size=4), student, torch.zeros(1, 2, 8, 8))
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all() and student.grad.any()


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(parts='phase'), "unknown parts 'phase'"),
    (dict(normalise='l2'), "normalise 'l2'"),
    (dict(size=1), 'at least 2, or None'),
    (dict(low=0), 'at least 2, or None'),
    (dict(log=True), "set parts='amplitude'"),
    (dict(project=True, student_channels=3), 'project needs two maps with declared channels'),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        FrequencyMSE(**settings)


def test_a_mask_is_refused():
    maps = torch.randn(3, 2, 8, 8)
    with pytest.raises(ValueError, match='FrequencyMSE takes no mask'):
        call(FrequencyMSE(), maps, maps, torch.ones(3, 1, 8, 8))
