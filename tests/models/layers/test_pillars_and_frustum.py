"""Pillar scatter against its twin; frustum geometry against hand-made cameras."""

import pytest
import torch

from perception_kd.models.layers import ChannelNorm, DepthBins, frustum_points, pillar_scatter
from perception_kd.models.layers.pillars import pillar_scatter_reference


@pytest.mark.parametrize('reduce', ['max', 'mean', 'sum'])
def test_scatter_equals_reference_in_values_and_gradients(reduce):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 3, generator=generator, dtype=torch.float64, requires_grad=True)
    cell = torch.randint(0, 9, (30,), generator=generator)
    cell[cell == 4] = 5  # an empty cell
    weight = torch.randn(9, 3, generator=generator, dtype=torch.float64)
    results = [
        scatter(features, cell, 9, reduce=reduce) for scatter in (pillar_scatter, pillar_scatter_reference)
    ]
    torch.testing.assert_close(*results)
    assert not results[0][4].any()
    torch.testing.assert_close(*(torch.autograd.grad((out * weight).sum(), features)[0] for out in results))
    assert torch.autograd.gradcheck(lambda x: pillar_scatter(x, cell, 9, reduce=reduce), features)


def test_scatter_without_points_keeps_the_graph():
    layer = torch.nn.Linear(2, 3)
    out = pillar_scatter(layer(torch.zeros(0, 2)), torch.zeros(0, dtype=torch.long), 4)
    out.sum().backward()
    assert out.shape == (4, 3) and not out.any() and not layer.weight.grad.any()


def test_scatter_bad_input():
    with pytest.raises(ValueError, match='reduce is one of'):
        pillar_scatter(torch.zeros(2, 3), torch.zeros(2, dtype=torch.long), 4, reduce='median')
    with pytest.raises(ValueError, match='features'):
        pillar_scatter(torch.zeros(2, 3), torch.zeros(3, dtype=torch.long), 4)


def test_depth_bins():
    bins = DepthBins(2.0, 58.0, 0.8)
    assert bins.count == 70 and torch.allclose(bins.centres()[[0, 69]], torch.tensor([2.4, 57.6]))
    index, inside = bins.index(torch.tensor([0.0, 1.99, 2.0, 2.79, 2.81, 57.99, 58.1, float('nan')]))
    assert inside.tolist() == [False, False, True, True, True, True, False, False]
    assert index[inside].tolist() == [0, 0, 1, 69]
    with pytest.raises(ValueError, match='DepthBins needs'):
        DepthBins(5.0, 5.0, 1.0)


def _frustum(**changes):
    matrices = dict(
        cam2img=torch.tensor([[50.0, 0, 40], [0, 60, 30], [0, 0, 1]]).view(1, 1, 3, 3),
        img_aug_matrix=torch.tensor([[0.5, 0, -3], [0, 0.5, 2], [0, 0, 1]]).view(1, 1, 3, 3),
        cam2lidar=torch.tensor([[0.0, 0, 1, 0.2], [-1, 0, 0, 0.1], [0, -1, 0, 1.5], [0, 0, 0, 1]])[
            None, None
        ],
        lidar_aug_matrix=torch.diag(torch.tensor([1.1, -1.1, 1.1, 1.0]))[None],
    )
    matrices.update(changes)
    return frustum_points(**matrices, bins=DepthBins(1.0, 9.0, 2.0), stride=4, size=(3, 5)), matrices


def test_frustum_points_project_back_to_their_pixels():
    points, m = _frustum()
    assert points.shape == (1, 1, 3, 5, 4, 3)
    ones = torch.ones_like(points[..., :1])
    back = torch.linalg.inv(m['lidar_aug_matrix'][0] @ m['cam2lidar'][0, 0])
    camera = torch.cat([points, ones], -1)[0, 0] @ back.T
    pixel = camera[..., :3] @ (m['img_aug_matrix'][0, 0] @ m['cam2img'][0, 0]).T
    torch.testing.assert_close(camera[0, 0, :, 2], torch.tensor([2.0, 4.0, 6.0, 8.0]))
    uv = pixel[..., :2] / pixel[..., 2:]
    torch.testing.assert_close(
        uv[..., 0], (torch.arange(5) * 4 + 1.5)[:, None].expand(3, 5, 4), atol=1e-4, rtol=0
    )
    torch.testing.assert_close(
        uv[..., 1], (torch.arange(3) * 4 + 1.5)[:, None, None].expand(3, 5, 4), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize('matrix', [torch.zeros(1, 1, 3, 3), torch.full((1, 1, 3, 3), float('nan'))])
def test_broken_camera_gives_nan_points(matrix):
    assert torch.isnan(_frustum(cam2img=matrix)[0]).all()


def test_channel_norm_is_layer_norm_over_channels():
    x = torch.randn(2, 5, 3, 4)
    expected = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(ChannelNorm(5)(x), expected)
