"""The geometry lookup against grid_sample, values and gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.models.stereo.refine import GeometryLookup
from perception_kd.models.stereo.refine.lookup import all_pairs_cosine


def sampled(rows: Tensor, place: Tensor) -> Tensor:
    """Rows ``(N, C, L)`` at ``(N, K)``: ``(N, C, K)``, by grid_sample with zeros outside."""
    x = 2 * place / (rows.shape[-1] - 1) - 1
    grid = torch.stack([x, torch.zeros_like(x)], dim=-1)[:, None]
    return functional.grid_sample(rows[:, :, None], grid, align_corners=True)[:, :, 0]


def twin(volume: Tensor, left: Tensor, right: Tensor, disparity: Tensor, levels: int, radius: int) -> Tensor:
    """What the lookup has to give, pixel rows in a batch, one level after another."""
    batch, channels, _, height, width = volume.shape
    rows = volume.permute(0, 3, 4, 1, 2).reshape(batch * height * width, channels, -1)
    pairs = torch.einsum('bfyx,bfyz->byxz', functional.normalize(left, dim=1), functional.normalize(right, dim=1))
    pairs = pairs.reshape(batch * height * width, 1, width)
    offsets = torch.arange(-radius, radius + 1)
    column = torch.arange(width).expand(batch, height, width).reshape(-1, 1)
    shift = disparity.reshape(-1, 1)
    parts = []
    for level in range(levels):
        parts += [sampled(rows, shift / 2 ** level + offsets).flatten(1),
                  sampled(pairs, (column - shift) / 2 ** level + offsets).flatten(1)]
        rows, pairs = (functional.avg_pool2d(part, (1, 2)) for part in (rows, pairs))
    return torch.cat(parts, dim=1).view(batch, height, width, -1).permute(0, 3, 1, 2)


@pytest.fixture
def scene() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Volume, left and right features, and disparities inside, on whole numbers, at the ends and far outside."""
    torch.manual_seed(0)
    volume, left, right = torch.randn(2, 3, 16, 4, 12), torch.randn(2, 5, 4, 12), torch.randn(2, 5, 4, 12)
    disparity = 20 * torch.rand(2, 1, 4, 12) - 2
    disparity[0, 0, 0, :8] = torch.tensor([0., 15., 7., -0.5, 15.5, -300., 300., 3.])
    return volume, left, right, disparity


@pytest.mark.parametrize(('levels', 'radius'), [(2, 4), (3, 2), (1, 1)])
def test_values_and_gradients_are_those_of_grid_sample(scene, levels, radius):
    parts = [part.requires_grad_() for part in scene]
    ours = GeometryLookup(*parts[:3], levels=levels, radius=radius)(parts[3])
    theirs = twin(*parts, levels, radius)
    assert ours.shape == (2, levels * (2 * radius + 1) * 4, 4, 12)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=0)
    weight = torch.randn_like(theirs)
    for one, other in zip(torch.autograd.grad((ours * weight).sum(), parts[:3]),
                          torch.autograd.grad((theirs * weight).sum(), parts[:3])):
        torch.testing.assert_close(one, other, atol=5e-4, rtol=0)


def test_gradient_of_the_disparity_is_the_slope(scene):
    volume, left, right, _ = scene
    disparity = (torch.randint(-3, 18, (2, 1, 4, 12)) + 0.5).requires_grad_()  # between grid points, where it is smooth
    ours = GeometryLookup(volume, left, right, levels=1)(disparity).square().sum()
    theirs = twin(volume, left, right, disparity, 1, 4).square().sum()
    torch.testing.assert_close(*(torch.autograd.grad(part, disparity)[0] for part in (ours, theirs)), atol=1e-3, rtol=0)


def test_a_ramp_is_read_at_the_disparity():
    ramp = torch.arange(16.).view(1, 1, 16, 1, 1).expand(1, 1, 16, 2, 8)
    features = torch.ones(1, 1, 2, 8)
    samples = GeometryLookup(ramp, features, features)(torch.full((1, 1, 2, 8), 6.25))
    fine, coarse = samples[0, :9, 0, 0], samples[0, 18:27, 0, 0]
    assert fine.tolist() == [6.25 + step for step in range(-4, 5)]
    # a coarse cell is the mean of two: 2 i + 0.5 at i = 6.25 / 2; beyond the ends 0
    assert coarse.tolist() == [0.5 * 0.125, *(2 * (3.125 + step) + 0.5 for step in range(-3, 4)), 14.5 * 0.875]


def test_equal_pictures_match_themselves():
    features = torch.randn(1, 6, 3, 8)
    features[0, :, 1, 2] = 0
    pairs = all_pairs_cosine(features.requires_grad_(), features)
    known = torch.ones(1, 3, 8)
    known[0, 1, 2] = 0
    torch.testing.assert_close(pairs.diagonal(dim1=2, dim2=3), known)
    assert pairs.abs().max() <= 1 + 1e-6
    assert torch.autograd.grad(pairs.sum(), features)[0].isfinite().all()


def test_half_precision_is_read_in_full(scene):
    volume, left, right, disparity = scene
    with torch.autocast('cpu', dtype=torch.bfloat16):
        samples = GeometryLookup(volume.bfloat16(), left, right)(disparity)
    assert samples.dtype == torch.float32
    torch.testing.assert_close(samples, GeometryLookup(volume.bfloat16().float(), left, right)(disparity))


def test_a_disparity_that_is_no_number_stays_one(scene):
    volume, left, right, disparity = scene
    disparity[0, 0, 1, 1] = float('nan')
    disparity[0, 0, 1, 2] = float('inf')
    samples = GeometryLookup(volume, left, right)(disparity)
    assert samples[0, :, 1, 1].isnan().all()
    assert samples[0, :, 2:].isfinite().all()


@pytest.mark.parametrize('wrong', [dict(left=(1, 4, 4, 8)), dict(right=(1, 5, 4, 4)), dict(volume=(1, 2, 1, 4, 4)),
                                   dict(volume=(1, 2, 8, 2, 4))])
def test_sizes_that_do_not_fit_are_refused(wrong):
    shapes = dict(volume=(1, 2, 8, 4, 4), left=(1, 4, 4, 4), right=(1, 4, 4, 4)) | wrong
    with pytest.raises(ValueError, match=r'differ in size|too few'):
        GeometryLookup(**{name: torch.zeros(shape) for name, shape in shapes.items()})
