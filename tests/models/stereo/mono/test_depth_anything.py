"""DepthAnythingV2 against PyTorch's own encoder layers, a bicubic kernel by hand, and the names of the public files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from perception_kd.models.stereo.mono import DepthAnythingV2, FrozenPrior
from perception_kd.models.stereo.mono.depth_anything import SIZES, resized_size
from perception_kd.models.stereo.mono.dinov2 import DINOv2

TINY = dict(channels=12, depth=4, heads=2, layers=(0, 1, 2, 3), levels=(4, 6, 8, 10), width=8)


def public_shapes(channels: int, depth: int, levels: tuple[int, ...], width: int) -> dict[str, tuple[int, ...]]:
    """Names and shapes in ``depth_anything_v2_vit?.pth``, written down from its documentation."""

    def both(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
        return {f'{name}.weight': shape, f'{name}.bias': shape[:1]}

    found = dict({'pretrained.cls_token': (1, 1, channels), 'pretrained.pos_embed': (1, 1370, channels),
                  'pretrained.mask_token': (1, channels)},
                 **both('pretrained.patch_embed.proj', channels, 3, 14, 14), **both('pretrained.norm', channels))
    for index in range(depth):
        block = f'pretrained.blocks.{index}'
        found |= {**both(f'{block}.norm1', channels), **both(f'{block}.norm2', channels),
                  **both(f'{block}.attn.qkv', 3 * channels, channels), **both(f'{block}.attn.proj', channels, channels),
                  **both(f'{block}.mlp.fc1', 4 * channels, channels),
                  **both(f'{block}.mlp.fc2', channels, 4 * channels),
                  f'{block}.ls1.gamma': (channels,), f'{block}.ls2.gamma': (channels,)}
    for index, level in enumerate(levels):
        found |= both(f'depth_head.projects.{index}', level, channels, 1, 1)
        found[f'depth_head.scratch.layer{index + 1}_rn.weight'] = (width, level, 3, 3)
        net = f'depth_head.scratch.refinenet{index + 1}'
        found |= both(f'{net}.out_conv', width, width, 1, 1)
        for unit in (1, 2):
            for conv in (1, 2):
                found |= both(f'{net}.resConfUnit{unit}.conv{conv}', width, width, 3, 3)
    resize, output = 'depth_head.resize_layers', 'depth_head.scratch.output_conv'
    return {**found, **both(f'{resize}.0', levels[0], levels[0], 4, 4),
            **both(f'{resize}.1', levels[1], levels[1], 2, 2), **both(f'{resize}.3', levels[3], levels[3], 3, 3),
            **both(f'{output}1', width // 2, width, 3, 3), **both(f'{output}2.0', 32, width // 2, 3, 3),
            **both(f'{output}2.2', 1, 32, 1, 1)}


@pytest.mark.parametrize('size, millions', [('small', 24.8), ('base', 97.5), ('large', 335.3)])
def test_names_and_counts_of_the_public_files(size: str, millions: float) -> None:
    with torch.device('meta'):
        model = DepthAnythingV2(size=size)
    known = SIZES[size]
    assert {name: tuple(value.shape) for name, value in model.state_dict().items()} == public_shapes(
        known.channels, known.depth, known.levels, known.width)
    assert sum(parameter.numel() for parameter in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert model.out_channels == dict(small=32, base=64, large=128)[size]


def test_prior_from_a_public_file(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shapes = public_shapes(TINY['channels'], TINY['depth'], TINY['levels'], TINY['width'])
    weights = {name: torch.randn(shape) / 10 for name, shape in shapes.items()}
    torch.save(weights, tmp_path / 'depth_anything_v2_tiny.pth')
    prior = FrozenPrior(net=DepthAnythingV2(size=TINY), checkpoint=tmp_path / 'depth_anything_v2_tiny.pth', prefix='')
    prior.init_weights()
    assert all(torch.equal(value, weights[name]) for name, value in prior.net.state_dict().items())
    assert prior(torch.randn(2, 3, 96, 160)).shape == (2, 4, 112, 224), 'the size that the transformer saw'
    assert prior.net(torch.randn(1, 3, 96, 160)).shape == (1, 1, 96, 160)


def test_blocks_against_pytorch() -> None:
    torch.manual_seed(1)
    model = DINOv2(channels=12, depth=2, heads=3)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    images = torch.randn(2, 3, 42, 56)
    tokens = F.conv2d(images, model.patch_embed.proj.weight, model.patch_embed.proj.bias, stride=14)
    x = torch.cat([model.cls_token.expand(2, -1, -1), tokens.flatten(2).transpose(1, 2)], 1) + model._positions(3, 4)
    for index, found in enumerate(model(images, (0, 1))):
        block = model.blocks[index]
        layer = nn.TransformerEncoderLayer(12, 3, 48, dropout=0.0, activation='gelu', layer_norm_eps=1e-6,
                                           batch_first=True, norm_first=True)
        ours = {'self_attn.in_proj_weight': block.attn.qkv.weight, 'self_attn.in_proj_bias': block.attn.qkv.bias,
                'self_attn.out_proj.weight': block.attn.proj.weight * block.ls1.gamma[:, None],
                'self_attn.out_proj.bias': block.attn.proj.bias * block.ls1.gamma,
                'linear1.weight': block.mlp.fc1.weight, 'linear1.bias': block.mlp.fc1.bias,
                'linear2.weight': block.mlp.fc2.weight * block.ls2.gamma[:, None],
                'linear2.bias': block.mlp.fc2.bias * block.ls2.gamma}
        ours |= {f'{norm}.{part}': getattr(getattr(block, norm), part)
                 for norm in ('norm1', 'norm2') for part in ('weight', 'bias')}
        layer.load_state_dict(ours)
        x = layer(x)
        expected = F.layer_norm(x, (12,), model.norm.weight, model.norm.bias, 1e-6)[:, 1:]
        torch.testing.assert_close(found, expected.transpose(1, 2).reshape(2, 12, 3, 4), atol=1e-5, rtol=1e-4)


def kernel_weights(count: int) -> np.ndarray:
    """Bicubic weights ``(count, 37)`` with the released offset of a tenth of a patch, edges repeated."""
    weights = np.zeros((count, 37))
    for row in range(count):
        place = (row + 0.5) * 37 / (count + 0.1) - 0.5
        for source in range(int(np.floor(place)) - 1, int(np.floor(place)) + 3):
            x = abs(place - source)
            value = 1.25 * x ** 3 - 2.25 * x ** 2 + 1 if x <= 1 else -0.75 * (x ** 3 - 5 * x ** 2 + 8 * x - 4)
            weights[row, min(max(source, 0), 36)] += value
    return weights


def test_positions_by_hand() -> None:
    model = DINOv2(channels=2, depth=1, heads=1)
    assert model._positions(37, 37) is model.pos_embed
    table = model._positions(5, 40)[0].detach().numpy()
    own = model.pos_embed[0].detach().numpy()
    np.testing.assert_array_equal(table[0], own[0])
    expected = np.einsum('yi,xj,ijc->yxc', kernel_weights(5), kernel_weights(40), own[1:].reshape(37, 37, 2))
    np.testing.assert_allclose(table[1:].reshape(5, 40, 2), expected, atol=1e-5)


@pytest.mark.parametrize('given, expected', [
    ((320, 736), (336, 784)), ((448, 448), (448, 448)), ((1000, 1484), (896, 1344)), ((2000, 500), (1344, 448)),
    ((1400, 1400), (1344, 1344))])
def test_sizes_for_the_transformer(given: tuple[int, int], expected: tuple[int, int]) -> None:
    assert resized_size(*given, multiple=112, longest=1344) == expected


def test_refuses() -> None:
    with pytest.raises(ValueError, match="small, base, large, got 'giant'"):
        DepthAnythingV2(size='giant')
    with pytest.raises(ValueError, match='multiple of 112, got 1000'):
        DepthAnythingV2(size=TINY, longest=1000)
    with pytest.raises(ValueError, match='multiples of 14'):
        DINOv2(channels=2, depth=1, heads=1)(torch.zeros(1, 3, 15, 28), (0,))
    with pytest.raises(ValueError, match='do not divide into 5 heads'):
        DINOv2(channels=12, depth=1, heads=5)
