"""Convex up-sampling against loops and hand-computed cases."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.models.stereo.refine import ConvexUpsampler
from perception_kd.models.stereo.refine.upsampler import mix_neighbours

SMALL = dict(mask2=5, up_deconv=4, stem1=3, stem2=6, up_conv=7)


def looped(values: Tensor, weights: Tensor) -> Tensor:
    """Pixel by pixel."""
    batch, _, height, width = values.shape
    fine_height, fine_width = weights.shape[-2:]
    out = torch.zeros(batch, 1, fine_height, fine_width)
    for y in range(fine_height):
        for x in range(fine_width):
            for k in range(9):
                row, column = y * height // fine_height + k // 3 - 1, x * width // fine_width + k % 3 - 1
                if 0 <= row < height and 0 <= column < width:
                    out[:, 0, y, x] += weights[:, k, y, x] * values[:, 0, row, column]
    return out


def test_mixture_is_that_of_loops_in_value_and_gradient():
    torch.manual_seed(0)
    parts = [torch.randn(2, 1, 3, 4, requires_grad=True), torch.rand(2, 9, 12, 16, requires_grad=True)]
    ours, theirs = mix_neighbours(*parts), looped(*parts)
    torch.testing.assert_close(ours, theirs)
    for one, other in zip(torch.autograd.grad(ours.square().sum(), parts),
                          torch.autograd.grad(theirs.square().sum(), parts)):
        torch.testing.assert_close(one, other)


def test_a_plane_is_scaled_by_four_and_never_left():
    """Inside, weights are convex: between the least and the largest neighbour, times four."""
    torch.manual_seed(1)
    upsampler = ConvexUpsampler(widths=SMALL)
    disparity, left = 10 * torch.rand(2, 1, 8, 8) + 1, torch.randn(2, 3, 32, 32)
    full = upsampler(disparity, torch.rand(2, 5, 8, 8), upsampler.stem(left))
    assert full.shape == (2, 1, 32, 32)
    high, low = (functional.interpolate(sign * 4 * functional.max_pool2d(sign * disparity, 3, 1, 1), scale_factor=4)
                 for sign in (1, -1))
    inside = (..., slice(4, -4), slice(4, -4))
    assert ((full <= high + 1e-4) & (full >= low - 1e-4))[inside].all()
    flat = upsampler(torch.full((2, 1, 8, 8), 3.), torch.rand(2, 5, 8, 8), upsampler.stem(left))
    torch.testing.assert_close(flat[inside], torch.full_like(flat[inside], 12.))


def test_parts_are_those_of_the_papers():
    counts = {name: sum(part.numel() for part in module.parameters())
              for name, module in ConvexUpsampler().named_children()}
    assert counts == dict(stem=27 * 32 + 9 * 32 * 32, deconv=16 * 32 * 32, conv=9 * 64 * 64, out=16 * 64 * 9 + 9)
    released = ConvexUpsampler(widths='released')
    assert [tuple(part.shape) for part in released.parameters()] == [
        (12, 3, 3, 3), (16, 12, 3, 3), (16, 12, 4, 4), (24, 28, 3, 3), (24, 9, 4, 4), (9,)]


def test_every_weight_learns():
    upsampler = ConvexUpsampler(widths=SMALL)
    stem = upsampler.stem(torch.randn(1, 3, 32, 32))
    upsampler(torch.rand(1, 1, 8, 8), torch.randn(1, 5, 8, 8), stem).square().mean().backward()
    assert [name for name, part in upsampler.named_parameters() if not part.grad.abs().sum() > 0] == []


def test_unknown_widths_are_refused():
    with pytest.raises(ValueError, match='no up_convs'):
        ConvexUpsampler(widths=dict(up_convs=3))
