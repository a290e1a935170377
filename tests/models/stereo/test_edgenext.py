"""EdgeNeXt against its formulas, written out by hand, and against the names of public weights."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.stereo import EdgeNeXt
from perception_kd.models.stereo.edgenext import timm_names
from perception_kd.models.stereo.edgenext_blocks import (
    ConvEncoder,
    FourierPosition,
    SplitAttentionEncoder,
    TransposedAttention,
)

SMALL = dict(channels=(48, 96, 160, 304), depths=(3, 3, 9, 3), kernels=(3, 5, 7, 9), scales=(2, 2, 3, 4))
TINY = dict(channels=(8, 8, 16, 16), depths=(1, 2, 1, 1), attention_blocks=(0, 1, 1, 1), heads=(2, 2, 2, 2),
            layer_scale=0.5)


def real_shapes(channels: tuple, depths: tuple, kernels: tuple, scales: tuple) -> dict[str, tuple[int, ...]]:
    """Names and shapes of timm's ``edgenext_small``, from its published listing."""
    shapes: dict[str, tuple[int, ...]] = {'stem.0.weight': (channels[0], 3, 4, 4), 'stem.0.bias': (channels[0],)}

    def vectors(count: int, *names: str) -> None:
        shapes.update(dict.fromkeys(names, (count,)))

    def linear(name: str, inputs: int, outputs: int) -> None:
        shapes.update({f'{name}.weight': (outputs, inputs), f'{name}.bias': (outputs,)})

    vectors(channels[0], 'stem.1.weight', 'stem.1.bias')
    for stage, (width, depth, kernel) in enumerate(zip(channels, depths, kernels)):
        if stage:
            before = channels[stage - 1]
            vectors(before, f'stages.{stage}.downsample.0.weight', f'stages.{stage}.downsample.0.bias')
            shapes[f'stages.{stage}.downsample.1.weight'] = (width, before, 2, 2)
            vectors(width, f'stages.{stage}.downsample.1.bias')
        for index in range(depth):
            block = f'stages.{stage}.blocks.{index}'
            vectors(width, f'{block}.gamma', f'{block}.norm.weight', f'{block}.norm.bias')
            linear(f'{block}.mlp.fc1', width, 4 * width)
            linear(f'{block}.mlp.fc2', 4 * width, width)
            if not stage or index < depth - 1:
                shapes[f'{block}.conv_dw.weight'] = (width, 1, kernel, kernel)
                vectors(width, f'{block}.conv_dw.bias')
                continue
            part = math.ceil(width / scales[stage])
            for conv in range(scales[stage] - 1):
                shapes[f'{block}.convs.{conv}.weight'] = (part, 1, 3, 3)
                vectors(part, f'{block}.convs.{conv}.bias')
            vectors(width, f'{block}.norm_xca.weight', f'{block}.norm_xca.bias', f'{block}.gamma_xca')
            shapes[f'{block}.xca.temperature'] = (8, 1, 1)
            linear(f'{block}.xca.qkv', width, 3 * width)
            linear(f'{block}.xca.proj', width, width)
            if stage == 1:
                shapes[f'{block}.pos_embd.token_projection.weight'] = (width, 64, 1, 1)
                vectors(width, f'{block}.pos_embd.token_projection.bias')
    vectors(channels[-1], 'head.norm.weight', 'head.norm.bias')
    linear('head.fc', channels[-1], 1000)
    return shapes


@pytest.fixture(scope='module')
def real_weights() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(shape, generator=generator) for name, shape in real_shapes(**SMALL).items()}


def test_small_has_the_published_number_of_parameters():
    with torch.device('meta'):
        net = EdgeNeXt()
    assert sum(value.numel() for value in net.parameters()) == 5_281_224  # timm's 5 586 832 less the classifier
    assert net.out_channels == (48, 96, 160, 304)


def test_weights_of_timm_are_read_when_training_starts(real_weights: dict[str, Tensor], tmp_path: Path):
    torch.save(real_weights, tmp_path / 'edgenext_small.pth')
    net = EdgeNeXt(weights=tmp_path / 'edgenext_small.pth')
    net.init_weights()
    loaded = net.state_dict()
    assert set(loaded) == {name for name in real_weights if not name.startswith('head.')}
    assert all(torch.equal(value, real_weights[name]) for name, value in loaded.items())


def test_weights_in_the_authors_names_are_the_same(real_weights: dict[str, Tensor]):
    def authors(name: str) -> str:
        name = name.replace('stem.', 'downsample_layers.0.').replace('head.norm.', 'norm.')
        name = name.replace('head.fc.', 'head.').replace('mlp.fc', 'pwconv').replace('conv_dw', 'dwconv')
        stage = name.split('.')[1]
        name = name.replace(f'stages.{stage}.downsample.', f'downsample_layers.{stage}.')
        return name.replace('.blocks.', '.')

    renamed = timm_names({authors(name): value for name, value in real_weights.items()})
    assert set(renamed) == set(real_weights)
    assert all(renamed[name] is value for name, value in real_weights.items())


def test_weights_that_are_not_there_or_do_not_fit(real_weights: dict[str, Tensor], tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r'none\.pth.*weights=None'):
        EdgeNeXt(**TINY, weights=tmp_path / 'none.pth').init_weights()
    torch.save(real_weights, tmp_path / 'small.pth')
    with pytest.raises(ValueError, match=r'small\.pth.*does not fit'):
        EdgeNeXt(**TINY, weights=tmp_path / 'small.pth').init_weights()


def test_maps_halve_and_every_parameter_learns():
    torch.manual_seed(0)
    net = EdgeNeXt(**TINY)
    maps = net(torch.randn(2, 3, 64, 96))
    assert [tuple(x.shape) for x in maps] == [(2, 8, 16, 24), (2, 8, 8, 12), (2, 16, 4, 6), (2, 16, 2, 3)]
    sum((x * torch.randn_like(x)).sum() for x in maps).backward()
    assert [name for name, value in net.named_parameters() if not value.grad.abs().sum() > 0] == []


def test_convolution_encoder_follows_the_formula():
    torch.manual_seed(0)
    block = ConvEncoder(channels=4, kernel=5, expand=3, layer_scale=0.7)
    x = torch.randn(1, 4, 6, 7)
    filtered = functional.pad(x, (2, 2, 2, 2)).unfold(2, 5, 1).unfold(3, 5, 1)
    filtered = (filtered * block.conv_dw.weight[:, 0][None, :, None, None]).sum((-1, -2))
    filtered = filtered + block.conv_dw.bias[:, None, None]
    mean, spread = filtered.mean(1, keepdim=True), filtered.var(1, unbiased=False, keepdim=True)
    normal = (filtered - mean) / (spread + 1e-6).sqrt()
    wide = torch.einsum('oc,bchw->bohw', block.mlp.fc1.weight, normal) + block.mlp.fc1.bias[:, None, None]
    wide = wide * 0.5 * (1 + torch.erf(wide / math.sqrt(2)))
    narrow = torch.einsum('oc,bchw->bohw', block.mlp.fc2.weight, wide) + block.mlp.fc2.bias[:, None, None]
    torch.testing.assert_close(block(x), x + 0.7 * narrow, atol=1e-5, rtol=1e-5)


def test_attention_is_between_channels_of_a_head():
    torch.manual_seed(0)
    attention = TransposedAttention(channels=6, heads=2)
    nn.init.uniform_(attention.temperature, 0.5, 2)
    tokens = torch.randn(1, 5, 6)
    query, key, value = attention.qkv(tokens)[0].T.reshape(3, 6, 5)
    rows = []
    for channel in range(6):
        head = range(3) if channel < 3 else range(3, 6)
        cosines = torch.stack([functional.cosine_similarity(query[channel], key[other], dim=0) for other in head])
        weights = (cosines * attention.temperature[channel // 3, 0, 0]).softmax(0)
        rows.append(sum(weight * value[other] for weight, other in zip(weights, head)))
    torch.testing.assert_close(attention(tokens), attention.proj(torch.stack(rows, 1))[None], atol=1e-5, rtol=1e-5)


def test_positions_are_sines_and_cosines_of_the_place():
    position = FourierPosition(channels=8, hidden=4)
    nn.init.zeros_(position.token_projection.bias)
    position.token_projection.weight.data = torch.eye(8)[:, :, None, None]
    encoded = position(3, 5)
    for row in range(3):
        for column in range(5):
            wanted = []
            for place, count in ((row, 3), (column, 5)):
                angle = 2 * math.pi * (place + 1) / count
                wanted += [math.sin(angle), math.cos(angle), math.sin(angle / 100), math.cos(angle / 100)]
            torch.testing.assert_close(encoded[0, :, row, column], torch.tensor(wanted), atol=1e-5, rtol=0)


def test_parts_of_the_channels_are_filtered_one_after_another():
    torch.manual_seed(0)
    block = SplitAttentionEncoder(channels=8, scales=3, heads=2, expand=2, layer_scale=1e-6, position=False)
    assert block.widths == [3, 3, 2]
    x = torch.randn(2, 8, 4, 4)
    first = block.convs[0](x[:, :3])
    second = block.convs[1](x[:, 3:6] + first)
    torch.testing.assert_close(block._mixed(x), torch.cat([first, second, x[:, 6:]], 1))
    torch.testing.assert_close(block(x), x, atol=1e-3, rtol=0)  # the branch starts at a millionth


@pytest.mark.parametrize('wrong, says', [
    (dict(kernels=(3, 5)), 'kernels has 2 entries'),
    (dict(heads=(3, 3, 3, 3)), '3 heads do not divide 8'),
    (dict(scales=(1, 1, 1, 1)), 'scales is 2 or more'),
])
def test_settings_that_cannot_be(wrong: dict, says: str):
    with pytest.raises(ValueError, match=says):
        EdgeNeXt(**{**TINY, **wrong})
