"""``tools/visualize.py maps`` on a tiny root: sheets, their list, and what is wrong in one line."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.engine.build import load_config
from perception_kd.overrides import named_overrides
from perception_kd.registry import MODELS
from perception_kd.visualization.maps.samples import SampleSource, _innermost
from tests.smoke.conftest import OPTIONS, ROOT

CONFIG = 'configs/demo/sim_imkd.py'
ONE_PAIR = ('model.teachers.lidar.allow_random=True', 'imkd_pairs.lidar_to_fused=None',
            'imkd_pairs.lidar_response=None')


@pytest.fixture
def draw(tiny_root, monkeypatch, capsys):
    """``draw(*arguments, options)`` gives the status, what was printed and the line of the error."""
    def run(*arguments: object, options: tuple = ()) -> tuple[int, str, str]:
        words = ['visualize.py', 'maps', CONFIG, *map(str, arguments), '--cfg-options', f'data_root={tiny_root}',
                 *OPTIONS, *options]
        monkeypatch.setattr(sys, 'argv', words)
        monkeypatch.chdir(ROOT)
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / 'tools/visualize.py'), run_name='__main__')
        out, err = capsys.readouterr()
        return end.value.code, out, next((line for line in err.splitlines() if line.startswith('error:')), '')
    return run


@pytest.fixture(scope='module')
def weights(tmp_path_factory) -> dict[str, Path]:
    """Files of the demo's distiller with one pair, and of its student alone, drawn with another seed than the config's.
    """
    torch.manual_seed(9)
    cfg = load_config(ROOT / CONFIG, named_overrides([['config', *ONE_PAIR]], 'options')['config'])
    init_default_scope(cfg.default_scope)
    model, folder = MODELS.build(cfg.model), tmp_path_factory.mktemp('weights')
    files = {name: folder / f'{name}.pth' for name in ('distiller', 'student')}
    for path, part in zip(files.values(), (model, model.student)):
        torch.save({'state_dict': part.state_dict()}, path)
    return files


def test_sheets_and_their_list(draw, weights, tmp_path):
    choices = ('--sample', '1', '1', '--average', '2', '--out', tmp_path)
    status, said, error = draw(weights['distiller'], *choices, options=ONE_PAIR)
    assert (status, error) == (0, '')
    listed = json.loads((tmp_path / 'maps.json').read_text())
    assert [one['file'] for one in listed['pictures']] == ['sample1_lidar_to_radar.png', 'sample1_student.png',
                                                           'average.png']
    assert [one['group'] for one in listed['pictures']] == ['lidar_to_radar', 'student', 'average']
    assert 'mask ActiveCells' in listed['pictures'][0]['caption'] and listed['left_out'] == {}
    for one in listed['pictures']:
        assert str(tmp_path / one['file']) in said
        picture = cv2.imread(str(tmp_path / one['file']))
        assert min(picture.shape[:2]) > 400 and picture.std() > 20


def test_pairs_whose_connector_is_not_in_the_file_are_left_out(draw, weights, tmp_path):
    """Through a connector that never learned, the student would seem worse than it is."""
    status, said, _ = draw(weights['student'], '--average', '0', '--out', tmp_path, options=ONE_PAIR)
    listed = json.loads((tmp_path / 'maps.json').read_text())
    assert status == 0 and [one['file'] for one in listed['pictures']] == ['sample0_student.png']
    assert 'holds a student alone' in listed['left_out']['lidar_to_radar']
    assert 'no maps of pair lidar_to_radar: ' in said and len([*tmp_path.glob('*.png')]) == 1


def test_what_is_wrong_is_one_line(draw, weights, tmp_path):
    student = weights['student']
    assert draw(tmp_path / 'no.pth', '--out', tmp_path)[2] == f'error: checkpoint {tmp_path}/no.pth does not exist'
    assert "no sample '99' among its 3" in draw(student, '--sample', '0', '99', '--out', tmp_path, options=ONE_PAIR)[2]
    assert "teacher 'lidar' has no checkpoint" in draw(student, '--out', tmp_path)[2]
    assert 'give a sample, or an average' in draw(student, '--sample', '--average', '0', '--out', tmp_path)[2]
    (tmp_path / 'file').write_text('')
    assert 'name a folder' in draw(student, '--out', tmp_path / 'file')[2]
    assert not list(tmp_path.glob('*.png')) and not (tmp_path / 'maps.json').exists()


def test_samples_are_loaded_as_in_training_and_the_same_each_time(tiny_root):
    words = dict(option.split('=') for option in OPTIONS)
    cfg = load_config(ROOT / CONFIG, {'data_root': str(tiny_root), **words, 'lidar_sweeps': 0, 'radar_draw.drop': 0.5})
    source = SampleSource(cfg)
    one, again = source.load(1), source.load(1)
    assert {'img', 'radar', 'points'} <= set(one.data['inputs'])
    for name in ('img', 'radar', 'points', 'lidar_aug_matrix'):
        assert torch.equal(one.data['inputs'][name][0], again.data['inputs'][name][0])
    assert torch.equal(one.data['inputs']['lidar_aug_matrix'][0], torch.eye(4))
    assert np.allclose(one.grid2ego, one.frame.lidar2ego) and one.outlines.shape[1:] == (4, 2) and len(one.outlines)
    assert source.spread(2) == [0, 2] and source.spread(50) == [0, 1, 2] and source.number(one.frame.token) == 1


def test_wrapped_and_joined_data_sets_are_opened():
    inside = dict(type='Inside', pipeline=[dict(type='A')])
    joined = dict(type='ConcatDataset', datasets=[inside, dict(inside, type='Other')])
    opened = _innermost(dict(type='CBGSDataset', dataset=joined))
    assert opened == inside and opened is not inside
