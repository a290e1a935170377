"""The camera-radar student pruned by tracing: rebuilt from its config, and distilled as any other."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import copy

import pytest
import torch

from perception_kd.compress.prune.traced import TracedPruning, tap_channels
from perception_kd.distill import Distiller
from perception_kd.models.slimmed import widths_of
from tests.models.det3d.worlds import build, collate, sample, student_cfg

PARTS = [['image_backbone', 'image_neck', 'view_transform.depth_net'], ['trunk', 'head']]


@pytest.fixture(scope='module')
def pruned() -> tuple[torch.nn.Module, torch.nn.Module, dict, float]:
    """The whole student, the slimmed one, its widths, and how far it differs from the masked one."""
    whole = build(student_cfg(channels_last=True), seed=1).eval()
    batch = whole.data_preprocessor(collate(sample(seed=1), sample(seed=2, boxes=1)), True)
    pruner = TracedPruning(parts=PARTS, ratio=0.5, min_keep=4)
    traced, removed, difference = pruner.slim(whole, batch, [batch])
    assert {'image_backbone.conv1', 'image_neck.mix.conv', 'trunk.ups.0.conv', 'head.shared_conv.conv'} <= set(removed)
    full = build(student_cfg())
    return whole, traced.model, widths_of(traced.model, full, tap_channels(traced.model, full, batch)), difference


def test_slimmed_equals_masked_and_keeps_what_others_read(pruned: tuple) -> None:
    whole, slimmed, widths, difference = pruned
    assert difference < 1e-5
    count = [sum(weight.numel() for weight in model.parameters()) for model in (whole, slimmed)]
    assert count[1] < 0.6 * count[0]
    depth, first = slimmed.view_transform.depth_net, slimmed.trunk.stages[0][0]
    assert depth.context.out_channels == 8 and depth.depth[-1].out_channels == whole.view_transform.bins.count
    assert first.conv1.conv.in_channels == 20  # the fuser is outside
    assert [branch[-1].out_channels for branch in (slimmed.head.task_heads[0].heatmap, slimmed.head.task_heads[0].dim)
            ] == [3, 3]
    assert not any(name.startswith(('fuser', 'radar_encoder')) for name in widths['shapes'])
    assert all(weight.grad is None for weight in whole.parameters())


def test_rebuilt_without_the_pruning_library(pruned: tuple) -> None:
    _, slimmed, widths, _ = pruned
    rebuilt = build(student_cfg(channels_last=True, slimmed=widths)).eval()
    rebuilt.load_state_dict(slimmed.state_dict())
    batch = rebuilt.data_preprocessor(collate(sample(seed=3)), False)
    with torch.no_grad():
        maps, others = (model(**copy.deepcopy(batch), mode='tensor')[0] for model in (rebuilt, slimmed))
    assert all(torch.allclose(maps[name], others[name], atol=1e-5) for name in maps)


def test_the_whole_student_teaches_the_slimmed_one(pruned: tuple) -> None:
    whole, slimmed, widths, _ = pruned
    assert widths['taps']['trunk_s32'] < 24 and 'fused_bev' not in widths['taps']
    pair = dict(student='trunk_s32', teacher='whole.trunk_s32', connector=dict(type='Conv1x1'), loss=dict(type='MSE'))
    model = Distiller(student=build(student_cfg(slimmed=widths)), pairs=dict(trunk=pair),
                      teachers=dict(whole=dict(model=copy.deepcopy(whole), allow_random=True)))
    model.student.load_state_dict(slimmed.state_dict())
    losses = model.train()(**collate(sample(seed=4)), mode='loss')
    losses['loss_distill.trunk'].backward()
    stage, connector = model.student.trunk.stages[1][0], model.pairs['trunk'].connector
    assert connector.conv.in_channels == widths['taps']['trunk_s32'] == stage.conv2.conv.out_channels
    assert stage.conv1.conv.weight.grad.abs().max() > 0
