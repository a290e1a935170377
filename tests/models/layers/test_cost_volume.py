"""Cost volumes beside loops over disparities."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from perception_kd.models.layers.cost_volume import (
    concat_volume,
    concat_volume_reference,
    group_correlation,
    group_correlation_reference,
)


def _pair(width: int, *, channels: int = 6) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(width)
    return tuple(torch.randn(2, channels, 3, width, dtype=torch.float64, generator=generator, requires_grad=True)
                 for _ in range(2))


@pytest.mark.parametrize(
    ('width', 'levels'), [(1, 1), (1, 3), (2, 1), (5, 5), (9, 1), (17, 4), (20, 3), (7, 12), (40, 8)])
def test_correlation_equals_loop_in_value_and_gradient(width: int, levels: int) -> None:
    left, right = _pair(width)
    ours = group_correlation(left, right, groups=2, levels=levels)
    theirs = group_correlation_reference(left, right, groups=2, levels=levels)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    weight = torch.randn_like(theirs)
    gradients = [torch.autograd.grad((volume * weight).sum(), (left, right)) for volume in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize(('width', 'levels'), [(1, 2), (9, 4), (4, 6)])
def test_concatenation_equals_loop_in_value_and_gradient(width: int, levels: int) -> None:
    left, right = _pair(width)
    ours, theirs = (make(left, right, levels=levels) for make in (concat_volume, concat_volume_reference))
    assert torch.equal(ours, theirs)
    weight = torch.randn_like(theirs)
    gradients = [torch.autograd.grad((volume * weight).sum(), (left, right)) for volume in (ours, theirs)]
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


def test_correlation_is_one_where_the_right_picture_is_the_left_one_moved() -> None:
    left, _ = _pair(12)
    volume = group_correlation(left, torch.roll(left, -2, dims=-1), groups=3, levels=4)
    torch.testing.assert_close(volume[:, :, 2, :, 2:], torch.ones_like(volume[:, :, 2, :, 2:]))
    assert (volume[:, :, 0] < 0.999).any()
    for level in range(4):
        assert not volume[:, :, level, :, :level].any()


def test_hand_computed_correlation() -> None:
    left = torch.tensor([[[[3.0, 0.0]], [[4.0, 2.0]]]])  # (1, 2, 1, 2): pixels (3, 4) and (0, 2)
    right = torch.tensor([[[[4.0, 5.0]], [[3.0, 0.0]]]])  # pixels (4, 3) and (5, 0)
    volume = group_correlation(left, right, groups=1, levels=2)
    torch.testing.assert_close(volume[0, 0, :, 0], torch.tensor([[24 / 25, 0.0], [0.0, 3 / 5]]))
    raw = [make(left, right, groups=1, levels=2, normalise=False)[0, 0, :, 0]
           for make in (group_correlation, group_correlation_reference)]
    assert [part.tolist() for part in raw] == [[[24, 0], [0, 6]]] * 2


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_equal_pictures_fit_at_no_disparity_and_features_that_are_0_fit_nothing(dtype: torch.dtype) -> None:
    """A rectified map may be 0 in all channels of a group."""
    features = torch.randn(1, 6, 2, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    features[:, :3, 1, 4] = 0
    volume = group_correlation(features, features, groups=2, levels=4).float()
    expected = torch.ones(1, 2, 2, 9)
    expected[0, 0, 1, 4] = 0
    torch.testing.assert_close(volume[:, :, 0], expected, atol=4 * torch.finfo(dtype).eps, rtol=0)
    assert volume.isfinite().all()


def test_bad_input_is_named() -> None:
    left, right = _pair(8)
    with pytest.raises(ValueError, match='4 groups do not divide 6 channels'):
        group_correlation(left, right, groups=4, levels=2)
    with pytest.raises(ValueError, match='differ'):
        group_correlation(left, right[..., 1:], groups=2, levels=2)
    with pytest.raises(ValueError, match='1 disparity or more, got 0'):
        concat_volume(left, right, levels=0)
