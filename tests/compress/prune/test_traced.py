"""Pruning by tracing: what goes together is found, and the slimmed model computes what the masked one computes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torch_pruning.pruner import function

from perception_kd.compress.prune.channel_graph import ChannelGraph, Removed
from perception_kd.compress.prune.job import prune_checkpoint
from perception_kd.compress.prune.traced import TracedPruning, tap_channels
from perception_kd.engine.build import build_runner, load_config
from perception_kd.export.student import export_student, load_student
from perception_kd.models.slimmed import slim, widths_of
from perception_kd.registry import DATASETS, MODELS
from tests.compress.prune.traced_net import RandomMaps, TracedNet, trained

ALL = [['backbone', 'neck', 'heads.boxes', 'heads.scores']]
SETTINGS = dict(importance='magnitude', round_to=2, min_keep=2)
BATCH = dict(inputs=torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
GROUPS = {  # by hand: convolutions and matrices that make or read the channels
    'backbone.stem.0': (16, {'backbone.stem.0', 'backbone.inner.0', 'backbone.outer.0', 'backbone.depthwise.0',
                             'backbone.grouped.0', 'backbone.halves', 'neck.fine'}),
    'backbone.inner.0': (12, {'backbone.inner.0', 'backbone.outer.0'}),
    'backbone.grouped.0': (24, {'backbone.grouped.0', 'backbone.attention.squeeze', 'backbone.attention.excite',
                                'backbone.excite.squeeze', 'backbone.excite.excite', 'neck.coarse', 'neck.up'}),
    'backbone.attention.squeeze': (8, {'backbone.attention.squeeze', 'backbone.attention.excite'}),
    'backbone.excite.squeeze': (8, {'backbone.excite.squeeze', 'backbone.excite.excite'}),
    'backbone.mixed': (12, {'backbone.mixed', 'neck.fine'}),
    'neck.fine': (16, {'neck.fine', 'neck.coarse', 'neck.join.0'}),
    'neck.up': (12, {'neck.up', 'neck.join.0'}),
    'neck.out': (12, {'neck.out', 'heads.boxes.0.0', 'heads.scores.0.0'}),
    'heads.boxes.0.0': (16, {'heads.boxes.0.0', 'heads.boxes.1'}),
    'heads.scores.0.0': (16, {'heads.scores.0.0', 'heads.scores.1'}),
}
JOINT = (20, frozenset(('neck.join.0', 'neck.out')))


def found(graph: ChannelGraph) -> set[tuple[int, frozenset[str]]]:
    """Sizes and layers of groups."""
    return {(group.channels, frozenset(graph.layers(group))) for group in graph.groups('magnitude')}


def by_hand(*names: str) -> set[tuple[int, frozenset[str]]]:
    return {(size, frozenset(layers)) for size, layers in map(GROUPS.get, names)}


def silenced(model: nn.Module, graph: ChannelGraph, removed: Removed) -> nn.Module:
    """The model with zeros where the channels are made, while slimming is checked by zeros where they are read."""
    names = {module: name for name, module in graph.model.named_modules()}
    model = copy.deepcopy(model)
    makers = (function.prune_conv_out_channels, function.prune_linear_out_channels,
              function.prune_batchnorm_out_channels, function.prune_depthwise_conv_out_channels)
    for group, gone in removed.values():
        for dep, places in graph._cut(group, gone):
            if dep.handler in makers:
                module = model.get_submodule(names[dep.target.module])
                across = getattr(module, 'transposed', False)
                for weight in filter(lambda one: one is not None, (module.weight, module.bias)):
                    (weight.data.transpose(0, 1) if across and weight.ndim > 1 else weight.data)[places] = 0
    return model


def test_channels_that_go_together() -> None:
    kept, freed = (TracedPruning(parts=ALL, joint=joint, **SETTINGS).trace(trained(), BATCH)
                   for joint in ('keep', 'prune'))
    assert found(kept) == by_hand(*GROUPS)
    assert found(freed) == by_hand(*GROUPS) | {JOINT}


def test_edges_of_parts_and_what_is_kept_stay() -> None:
    parts = TracedPruning(parts=['backbone', 'neck', 'heads.boxes'], keep=['backbone.attention'], **SETTINGS)
    assert found(parts.trace(trained(), BATCH)) == by_hand(
        'backbone.inner.0', 'backbone.excite.squeeze', 'neck.fine', 'neck.up', 'heads.boxes.0.0')


@pytest.mark.parametrize(('ratio', 'joint'), [(0.0, 'keep'), (0.5, 'keep'), (0.7, 'keep'), (0.5, 'prune')])
def test_slimmed_equals_masked(ratio: float, joint: str) -> None:
    net = trained(channels_last=True)
    pruner = TracedPruning(parts=ALL, ratio=ratio, joint=joint, **SETTINGS)
    graph = pruner.trace(net, BATCH)
    removed = pruner.choose(graph)
    masked = silenced(net, graph, removed)
    graph.prune(removed)
    with torch.no_grad():
        small, large, whole = (model(BATCH['inputs']) for model in (graph.model, masked, net))
    same = all(torch.allclose(small[name], large[name], atol=1e-5) for name in small)
    assert same == (joint == 'keep')  # a mean over fewer channels is another mean
    assert all(torch.equal(small[name], whole[name]) for name in small) == (ratio == 0)
    rebuilt = slim(TracedNet(channels_last=True), json.loads(json.dumps(widths_of(graph.model, net))))
    rebuilt.load_state_dict(graph.model.state_dict())
    assert str(rebuilt) == str(graph.model.eval()) and rebuilt.backbone.stem[0].weight.is_contiguous(
        memory_format=torch.channels_last)
    assert torch.allclose(rebuilt.eval()(BATCH['inputs'])['boxes'], small['boxes'], atol=1e-6)


def test_taylor_importance_by_hand() -> None:
    net = trained()
    pruner = TracedPruning(parts=['heads.boxes'], round_to=2, min_keep=2)
    graph = pruner.trace(net, BATCH)
    pruner.take_gradients(graph.model, [BATCH, BATCH])
    scores = graph.groups('taylor')[0].scores
    loss = net(**BATCH, mode='loss')['loss']
    first, last = net.heads['boxes'][0][0].weight, net.heads['boxes'][1].weight
    made, read = map(torch.mul, (first, last), torch.autograd.grad(loss, (first, last)))
    wanted = (made.abs().flatten(1).sum(1) + read.abs().sum((0, 2, 3))) / 2
    torch.testing.assert_close(scores, wanted.detach() / wanted.detach().mean(), rtol=1e-4, atol=1e-6)
    assert all(weight.grad is None for weight in net.parameters())


@pytest.mark.parametrize(('settings', 'words'), [
    (dict(parts=[]), 'names modules'), (dict(parts=['neck', 'neck.out']), 'inside of another'),
    (dict(parts=['nek']), 'has no module nek.*backbone, neck'), (dict(parts=['unused']), 'unused is not called'),
    (dict(parts=['neck.attention']), 'no channels of'), (dict(parts=['neck'], importance='luck'), 'taylor'),
    (dict(parts=['neck'], keep=['neck.on']), 'has no module neck.on')])
def test_bad_settings(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pruner = TracedPruning(**{**SETTINGS, **settings})
        pruner.choose(pruner.trace(trained(), BATCH))


def test_a_chain_whose_tensors_others_read_is_refused() -> None:
    pruner = TracedPruning(parts=[['neck', 'heads.boxes']], **SETTINGS)  # heads.scores reads the neck, too
    with pytest.raises(ValueError, match='outside of a chain'):
        pruner.slim(trained(), BATCH, [])


CONFIG = """
default_scope = 'perception_kd'
net = dict(type='TracedNet', channels_last=True)
model = '${net}'
prune = dict(type='TracedPruning', parts=[['backbone', 'neck', 'heads.boxes', 'heads.scores']], ratio=0.5, batches=2,
             round_to=2, min_keep=2)
train_dataloader = dict(batch_size=2, num_workers=0, collate_fn=dict(type='default_collate'),
                        sampler=dict(type='DefaultSampler', shuffle=True), dataset=dict(type='RandomMaps'))
train_cfg = dict(by_epoch=True, max_epochs=1)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.01))
default_hooks = dict(checkpoint=dict(type='SafeCheckpointHook'), ema=dict(type='StudentEMAHook'))
visualizer = dict(type='RunVisualizer', vis_backends=dict())
"""


@pytest.fixture
def registered():
    MODELS.register_module(module=TracedNet, force=True)
    DATASETS.register_module(module=RandomMaps, force=True)
    yield
    MODELS.module_dict.pop('TracedNet')
    DATASETS.module_dict.pop('RandomMaps')


def test_from_a_checkpoint_to_a_slimmed_student_that_learns(registered: None, tmp_path: Path) -> None:
    (tmp_path / 'config.py').write_text(CONFIG)
    torch.save(trained().state_dict(), tmp_path / 'whole.pth')
    out = tmp_path / 'out'
    record = prune_checkpoint(tmp_path / 'config.py', tmp_path / 'whole.pth', out)
    assert record['parameters']['after'] < 0.6 * record['parameters']['before']
    assert record['operations']['after'] < 0.6 * record['operations']['before'] and record['difference'] < 1e-5
    cfg = load_config(tmp_path / 'config.py', {'net.slimmed': str(out / 'pruned.json')})
    named, written = (load_student(one, out / 'pruned.pth') for one in (cfg, load_config(out / 'pruned.py')))
    assert torch.equal(named(BATCH['inputs'])['boxes'], written(BATCH['inputs'])['boxes'])
    runner = build_runner(load_config(out / 'pruned.py'), work_dir=tmp_path / 'run', brief=True)
    runner.train()
    size = export_student(cfg, tmp_path / 'run' / 'epoch_1.pth', tmp_path / 'student.pth')
    assert size == record['parameters']['after']
    moved = load_student(cfg, tmp_path / 'student.pth').neck.out.weight - written.neck.out.weight
    assert moved.shape == written.neck.out.weight.shape and moved.abs().max() > 0


def test_taps_tell_the_channels_that_are_left() -> None:
    traced = TracedPruning(parts=ALL, joint='prune', **SETTINGS).slim(trained(), BATCH, [])[0]
    widths = widths_of(traced.model, TracedNet(), tap_channels(traced.model, TracedNet(), BATCH))
    student = copy.deepcopy(slim(TracedNet(), widths))
    assert student.tap_specs()['neck'].channels == widths['taps']['neck'] == student.neck.out.in_channels < 20
