"""``tools/pseudo_label.py stereo`` on a matcher and a monocular net of few weights."""

import json

import cv2
import numpy as np
import pytest
import torch

from perception_kd.engine.build import load_config
from perception_kd.pseudo_labels.commands import build_parser
from perception_kd.registry import DATASETS, MODELS
from tests.inference.stereo.conftest import MATCHER, save, shifted_pair

MONO = dict(type='MonoEstimator', net=dict(type='SmallMonoNet', width=4, tap_channels=4, backbone=dict(
    type='MobileBackbone', stem_channels=4, channels=(4, 4, 4, 4), depths=(1, 1, 1, 1))))
EASY = ['--left-right', '0', '--photometric', '0', '--keep', '0', '--no-check', '--pictures', '1']


def model_files(folder, name, model):
    """Config and random weights."""
    (folder / f'{name}.py').write_text(f'default_scope = {"perception_kd"!r}\nmodel = {model!r}\n')
    cfg = load_config(folder / f'{name}.py')
    torch.manual_seed(0)
    with torch.no_grad():
        built = MODELS.build(cfg.model)
    torch.save(dict(state_dict=built.state_dict()), folder / f'{name}.pth')
    return str(folder / f'{name}.py'), str(folder / f'{name}.pth')


@pytest.fixture(scope='module')
def teacher(tmp_path_factory):
    return model_files(tmp_path_factory.mktemp('teacher'), 'teacher', MATCHER)


@pytest.fixture
def folders(tmp_path):
    """Three pairs in two folders."""
    for number in range(3):
        for side, picture in zip(('left', 'right'), shifted_pair(4 + number, height=64, width=96)):
            save(tmp_path / side / f'{number}.png', picture)
    return [str(tmp_path / 'left'), str(tmp_path / 'right')]


def label(*words):
    args = build_parser('').parse_args(['stereo', *map(str, words)])
    return args.run(args)


def test_pairs_become_labels_and_a_list_that_trains(tmp_path, teacher, folders, capsys):
    out = tmp_path / 'out'
    assert label(*teacher, *folders, '--out', out, *EASY) == 0
    assert '3 of 3 pairs kept' in capsys.readouterr().out
    report = json.loads((out / 'labels.json').read_text())
    assert report['kept'] == 3 and report['keep_rate']['kept']['all tests'][0] == 1
    assert cv2.imread(str(out / 'keep_rate.png')) is not None and len(list((out / 'pictures').iterdir())) == 1
    stored = cv2.imread(str(out / 'disparity' / '0.png'), cv2.IMREAD_UNCHANGED)
    assert stored.dtype == np.uint16 and stored.shape == (64, 96)
    cfg = load_config('configs/compress/stereo_small_pseudo.py', dict(pseudo_root=str(out), crop_size=(32, 64)))
    dataset = DATASETS.build(cfg.train_dataloader.dataset.datasets[1])
    sample = dataset[0]['data_samples']
    assert len(dataset) == 3 and sample.gt_disp.shape == (32, 64) and sample.gt_valid.any()

    (out / 'disparity' / '1.png').unlink()
    before = (out / 'disparity' / '0.png').stat().st_mtime_ns
    assert label(*teacher, *folders, '--out', out, *EASY) == 0
    assert '2 of 3 pairs were labelled earlier' in capsys.readouterr().out
    assert (out / 'disparity' / '1.png').is_file() and (out / 'disparity' / '0.png').stat().st_mtime_ns == before
    with pytest.raises(ValueError, match='other settings'):
        label(*teacher, *folders, '--out', out, *EASY, '--angle', '20')


def test_a_broken_picture_fails_and_is_reported_and_the_others_are_labelled(tmp_path, teacher, folders, capsys):
    broken = tmp_path / 'left' / '1.png'
    whole = broken.read_bytes()
    broken.write_bytes(b'no picture')
    out = tmp_path / 'out'
    assert label(*teacher, *folders, '--out', out, *EASY, '--retries', '1') == 1
    told = capsys.readouterr().out
    assert f'failed: 1: {broken}: corrupt picture' in told and '1 of 3 pairs failed in every attempt' in told
    assert len((out / 'pairs.jsonl').read_text().splitlines()) == 2
    broken.write_bytes(whole)
    assert label(*teacher, *folders, '--out', out, *EASY, '--retries', '1') == 0
    assert [json.loads(line)['scene'] for line in (out / 'pairs.jsonl').read_text().splitlines()] == ['0', '1', '2']


def test_pairs_of_a_list_are_judged_by_a_monocular_net_and_by_their_rectification(tmp_path, teacher, folders, capsys):
    mono = model_files(tmp_path, 'mono', MONO)
    for side, picture in zip(('left', 'right'), shifted_pair(6, rows=4)):
        save(tmp_path / side / 'crooked.png', picture)
    entries = [dict(left=f'left/{name}.png', right=f'right/{name}.png', focal=90.0, baseline=0.1, scene=name)
               for name in ('0', 'crooked')]
    (tmp_path / 'own.jsonl').write_text('\n'.join(map(json.dumps, entries)))
    out = tmp_path / 'out'
    assert label(*teacher, tmp_path / 'own.jsonl', '--out', out, '--mono', *mono, '--encoding', 'fsd') == 0
    assert 'left out: 1 (unrectified)' in capsys.readouterr().out
    first, second = (json.loads(line) for line in (out / 'journal.jsonl').read_text().splitlines()[1:])
    assert set(first['row']['tests']) == {'inside', 'left_right', 'normals'} and first['row']['focal'] == 90
    assert second['row']['reason'].startswith('unrectified: ') and 'share' not in second['row']
    assert not (out / 'mask' / 'crooked.png').exists()


@pytest.mark.parametrize(('words', 'told'), [
    (['--keep', '2'], 'share to keep'), (['--count', '9'], 'there are 3 pairs'),
    (['--layout', 'middlebury'], 'one input'), (['--workers', '-1'], '0 or more'),
    (['--mono', 'TEACHER', 'WEIGHTS'], 'trained as MonoEstimator')])
def test_bad_input_is_told(tmp_path, teacher, folders, words, told):
    words = [dict(TEACHER=teacher[0], WEIGHTS=teacher[1]).get(word, word) for word in words]
    with pytest.raises(ValueError, match=told):
        label(*teacher, *folders, '--out', tmp_path / 'out', *words)
    assert not (tmp_path / 'out' / 'pairs.jsonl').exists()


def test_two_pairs_of_one_name(tmp_path, teacher, folders):
    entry = dict(left='left/0.png', right='right/0.png', scene='a')
    (tmp_path / 'own.jsonl').write_text('\n'.join(map(json.dumps, [entry, entry])))
    with pytest.raises(ValueError, match='several pairs have one name'):
        label(*teacher, tmp_path / 'own.jsonl', '--out', tmp_path / 'out')


