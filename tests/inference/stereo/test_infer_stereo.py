"""``tools/infer.py`` on stereo pairs, from the command line to every file."""

import json
import runpy
import sys

import numpy as np
import open3d
import pytest
import torch
from mmengine.config import Config

from perception_kd.evaluation.stereo.predictions import read_prediction
from perception_kd.export.student import load_student
from perception_kd.inference.stereo.outputs import formats_of
from tests.inference.stereo.conftest import MATCHER, save, shifted_pair


@pytest.fixture(scope='module')
def weights(tmp_path_factory):
    """Config and checkpoint of a matcher that nobody trained."""
    folder = tmp_path_factory.mktemp('weights')
    Config(dict(model=MATCHER)).dump(folder / 'tiny.py')
    torch.manual_seed(0)
    torch.save(dict(state_dict=load_student(Config(dict(model=MATCHER))).state_dict()), folder / 'tiny.pth')
    return str(folder / 'tiny.py'), str(folder / 'tiny.pth')


@pytest.fixture
def infer(monkeypatch, capsys):
    """``infer(*arguments)`` -> status, lines on stdout, and those on stderr that tell an error."""
    def run(*arguments) -> tuple[int, list[str], list[str]]:
        monkeypatch.setattr(sys, 'argv', ['infer.py', *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            runpy.run_path('tools/infer.py', run_name='__main__')
        out, err = capsys.readouterr()
        assert 'Traceback' not in err
        return left.value.code, out.splitlines(), [line for line in err.splitlines() if line.startswith('error:')]

    return run


def test_two_files_give_every_kind(infer, weights, pair, tmp_path):
    out = tmp_path / 'out'
    kinds = 'png,pfm,png16,npy,depth,depth16,ply'
    status, lines, _ = infer(*weights, *pair, '--out', out, '--focal', 90, '--baseline', 0.5, '--doffs', 3,
                             '--format', kinds, '--far', 1e6)
    name = pair[0].parent.name
    assert status == 0 and sorted(path.name for path in out.iterdir()) == sorted(
        [*kinds.split(','), 'pairs.json', 'timing.json'])
    disparity = read_prediction(out / f'pfm/{name}.pfm')
    assert disparity.shape == (70, 100) and np.isfinite(disparity).all() and np.ptp(disparity) > 0
    np.testing.assert_array_equal(read_prediction(out / f'npy/{name}.npy'), disparity)
    shown = np.clip(disparity, 1 / 256, None)
    np.testing.assert_allclose(read_prediction(out / f'png16/{name}.png'), shown, atol=1 / 512)
    depth = np.load(out / f'depth/{name}.npy')
    np.testing.assert_allclose(depth, np.where(disparity > -3, 45 / (disparity + 3), np.inf), rtol=1e-5)
    millimetres = read_prediction(out / f'depth16/{name}.png') * 256
    np.testing.assert_allclose(millimetres, np.where(depth < 65.5355, np.round(depth * 1000), np.nan), atol=1)
    cloud = np.asarray(open3d.io.read_point_cloud(str(out / f'ply/{name}.ply')).points)
    assert 0 < len(cloud) <= disparity.size and np.isin(np.float32(cloud[:, 2]), depth).all()
    entry = json.loads((out / 'pairs.json').read_text())['pairs'][0]
    assert entry['measured']['disparity'] == pytest.approx(6, abs=0.1) and entry['warnings'] == {}
    assert entry['depth']['least'] == pytest.approx(depth.min(), abs=1e-3)
    assert [str(out / file) for file in entry['files']] == lines[-8:-1]
    spread = json.loads((out / 'timing.json').read_text())['spread']
    assert next(iter(spread)) == 'load' and [*spread][-3:] == ['total', 'check', 'write'] and 'refine' in spread


def test_folders_in_two_passes_and_a_later_run(infer, weights, tmp_path):
    for number, disparity in enumerate((5, -7, -9)):    # the last two are the wrong way round
        for side, picture in zip(('left', 'right'), shifted_pair(disparity, height=80, width=100)):
            save(tmp_path / side / f'{number}.png', picture)
    folders, out = (tmp_path / 'left', tmp_path / 'right'), tmp_path / 'out'
    status, lines, _ = infer(*weights, *folders, '--out', out, '--two-pass', '--iterations', 1)
    warnings = [line for line in lines if line.startswith('warning:')]
    assert status == 0 and warnings[0].startswith('warning: 1: left and right look swapped: 100 %')
    assert warnings[1:] == [f'warning: swapped: 2 of 3 pairs, see {out / "pairs.json"}']
    assert lines[-1] == f'{out}: 3 pairs'
    assert sorted(str(path.relative_to(out)) for path in out.rglob('*.*')) == sorted(
        ['pairs.json', 'timing.json', *(f'{kind}/{number}.{"pfm" if kind == "pfm" else "png"}'
                                        for kind in ('pfm', 'png', 'png16') for number in range(3))])
    (out / 'png/own.png').touch()
    status, lines, _ = infer(*weights, *folders, '--out', out, '--samples', 0, '--format', 'pfm', '--no-check')
    assert status == 0 and lines[-1] == f'{out}: 1 pair' and 'warning' not in ''.join(lines)
    assert sorted(path.name for path in out.rglob('*.*')) == ['0.pfm', 'own.png', 'pairs.json', 'timing.json']


def test_a_calibration_beside_the_pictures(infer, weights, pair, tmp_path):
    text = 'cam0=[90 0 50; 0 90 35; 0 0 1]\nbaseline=500\ndoffs=3\nwidth=100\nheight=70\n'
    (tmp_path / 'calib.txt').write_text(text)
    assert infer(*weights, *pair, '--out', tmp_path / 'out')[0] == 0
    assert {path.name for path in (tmp_path / 'out').iterdir()} > {'depth', 'depth16', 'ply', 'png', 'pfm', 'png16'}
    (tmp_path / 'calib.txt').write_text(text.replace('=100', '=500'))
    status, _, errors = infer(*weights, *pair, '--out', tmp_path / 'other')
    assert status == 1 and 'the calibration is of pictures of 500x70, these are 100x70' in errors[0]


@pytest.mark.parametrize(('extra', 'line'), [
    (['--format', 'ply'], '--format ply needs the cameras: give --calib calib.txt, or --focal PX and --baseline M'),
    (['--format', 'mp4'], "--format takes some of png,pfm,png16,npy,depth,depth16,ply for stereo, got 'mp4'"),
    (['--radar', 'none'], '--radar is for 3D detection; '), (['--no-pictures'], '--no-pictures is for 3D detection; '),
    (['--score', '0.3'], '--score is for 3D detection; '),  # its default
    (['--select', 'render=x'], '--select chooses a part of a --layout'),
    (['--layout', 'middlebury', '--list', 'a'], 'give one of the two'),
    (['--list', 'a'], '--list a takes one input'),
    (['--focal', '3'], 'depth needs --focal PX and --baseline M'), (['--colours', '9', '3'], '--colours takes two'),
    (['--calib', 'none.txt'], 'calibration none.txt does not'), (['--far', '-1'], '--far is a distance above 0 m'),
    (['--layout', 'kitti2015'], '--layout kitti2015 takes one input'), (['--scale', '0.3'], 'are too small'),
    (['--device', 'moon'], '--device moon: give cpu'), (['--samples', '7'], "no pair '7' among 1")])
def test_what_is_wrong_is_told_in_one_line(infer, weights, pair, tmp_path, extra, line):
    status, _, errors = infer(*weights, *pair, '--out', tmp_path / 'out', *extra)
    assert status == 1 and len(errors) == 1 and line in errors[0]


def test_damaged_pictures(infer, weights, pair, tmp_path):
    pair[1].write_bytes(pair[1].read_bytes()[:40])
    status, _, errors = infer(*weights, *pair, '--out', tmp_path / 'out')
    assert status == 1 and 'corrupt picture' in errors[0] and str(pair[1]) in errors[0]
    assert not (tmp_path / 'out').exists()
    save(pair[1], np.zeros((60, 100, 3), np.uint8))
    status, _, errors = infer(*weights, *pair, '--out', tmp_path / 'out')
    assert status == 1 and 'right.png 100x60; a rectified pair has one size' in errors[0]


def test_inputs_are_not_replaced(infer, weights, pair, tmp_path):
    left = save(tmp_path / 'png' / 'one.png', np.zeros((70, 100, 3), np.uint8))
    before = left.read_bytes()
    status, _, errors = infer(*weights, left, pair[1], '--out', tmp_path)
    assert status == 1 and f'{left} is an input, and a result would replace it' in errors[0]
    assert left.read_bytes() == before and not (tmp_path / 'pairs.json').exists()


def test_pairs_of_a_list(infer, weights, pair, tmp_path):
    (tmp_path / 'some.jsonl').write_text(json.dumps(dict(left=pair[0].name, right=pair[1].name, scene='wall')))
    status, lines, _ = infer(*weights, pair[0].parent, '--list', tmp_path / 'some.jsonl', '--out', tmp_path / 'out',
                             '--no-check', '--format', 'pfm')
    assert status == 0 and (tmp_path / 'out/pfm/wall.pfm').is_file() and lines[-1].endswith('1 pair')


def test_options_of_stereo_are_none_of_detection(infer, weights, tmp_path):
    detection = tmp_path / 'detection.py'
    detection.write_text("model = dict(type='CameraRadarDetector')")
    status, _, errors = infer(detection, weights[1], tmp_path, '--out', tmp_path / 'out', '--two-pass')
    assert status == 1 and errors == [f'error: --two-pass is for stereo; {detection} is of 3D detection']
    status, _, errors = infer(detection, weights[1], tmp_path, tmp_path, '--out', tmp_path / 'out')
    assert status == 1 and errors == ['error: 3D detection takes one input, a root or a folder; got 2']
    detection.write_text("model = dict(type='MonoEstimator')")
    status, _, errors = infer(detection, weights[1], tmp_path, '--out', tmp_path / 'out')
    assert status == 1 and 'MonoEstimator is a part of other models' in errors[0]


def test_kinds_by_what_is_known():
    assert formats_of(None, False) == ('png', 'pfm', 'png16')
    assert formats_of(None, True) == ('png', 'pfm', 'png16', 'depth', 'depth16', 'ply')
    assert formats_of(' npy ,png,npy', False) == ('npy', 'png')
    with pytest.raises(ValueError, match="got ','"):
        formats_of(',', True)


def test_looking_farther_than_in_training_is_told(infer, weights, pair, tmp_path):
    trained = MATCHER['max_disp']
    for asked, told in ((trained, False), (trained + 1, True)):
        status, lines, _ = infer(*weights, *pair, '--out', tmp_path / 'out', '--format', 'pfm', '--max-disp', asked)
        expected = f'warning: looks for {trained + 32} px, trained for {trained}: expect wild matches'
        assert status == 0 and any(line.startswith(expected) for line in lines) == told
