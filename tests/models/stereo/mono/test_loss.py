"""The loss of relative inverse depth against NumPy's least squares, loops and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perception_kd.models.stereo.mono import ScaleShiftLoss
from perception_kd.models.stereo.mono.loss import align, multi_scale_gradient


def maps(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Prediction, disparity and valid pixels ``(2, 9, 12)``; the two are related, as in training."""
    draw = torch.Generator().manual_seed(seed)
    target = 40 * torch.rand(2, 9, 12, generator=draw, dtype=torch.float64)
    prediction = 0.03 * target + 0.2 * torch.rand(2, 9, 12, generator=draw, dtype=torch.float64) - 3
    valid = torch.rand(2, 9, 12, generator=draw) < 0.7
    return prediction, target.masked_fill(~valid, float('nan')), valid


def test_aligned_by_least_squares() -> None:
    prediction, target, valid = maps()
    aligned, truth = align(prediction, target, valid)
    for index in range(2):
        m, d = (part[index][valid[index]].numpy() for part in (prediction, target))
        (factor, offset), *_ = np.linalg.lstsq(np.stack([m, np.ones_like(m)], 1), d, rcond=None)
        residual = (factor * m + offset - d) / d.std()
        # the spread has a small constant under its root, for pictures of one depth
        np.testing.assert_allclose((aligned - truth)[index][valid[index]].numpy(), residual, rtol=2e-3, atol=1e-4)
        assert (aligned[index][~valid[index]] == 0).all() and (truth[index][~valid[index]] == 0).all()


def test_gradient_term_by_loops() -> None:
    prediction, target, valid = maps(1)
    residual = torch.nan_to_num(prediction - target)
    expected = 0.0
    for step in (1, 2, 4):
        values, known = residual[:, ::step, ::step], valid[:, ::step, ::step]
        for down, across in ((1, 0), (0, 1)):
            found = [abs(float(values[b, y + down, x + across] - values[b, y, x]))
                     for b in range(2) for y in range(values.shape[1] - down) for x in range(values.shape[2] - across)
                     if known[b, y, x] and known[b, y + down, x + across]]
            expected += np.mean(found) if found else 0.0
    assert float(multi_scale_gradient(residual, valid, 3)) == pytest.approx(expected, rel=1e-6)


def test_blind_to_scale_and_offset_but_not_to_sign() -> None:
    prediction, target, valid = maps(2)
    loss = ScaleShiftLoss()
    plain, other, inverted = (sum(loss(m, target, valid).values()) for m in
                              (prediction, 50 * prediction + 7, -prediction))
    assert float(other) == pytest.approx(float(plain), rel=1e-3)
    assert float(inverted) > 2 * float(plain)
    far = sum(loss(prediction, target * 3 + 5, valid).values())
    assert float(far) == pytest.approx(float(plain), rel=1e-3), 'the unit of disparity does not count'
    perfect = loss(target.nan_to_num() * 0.01 - 1, target, valid)
    assert float(perfect['loss_depth']) < 1e-4


def test_gradients_by_finite_differences() -> None:
    prediction, target, valid = maps(3)
    loss = ScaleShiftLoss(scales=2)
    prediction.requires_grad_(True)
    assert torch.autograd.gradcheck(lambda m: sum(loss(m, target, valid).values()), prediction, eps=1e-7, atol=1e-4)
    prediction.grad = None
    sum(loss(prediction, target, valid).values()).backward()
    assert (prediction.grad[~valid] == 0).all(), 'pixels without truth get no gradient'


@pytest.mark.parametrize('case', ['nothing valid', 'one pixel', 'constant prediction', 'constant truth'])
def test_finite_where_nothing_is_told(case: str) -> None:
    prediction, target, valid = maps(4)
    if case in ('nothing valid', 'one pixel'):
        valid = torch.zeros_like(valid)
        valid[:, 0, 0] = case == 'one pixel'
        target = target.nan_to_num()
    elif case == 'constant prediction':
        prediction = torch.ones_like(prediction)
    else:
        target = torch.full_like(target, 3.0)
    prediction.requires_grad_(True)
    parts = ScaleShiftLoss()(prediction, target, valid)
    sum(parts.values()).backward()
    assert all(torch.isfinite(part) for part in parts.values()) and torch.isfinite(prediction.grad).all()
    if case == 'nothing valid':
        assert all(part == 0 for part in parts.values()) and (prediction.grad == 0).all()


@pytest.mark.parametrize('setting', [dict(beta=0), dict(gradient_weight=-1), dict(scales=0)])
def test_refuses_settings(setting: dict) -> None:
    with pytest.raises(ValueError, match='ScaleShiftLoss'):
        ScaleShiftLoss(**setting)
