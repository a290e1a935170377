"""Stereo matchers side by side."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from perception_kd.benchmark.stereo import StereoCase, benchmark_stereo
from perception_kd.evaluation.stereo.sgbm import SGBMSettings
from perception_kd.export.student import load_student
from tests.inference.stereo.conftest import MATCHER

TOOL = str(Path(__file__).parents[2] / 'tools/benchmark.py')


@pytest.fixture
def config(tmp_path):
    """File of the tiny matcher's config."""
    path = tmp_path / 'tiny.py'
    path.write_text(f'model = {MATCHER!r}\n')
    return path


def run(monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, 'argv', [TOOL, *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(TOOL, run_name='__main__')
    assert not end.value.code


def test_the_tool_holds_sides_against_the_first(config, tmp_path, monkeypatch, capsys):
    cfg = Config.fromfile(config)
    model = load_student(cfg)
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'last.pth')
    run(monkeypatch, 'stereo', config, f'{config}={tmp_path / "last.pth"}', '--size', 64, 96, '--runs', 2, '--sgbm',
        '--iterations', 3, '--json', tmp_path / 'out.json')
    found = json.loads((tmp_path / 'out.json').read_text())
    assert list(found['sides']) == ['tiny', 'tiny (2)', 'SGBM'] and list(found['ratio']) == ['tiny (2)', 'SGBM']
    for name, ratio in found['ratio'].items():
        assert ratio == pytest.approx(found['medians']['tiny'] / found['medians'][name])
    assert found['sides']['tiny']['checkpoint'] is None and found['sides']['tiny (2)']['checkpoint']
    assert found['sides']['tiny']['iterations'] == 3 and found['sides']['SGBM']['settings']['max_disp'] == 32
    assert found['parameters']['tiny'] == sum(weight.numel() for weight in model.parameters())
    assert found['parameters']['SGBM'] is None and not found['macs']['SGBM']
    stages = found['stage_seconds']['tiny']
    assert {'inputs', 'features', 'volume', 'filter', 'context', 'refine', 'upsample'} < set(stages)
    for turn, total in enumerate(stages.pop('total')):
        assert sum(seconds[turn] for seconds in stages.values()) == pytest.approx(total)
    shown = capsys.readouterr().out
    assert ' times as fast as tiny' in shown and ' M parameters' in shown and 'refine' in shown


def test_operations_are_counted_by_stage():
    """Features as their convolutions say themselves; every iteration costs the same, and nothing else grows."""
    cfg, size = Config(dict(model=MATCHER)), (64, 96)
    counts = [benchmark_stereo([(cfg, None)], StereoCase(size=size, iterations=number, runs=1)).sides['matcher'].macs
              for number in (1, 2, 3)]
    once, twice, thrice = (count['refine'] for count in counts)
    assert thrice - twice == twice - once > 0
    for count in counts:
        assert count['total'] == sum(count.values()) / 2
        assert {**count, 'refine': 0, 'total': 0} == {**counts[0], 'refine': 0, 'total': 0}
    model, by_hand = load_student(cfg).feature, []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, out: by_hand.append(out.numel() * layer.weight[0].numel()))
    with torch.no_grad():
        model(torch.zeros(2, 3, *size), None)
    assert counts[0]['features'] == sum(by_hand)


def test_a_graph_is_a_side(tmp_path):
    pytest.importorskip('onnxruntime')
    onnx = pytest.importorskip('onnx')
    pictures = [onnx.helper.make_tensor_value_info(name, 1, (1, 3, 32, 64)) for name in ('left', 'right')]
    graph = onnx.helper.make_graph([onnx.helper.make_node('Sub', ['left', 'right'], ['disparity'])], 'graph', pictures,
                                   [onnx.helper.make_tensor_value_info('disparity', 1, (1, 3, 32, 64))])
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid('', 18)], ir_version=8)
    onnx.helper.set_model_props(proto, dict(task='"stereo"', size='[32, 64]', max_disp='32', iterations='1'))
    onnx.save(proto, str(tmp_path / 'matcher.onnx'))
    case = StereoCase(size=(32, 64), runs=3)
    report = benchmark_stereo([(Config(dict(model=MATCHER)), None)], case, onnx=[tmp_path / 'matcher.onnx'])
    assert list(report.sides) == ['matcher', 'matcher.onnx']
    assert len(report.sides['matcher.onnx'].seconds['graph']) == 3 and report.ratio['matcher.onnx'] > 0
    with pytest.raises(ValueError, match='takes pictures of 32x64: give --size 32 64'):
        benchmark_stereo([], StereoCase(size=(64, 64)), onnx=[tmp_path / 'matcher.onnx'], sgbm=SGBMSettings())


@pytest.mark.parametrize(('words', 'line'), [
    (['latency'], 'is of a stereo matcher: tools/benchmark.py stereo '),
    (['step'], 'is of a stereo matcher: tools/benchmark.py stereo '),
    (['stereo', '--size', '60', '96'], '--size 60 96: height and width are multiples of 32'),
    (['stereo', '--iterations', '0', '--size', '64', '96'], 'iterations is 1 or more, got 0')])
def test_bad_input(config, words, line, monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', [TOOL, words[0], str(config), *words[1:]])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(TOOL, run_name='__main__')
    assert end.value.code
    assert line in capsys.readouterr().err
