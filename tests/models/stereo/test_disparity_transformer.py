"""The disparity transformer: mixing of tokens, torch's own encoder layer, the positional table."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from perception_kd.models.stereo.cost_filter.disparity_transformer import (
    DisparityTransformer,
    EncoderLayer,
    sinusoidal_table,
)


def _moved_by_one_token(layout: str) -> Tensor:
    """How far each of 6 tokens moves when the fourth one is changed."""
    torch.manual_seed(0)
    layer = EncoderLayer(channels=8, heads=4, ffn=8, attn_layout=layout).eval()
    tokens = torch.randn(3, 6, 8)
    changed = tokens.clone()
    changed[:, 3] += torch.randn(8)
    return (layer(changed) - layer(tokens)).detach().abs().amax(dim=(0, 2))


def test_tokens_are_mixed_along_disparity() -> None:
    assert (_moved_by_one_token('bhld') > 1e-4).all()


def test_released_layout_mixes_no_tokens() -> None:
    moved = _moved_by_one_token('compat')
    assert moved[3] > 1e-2
    assert not moved[[0, 1, 2, 4, 5]].any()


def test_layer_is_the_standard_post_norm_encoder_layer() -> None:
    torch.manual_seed(0)
    ours = EncoderLayer(channels=8, heads=2, ffn=12).eval()
    theirs = nn.TransformerEncoderLayer(8, 2, 12, activation='gelu', batch_first=True).eval()
    projections = (ours.query, ours.key, ours.value)
    weights = {'self_attn.in_proj_weight': torch.cat([part.weight for part in projections]),
               'self_attn.in_proj_bias': torch.cat([part.bias for part in projections])}
    pairs = {'self_attn.out_proj': ours.out, 'linear1': ours.feed_forward[0], 'linear2': ours.feed_forward[3],
             'norm1': ours.norm1, 'norm2': ours.norm2}
    weights |= {f'{name}.{kind}': value for name, part in pairs.items() for kind, value in part.state_dict().items()}
    theirs.load_state_dict(weights)
    tokens = torch.randn(2, 5, 8, requires_grad=True)
    values = [layer(tokens) for layer in (ours, theirs)]
    torch.testing.assert_close(*values)
    gradients = [torch.autograd.grad(value.square().sum(), tokens) for value in values]
    torch.testing.assert_close(*gradients)


def test_positional_table() -> None:
    table = sinusoidal_table(7, 6)
    for place in range(7):
        for pair in range(3):
            angle = place / 10000 ** (2 * pair / 6)
            assert table[place, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[place, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)
    assert sinusoidal_table(4, 5).shape == (4, 5)


def test_disparities_far_apart_reach_each_other_and_pixels_do_not() -> None:
    torch.manual_seed(0)
    model = DisparityTransformer(in_channels=8, patch=4, layers=2).eval()
    volume = torch.randn(1, 8, 32, 16, 16)
    changed = volume.clone()
    changed[:, :, :4, :4, :4] += torch.randn(8, 1, 1, 1)
    moved = (model(changed) - model(volume)).detach().abs().amax(dim=(0, 1))
    assert moved.shape == (32, 16, 16)
    assert moved[-1, 0, 0] > 1e-5
    assert not moved[:, 8:, 8:].any()


def test_bad_settings_are_named() -> None:
    with pytest.raises(ValueError, match='3 heads do not divide 8 channels'):
        EncoderLayer(channels=8, heads=3, ffn=8)
    with pytest.raises(ValueError, match="attn_layout is 'bhld' or 'compat', got 'blhd'"):
        EncoderLayer(channels=8, heads=2, ffn=8, attn_layout='blhd')
