"""CBAM against its formulas in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import signal

from perception_kd.distill.taps import TapRecorder
from perception_kd.models.layers.cbam import CBAM, ChannelAttention, SpatialAttention


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_equals_the_formulas():
    torch.manual_seed(0)
    attention = CBAM(channels=32, place='bb3')
    x = torch.randn(2, 32, 9, 11)
    with TapRecorder() as recorder:
        found = attention(x)
    first, second = (layer.weight.detach().numpy()[:, :, 0, 0] for layer in (attention.channel.reduce,
                                                                             attention.channel.expand))
    kernel = attention.spatial.conv.weight.detach().numpy()[0]
    taps = recorder.collect()
    for row, picture in enumerate(x.numpy()):
        channel = sigmoid(sum(second @ np.maximum(first @ pooled, 0)
                              for pooled in (picture.mean((1, 2)), picture.max((1, 2)))))
        scaled = picture * channel[:, None, None]
        spatial = sigmoid(sum(signal.correlate2d(pooled, weights, mode='same')
                              for pooled, weights in zip((scaled.mean(0), scaled.max(0)), kernel)))
        np.testing.assert_allclose(found[row].detach().numpy(), scaled * spatial, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(taps['channel_attention_bb3'][row].detach().numpy(), channel, rtol=1e-5)
        np.testing.assert_allclose(taps['attention_bb3'][row, 0].detach().numpy(), spatial, rtol=1e-4, atol=1e-6)
    specs = {spec.name: spec for spec in attention.tap_specs(8)}
    assert set(specs) == set(taps)
    assert specs['attention_bb3'].stride == 8 and specs['attention_bb3'].channels == 1
    assert specs['channel_attention_bb3'].kind == 'vector' and specs['channel_attention_bb3'].channels == 32


def test_counts_and_the_least_width():
    assert sum(weight.numel() for weight in CBAM(channels=64).parameters()) == 2 * 64 * 4 + 98
    assert CBAM(channels=64, min_hidden=8).channel.reduce.out_channels == 8
    assert CBAM(channels=8).channel.reduce.out_channels == 1 and not CBAM(channels=8).tap_specs(8)


def test_wrong_settings():
    with pytest.raises(ValueError, match='channels, ratio, min_hidden are 1 or more'):
        ChannelAttention(channels=8, ratio=0)
    with pytest.raises(ValueError, match='kernel is odd, got 4'):
        SpatialAttention(kernel=4)
