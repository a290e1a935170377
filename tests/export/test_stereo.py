"""The ONNX file of a stereo matcher, and the student's file."""

import numpy as np
import pytest
import torch
from mmengine.config import Config

pytest.importorskip('onnxruntime')
pytest.importorskip('onnxscript')
import onnx

from perception_kd.export.onnx_file import save_if_equal
from perception_kd.export.stereo_graph import StereoGraph
from perception_kd.export.stereo_onnx import TOLERANCE, export_stereo, smooth_pair
from perception_kd.export.stereo_session import OnnxMatcher
from perception_kd.export.student import export_student, is_stereo, load_student
from perception_kd.inference.stereo.predictor import MatchSettings, StereoPredictor, load_matcher
from tests.inference.stereo.conftest import MATCHER, shifted_pair

SIZE = (64, 96)
CFG = Config(dict(model=dict(MATCHER)))


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory):
    """Of a matcher whose batch statistics are not those that it is built with."""
    torch.manual_seed(0)
    model = load_student(CFG)
    for name, buffer in model.named_buffers():
        if name.endswith('running_var'):
            buffer.uniform_(0.5, 2)
        elif name.endswith('running_mean'):
            buffer.normal_(std=0.2)
    path = tmp_path_factory.mktemp('weights') / 'matcher.pth'
    torch.save(dict(state_dict=model.state_dict()), path)
    return path


@pytest.fixture(scope='module')
def graph(checkpoint):
    """File and report."""
    out = checkpoint.parent / 'matcher.onnx'
    return out, export_stereo(CFG, checkpoint, out, size=SIZE, optimise=False)


def test_the_file_says_all(graph):
    path, report = graph
    assert {node.domain for node in onnx.load(path).graph.node} == {''} and 'GridSample' not in report.operators
    assert report.inputs == dict(left=(1, 3, *SIZE), right=(1, 3, *SIZE)) and report.outputs == dict(
        disparity=(1, 1, *SIZE))
    assert report.difference < 1e-3 and 'px, over 5 pairs' in str(report)
    found = OnnxMatcher(path)
    assert (found.size, found.max_disp, found.iterations) == (SIZE, 32, 2)
    assert set(found.meta['inputs']) == {'left', 'right'} and '0..255' in found.meta['inputs']['left']


def test_a_graph_matches_as_its_checkpoint(graph, checkpoint):
    """Pictures of its size, smaller ones, and larger ones, which are shrunk until they fit."""
    left, right = shifted_pair(6, height=64, width=96)
    ours, plain = load_matcher(CFG, graph[0]), load_matcher(CFG, checkpoint)
    exact = StereoPredictor(plain)(left, right)
    assert exact.std() > 0.1
    np.testing.assert_allclose(StereoPredictor(ours)(left, right), exact, atol=1e-3)
    small = StereoPredictor(ours)(left[:50, :80], right[:50, :80])
    assert small.shape == (50, 80)
    left, right = shifted_pair(6, height=120, width=160)
    predictor = StereoPredictor(ours)
    assert predictor.scale(120, 160) == pytest.approx(64 / 120) and predictor.searched(120, 160) == pytest.approx(60)
    expected = StereoPredictor(plain, MatchSettings(scale=64 / 120, max_disp=60))(left, right)
    np.testing.assert_allclose(predictor(left, right), expected, atol=2e-3)


def test_what_a_graph_cannot_do(graph, checkpoint):
    ours = load_matcher(CFG, graph[0])
    for settings, line in ((dict(max_disp=64), '--max-disp 64: the graph looks for 32 px'),
                           (dict(iterations=3), '--iterations 3: the graph has 2'),
                           (dict(two_pass=True), '--two-pass')):
        with pytest.raises(ValueError, match=line):
            StereoPredictor(ours, MatchSettings(**settings))
    with pytest.raises(ValueError, match='run on the CPU here'):
        load_matcher(CFG, graph[0], 'cuda')
    with pytest.raises(ValueError, match=r'takes left of \(1, 3, 64, 96\), got \(1, 3, 32, 96\)'):
        ours.disparity(torch.zeros(1, 3, 32, 96), torch.zeros(1, 3, 32, 96))


@pytest.mark.parametrize('difference', [0.051, float('nan')])
def test_a_graph_that_differs_leaves_the_file_as_it_was(graph, tmp_path, difference):
    out = tmp_path / 'matcher.onnx'
    out.write_text('an earlier export')
    with pytest.raises(ValueError, match=r'differs from PyTorch by .* px, allowed are 0.05 px'):
        save_if_equal(onnx.load(graph[0]), out, {}, lambda path: difference, TOLERANCE, ' px')
    assert out.read_text() == 'an earlier export' and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(('changes', 'line'), [
    (dict(size=(60, 96)), '--size 60 96: height and width are multiples of 32'), (dict(size=(32, 32)), '--size 32 32'),
    (dict(opset=17), '--opset 17'), (dict(max_disp=40), 'max_disp is a multiple of 32'),
    (dict(iterations=0), 'iterations is 1 or more')])
def test_bad_numbers(tmp_path, changes, line):
    with pytest.raises(ValueError, match=line):
        export_stereo(CFG, None, tmp_path / 'out.onnx', **{'size': SIZE, **changes})
    assert not list(tmp_path.iterdir())


def test_a_pair_is_shifted():
    pair = smooth_pair(SIZE, shift=7, seed=3)
    torch.testing.assert_close(pair['left'][..., 7:], pair['right'][..., :-7])
    assert pair['left'].std() > 20


def test_the_student_of_a_distiller(checkpoint, tmp_path):
    weights = torch.load(checkpoint)['state_dict']
    torch.save(dict(state_dict={f'student.{name}': value for name, value in weights.items()}), tmp_path / 'last.pth')
    cfg = Config(dict(model=dict(type='Distiller', student=CFG.model, teachers=dict())))
    assert is_stereo(cfg)
    export_student(cfg, tmp_path / 'last.pth', tmp_path / 'student.pth')
    pair = smooth_pair(SIZE, shift=5, seed=0)
    with torch.no_grad():
        found, expected = (StereoGraph(load_student(CFG, path))(pair)['disparity']
                           for path in (tmp_path / 'student.pth', checkpoint))
    assert torch.equal(found, expected)
