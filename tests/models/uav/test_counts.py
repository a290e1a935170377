"""Sizes of the models: parameters and operations of the published baseline, and of ours as counted elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from perception_kd.benchmark.flops import count_flops
from perception_kd.models.uav import UAVDetector
from tests.models.uav.tiny import BACKBONE, NECK, config

PLAIN = dict(backbone=(), fusion='pan')
# Millions of parameters and GFLOPs at 640 px of n, s and m; the first row is YOLOv5's own table.
ORACLE = {
    'yolov5, 80 classes': (dict(PLAIN, classes=80), ((1.872, 4.5), (7.235, 16.5), (21.191, 49.0))),
    'yolov5': (PLAIN, ((1.765, 4.2), (7.022, 15.9), (20.871, 48.2))),
    'cbam': (dict(fusion='pan'), ((1.776, 4.2), (7.066, 15.9), (20.968, 48.2))),
    'cbam, neck': (dict(PLAIN, neck=NECK), ((1.776, 4.2), (7.066, 15.9), (20.968, 48.2))),
    'bifpn': (dict(backbone=()), ((1.782, 4.3), (7.088, 16.2), (21.019, 48.7))),
    'cbi': (dict(), ((1.793, 4.3), (7.131, 16.2), (21.116, 48.7))),
    'cbi v1': (dict(backbone=(), neck=NECK), ((1.793, 4.3), (7.131, 16.2), (21.116, 48.7))),
    'cbi v3': (dict(backbone=BACKBONE, neck=NECK), ((1.804, 4.3), (7.174, 16.2), (21.213, 48.7)))}


def built(size: str, **changes) -> UAVDetector:
    with torch.device('meta'):
        return UAVDetector(**config(size, **changes)).eval()


def parameters(model: nn.Module) -> float:
    return sum(weight.numel() for weight in model.parameters()) / 1e6


def gflops(model: UAVDetector) -> float:
    """Of convolutions, and of batch norms as four operations a value: less mean, over deviation, scale, shift."""
    norms = []
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_hook(lambda module, args, out: norms.append(4 * out.numel()))
    with torch.device('meta'):
        return (count_flops(lambda: model.raw(torch.zeros(1, 3, 640, 640)))['total'] + sum(norms)) / 1e9


@pytest.mark.parametrize('name', ORACLE)
def test_parameters_and_operations(name):
    changes, rows = ORACLE[name]
    for size, (millions, operations) in zip('nsm', rows):
        model = built(size, **changes)
        assert parameters(model) == pytest.approx(millions, abs=0.001)
        if size != 's':
            assert abs(gflops(model) - operations) < 0.01 * operations + 0.05  # which is rounded to a tenth


def test_the_variants_between():
    """CBAM behind the last stage alone: 2 C C/16 + 98; weighted sums: counted layer by layer; P2: a level more."""
    assert parameters(built('n', backbone=('bb5',))) == pytest.approx(parameters(built('n', backbone=())) + 0.00829)
    node = 64 * 9 + 64 * 64 + 2 * 64
    neck = sum(64 * width + 2 * 64 for width in (64, 128, 256)) + 4 * node + 3 * 2 + 3
    head = 3 * (64 * 18 + 18)
    trunk = built('n', fusion='weighted_add').backbone
    assert parameters(built('n', fusion='weighted_add')) * 1e6 == pytest.approx(parameters(trunk) * 1e6 + neck + head)
    assert [conv.in_channels for conv in built('n', p2=True).head.convs] == [32, 64, 128, 256]


def test_the_clamp_of_the_attention_is_an_option():
    clamped = config('n')
    clamped['backbone']['cbam'] = dict(min_hidden=8)
    with torch.device('meta'):
        model = UAVDetector(**clamped)
    assert parameters(model) * 1e6 - parameters(built('n')) * 1e6 == pytest.approx(2 * 64 * (8 - 4))
