"""Drone detectors side by side."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch import nn

from perception_kd.benchmark import uav
from perception_kd.benchmark.uav import UAVCase, benchmark_uav
from perception_kd.export.uav_onnx import load_detector

TOOL = str(Path(__file__).parents[2] / 'tools/benchmark.py')
ANCHORS = [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]


def model(width: float) -> dict:
    return dict(type='UAVDetector', backbone=dict(type='CSPDarknetV5', depth=0.33, width=width),
                neck=dict(type='CBiPAFPN', depth=0.33, width=width),
                head=dict(type='AnchorYOLOHead', num_classes=1, anchors=ANCHORS))


@pytest.fixture
def configs(tmp_path) -> list[Path]:
    """A teacher's and a student's file."""
    paths = []
    for name, width in (('wide', 0.25), ('narrow', 0.125)):
        paths.append(tmp_path / f'{name}.py')
        paths[-1].write_text(f"default_scope, model = 'perception_kd', {model(width)!r}\n")
    return paths


def run(monkeypatch, *words) -> object:
    monkeypatch.setattr(sys, 'argv', [TOOL, 'uav', *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(TOOL, run_name='__main__')
    return end.value.code


def test_the_tool_measures_sizes_and_threads(configs, tmp_path, monkeypatch, capsys) -> None:
    before = torch.get_num_threads()
    student = load_detector(Config.fromfile(configs[1]), None)
    torch.save(dict(state_dict=student.state_dict()), tmp_path / 'last.pth')
    assert not run(monkeypatch, configs[0], f'{configs[1]}={tmp_path / "last.pth"}', '--size', 32, 64, '--threads', 1,
                   2, '--runs', 3, '--warm-up', 0, '--json', tmp_path / 'out.json')
    assert torch.get_num_threads() == before
    found = json.loads((tmp_path / 'out.json').read_text())
    assert [(cell['size'], cell['threads']) for cell in found['cells']] == [(32, 1), (32, 2), (64, 1), (64, 2)]
    for cell in found['cells']:
        teacher, own = cell['sides']['wide'], cell['sides']['narrow']
        assert own['less'] == pytest.approx(1 - own['median'] / teacher['median'])
        assert own['more'] == pytest.approx(teacher['median'] / own['median'] - 1) and teacher['more'] == 0
        assert own['low'] <= own['median'] <= own['high'] and len(own['seconds']['total']) == 3
        assert {'inputs', 'network', 'boxes'} <= set(own['seconds'])
        assert own['checkpoint'] and teacher['checkpoint'] is None
        assert own['parameters'] == sum(one.numel() for one in student.parameters())
    shown = capsys.readouterr().out
    assert '64x64 px, 2 threads' in shown and '1 - t/t_first' in shown


def test_operations_are_those_of_the_convolutions() -> None:
    """Twice the multiply-accumulates that each convolution says of itself."""
    cfg = Config(dict(model=model(0.125), default_scope='perception_kd'))
    (cell,) = benchmark_uav([(cfg, None)], UAVCase(sizes=(64,), runs=1, warm_up=0)).cells
    detector, by_hand = load_detector(cfg, None), []
    for layer in detector.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, _, out: by_hand.append(out.numel() * layer.weight[0].numel()))
    with torch.no_grad():
        detector.raw(torch.zeros(1, 3, 64, 64))
    assert cell.to_json()['sides']['detector']['gflops'] == pytest.approx(2 * sum(by_hand) / 1e9)


def test_graphs_are_sides(tmp_path, monkeypatch) -> None:
    """Those exported on the way, and files, each at its own size."""
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnxscript')
    from perception_kd.export.uav_graph import as_images
    from perception_kd.export.uav_int8 import quantise
    from perception_kd.export.uav_onnx import export_uav

    cfg = Config(dict(model=model(0.125), default_scope='perception_kd'))
    full, small = tmp_path / 'full.onnx', tmp_path / 'small.onnx'
    export_uav(cfg, None, full, size=(32, 32))
    quantise(full, small, iter([as_images([torch.zeros(3, 32, 32)])]))
    (cell,) = benchmark_uav([(cfg, None)], UAVCase(sizes=(32,), runs=2), onnx=[full, small, full]).cells
    sides = cell.to_json()['sides']
    assert list(sides) == ['detector', 'full.onnx', 'small.onnx', 'full.onnx (2)']
    assert [sides[name]['format'] for name in sides] == ['torch', 'onnx float32', 'onnx int8', 'onnx float32']
    assert sides['full.onnx']['gflops'] is None and sides['full.onnx']['seconds']['network']
    monkeypatch.setattr(uav, 'export_uav', lambda cfg, weights, path, **more: shutil.copy(full, path))
    monkeypatch.setattr(uav, 'export_int8', lambda cfg, weights, path, **more: shutil.copy(small, path))
    case = UAVCase(sizes=(32,), formats=('onnx-int8', 'torch', 'onnx'), runs=2)
    sides = benchmark_uav([(cfg, None)], case).cells[0].to_json()['sides']
    assert list(sides) == ['detector onnx-int8', 'detector', 'detector onnx']
    assert sides['detector onnx']['gflops'] == sides['detector']['gflops'] and sides['detector onnx']['parameters']
    with pytest.raises(ValueError, match='nothing to measure at 64x64'):
        benchmark_uav([], UAVCase(sizes=(64,), runs=2), onnx=[full])


@pytest.mark.parametrize(('words', 'line'), [
    (['--size', '60'], 'multiples of 32'), (['--threads', '0'], '--threads and --runs are 1 or more'),
    (['--warm-up', '-1'], '--warm-up 0 or more'), (['--formats', 'trt'], "torch, onnx, onnx-int8, got 'trt'"),
    (['--onnx', '/nowhere.onnx', '--size', '64'], '/nowhere.onnx does not exist')])
def test_bad_input(configs, words, line, monkeypatch, capsys) -> None:
    assert run(monkeypatch, configs[1], *words) == 1
    said = capsys.readouterr().err
    assert line in said and said.count('\n') == 1


def test_other_models_are_refused(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / 'other.py').write_text("model = dict(type='mmengine.ToyModel')\n")
    assert run(monkeypatch, tmp_path / 'other.py') == 1
    assert capsys.readouterr().err.count('\n') == 1
