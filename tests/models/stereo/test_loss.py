"""The sequence loss against sums by hand, on pixels that are valid."""

from __future__ import annotations

import pytest
import torch

from perception_kd.models.stereo.loss import StereoSequenceLoss


def example() -> tuple:
    """Initial map, three refined maps, truth and what is valid of it, two pictures of 8x8."""
    torch.manual_seed(0)
    initial = (3 * torch.rand(2, 1, 2, 2)).requires_grad_()
    refined = [(9 * torch.rand(2, 1, 8, 8)).requires_grad_() for _ in range(3)]
    return initial, refined, 9 * torch.rand(2, 1, 8, 8), torch.rand(2, 1, 8, 8) < 0.6


def test_sum_by_hand():
    initial, refined, truth, valid = example()
    losses = StereoSequenceLoss(gamma=0.8, adjusted=False, init_weight=2.0)(initial, refined, truth, valid)
    steps = sum(weight * (step - truth).abs()[valid].mean() for weight, step in zip((0.64, 0.8, 1.0), refined))
    at4, known = truth[..., ::4, ::4] / 4, valid[..., ::4, ::4]
    error = (initial - at4).abs()[known]
    first = torch.where(error < 1, 0.5 * error ** 2, error - 0.5).mean()
    torch.testing.assert_close(losses['loss_disparity'], steps)
    torch.testing.assert_close(losses['loss_initial'], 2 * first)
    sum(losses.values()).backward()
    assert all((part.grad[..., 0, 0].isfinite()).all() for part in (initial, *refined))
    assert not refined[0].grad[~valid].any()


def test_pixels_that_are_not_valid_do_not_count():
    initial, refined, truth, valid = example()
    loss = StereoSequenceLoss()
    reference = loss(initial, refined, truth, valid)
    for value in (1e6, float('nan'), float('inf')):
        changed = loss(initial, refined, torch.where(valid, truth, value), valid)
        assert all(torch.equal(changed[name], reference[name]) for name in reference)
    hole = truth.clone()
    hole[~valid] = float('inf')
    unmasked = loss(initial, refined, hole, torch.ones_like(valid))
    assert all(torch.equal(unmasked[name], reference[name]) for name in reference)


def test_nothing_valid_costs_nothing():
    initial, refined, truth, valid = example()
    losses = StereoSequenceLoss()(initial, refined, torch.full_like(truth, float('nan')), valid)
    assert [value.item() for value in losses.values()] == [0, 0]
    sum(losses.values()).backward()
    assert all(not part.grad.any() for part in (initial, *refined))


def test_adjusted_weights_do_not_depend_on_the_length():
    loss = StereoSequenceLoss(gamma=0.9)
    assert loss.weights(1) == [1.0]
    for count in (2, 4, 22):
        weights = loss.weights(count)
        assert len(weights) == count
        assert weights[0] == pytest.approx(0.9 ** 15)
        assert weights[-1] == 1
    assert StereoSequenceLoss(gamma=0.9, adjusted=False).weights(3) == pytest.approx([0.81, 0.9, 1])


@pytest.mark.parametrize('change', ['none', 'size', 'valid'])
def test_sizes_that_do_not_fit_are_refused(change):
    initial, refined, truth, valid = example()
    refined = dict(none=[], size=[refined[0][..., :4]]).get(change, refined)
    valid = valid[:, 0] if change == 'valid' else valid
    with pytest.raises(ValueError, match='maps'):
        StereoSequenceLoss()(initial, refined, truth, valid)


def test_gamma_outside_its_range_is_refused():
    with pytest.raises(ValueError, match='gamma'):
        StereoSequenceLoss(gamma=1.5)
