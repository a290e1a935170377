"""How latency is measured: in turns, on the teacher's inputs, as a model is deployed; and what data is held out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from perception_kd.compress.search import latency
from perception_kd.compress.search.heldout import hold_out
from perception_kd.compress.search.latency import Bench, conditions, deployed, running_as, sizes, time_turn_by_turn
from perception_kd.compress.search.settings import LatencySettings
from perception_kd.engine.build import load_config
from tests.compress.toy_search import CHANNELS, ToySearchNet, chain, write_toy


def test_calls_take_turns_and_warm_ups_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    class Clock:
        def __init__(self, device: str) -> None:
            assert device == 'cpu'

        def measure(self, call) -> dict[str, float]:
            call()
            return dict(total=len(order) / 1e3)

    monkeypatch.setattr(latency, 'StageClock', Clock)
    settings = LatencySettings(runs=3, warm_up=2)
    found = time_turn_by_turn({name: lambda name=name: order.append(name) for name in 'ab'}, settings)
    assert order == ['a', 'b'] * 5
    assert found['a'].median == 7, 'of 5, 7, 9'
    assert found['b'].median == 8


def test_a_block_runs_on_what_the_teacher_gives_it() -> None:
    torch.manual_seed(0)
    net = ToySearchNet(blocks={name: dict(width=6, depth=2) for name in 'ab'}).eval()
    pictures = [torch.randn(CHANNELS, 8, 8)]
    bench = Bench(teacher=net, batch=dict(inputs=pictures, data_samples=None), paths=dict(b='blocks.b'),
                  settings=LatencySettings(runs=2, warm_up=0))
    seen: list[torch.Tensor] = []

    class Recorder(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            return x

    bench.blocks('b', dict(one=Recorder()))
    with torch.no_grad():
        expected = net.blocks['a'](torch.stack(pictures))
    assert len(seen) == 2
    torch.testing.assert_close(seen[0].clone(), expected)
    assert bench.conditions['size'] == [[CHANNELS, 8, 8]]


def test_what_is_timed_is_folded_and_what_was_given_is_not() -> None:
    torch.manual_seed(0)
    block, x = chain(6, 3), torch.randn(1, CHANNELS, 8, 8)
    block(x)  # statistics other than those of new layers
    block.eval()
    ready = deployed(block, 'cpu')
    with torch.no_grad():
        torch.testing.assert_close(ready(x), block(x))
    assert sum(isinstance(layer, nn.BatchNorm2d) for layer in block) == 2
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in ready)


def test_dtype_and_threads_hold_inside_alone() -> None:
    layer, x, threads = nn.Linear(2, 2), torch.ones(1, 2), torch.get_num_threads()
    with running_as(LatencySettings(dtype='bf16', threads=threads + 1)):
        assert layer(x).dtype == torch.bfloat16
        assert torch.get_num_threads() == threads + 1
    assert layer(x).dtype == torch.float32
    assert torch.get_num_threads() == threads
    with pytest.raises(ValueError, match="one of float32, bf16, fp16, got 'int8'"):
        LatencySettings(dtype='int8')


def test_conditions_tell_what_latency_depends_on() -> None:
    found = conditions(LatencySettings(threads=3, dtype='bf16'), [[1, 3, 32, 64]])
    assert found == dict(device=found['device'], dtype='bf16', threads=3, size=[[1, 3, 32, 64]],
                         torch=torch.__version__, cuda=None)
    assert found['device']
    nested = dict(right=torch.zeros(1, 3, 6, 8), left=[torch.zeros(3, 6, 8)], points=[torch.zeros(7, 5)], name='x',
                  camera=torch.zeros(1, 6, 4, 4))
    assert sizes(nested) == [[3, 6, 8], [1, 3, 6, 8]]


def test_without_a_seed_the_last_samples_are_held_out(tmp_path: Path) -> None:
    cfg = load_config(write_toy(tmp_path)[0])
    held = hold_out(cfg, count=5, seed=None)
    assert held.loader['dataset']['indices'] == [19, 20, 21, 22, 23]
    assert held.training.train_dataloader.dataset.indices == list(range(19))
    assert held.loader['dataset']['ann_file'] == 'train'
    assert held.loader['dataset']['test_mode'] is True
    assert 'indices' not in cfg.train_dataloader.dataset, 'the config itself stays'
    drawn = hold_out(cfg, count=5, seed=1).loader['dataset']['indices']
    assert drawn == hold_out(cfg, count=5, seed=1).loader['dataset']['indices']
    assert drawn != hold_out(cfg, count=5, seed=2).loader['dataset']['indices']
    other = hold_out(cfg, dataset=dict(length=2), evaluator=dict(prefix='x'))
    assert other.loader['dataset'] == dict(type='ToySearchData', data_root='somewhere', ann_file='val', length=2)
    assert other.evaluator == dict(type='ToySearchMetric', prefix='x')


def test_mixtures_cannot_be_cut(tmp_path: Path) -> None:
    cfg = load_config(write_toy(tmp_path)[0])
    cfg.train_dataloader.dataset = dict(type='ConcatDataset', datasets=[cfg.train_dataloader.dataset])
    with pytest.raises(ValueError, match=r'cuts plain training sets only.* by search\.validation\.dataset'):
        hold_out(cfg, count=5)
