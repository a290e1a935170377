"""``tools/evaluate.py stereo`` and ``sgbm`` on pairs in a public layout."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from perception_kd.datasets.stereo.pfm import read_pfm, write_pfm
from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.stereo.metric import StereoMetric
from perception_kd.evaluation.stereo.pairs import PairSource, samples
from tests.evaluation.stereo.pair_folder import write_pairs

TOOL = Path(__file__).parents[3] / 'tools' / 'test.py'
CONFIG = """
default_scope = 'perception_kd'
custom_imports = dict(imports=['tests.evaluation.stereo.echo_stereo'])
model = dict(type='OffByWeight')
test_dataloader = dict(
    batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='StereoDataset', data_root={root!r}, split='train', name='made', test_mode=True, pipeline=[
        dict(type='LoadStereoPair'), dict(type='LoadDisparity'), dict(type='PackStereoInputs')]))
test_cfg = dict()
test_evaluator = dict(type='StereoMetric')
"""


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pairs."""
    return write_pairs(tmp_path_factory.mktemp('pairs'))


def _run(*args: object) -> int:
    parsed = build_parser('').parse_args([str(one) for one in args])
    return parsed.run(parsed)


def test_sgbm_and_its_stored_maps_score_alike(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Tuned on one pair, run on all, scored again from files and by the Runner's metric: the same figures."""
    pairs = ('--root', root, '--split', 'train')
    assert _run('sgbm', *pairs, '--count', 1, '--max-disp', 16, '--rounds', 1, '--tune', '--out', tmp_path) == 0
    tuned = json.loads((tmp_path / 'sgbm.json').read_text())
    assert tuned['after'] <= tuned['before'] and len(tuned['tuned_on']['pairs']) == 1
    assert _run('sgbm', *pairs, '--settings', tmp_path / 'sgbm.json', '--out', tmp_path / 'run') == 0
    first = json.loads((tmp_path / 'run' / 'stereo_metrics.json').read_text())
    assert first['settings'] == tuned['settings'] and len(first['seconds']) == 2
    capsys.readouterr()
    assert _run('stereo', tmp_path / 'run' / 'predictions', *pairs, '--out', tmp_path / 'again') == 0
    again = json.loads((tmp_path / 'again' / 'stereo_metrics.json').read_text())
    assert again['datasets'] == first['datasets']
    assert 'middlebury: 2 pairs; noc, image_mean' in capsys.readouterr().out
    metric = StereoMetric()
    for sample in samples(PairSource(root=root, layout='middlebury', split='train').open()):
        metric.process(None, [dict(
            dataset=sample['dataset'], scene=sample['scene'], left_path=sample['left_path'], gt_disp=sample['disp'],
            gt_valid=sample['valid'], gt_noc=sample['noc'],
            pred_disp=read_pfm(tmp_path / 'run' / 'predictions' / f'{sample["scene"]}.pfm'))])
    figures = again['datasets']['middlebury']['regions']['noc']['figures']
    assert metric.evaluate(2)['stereo/middlebury/BP-2_noc'] == pytest.approx(figures['BP-2'])


def test_region_range_and_protocol(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A map that is off by 2.5 px everywhere: what counts is what was asked for."""
    for name in ('lamp', 'vase'):
        write_pfm(tmp_path / f'{name}.pfm', read_pfm(root / 'train' / name / 'disp0.pfm') + 2.5)
    common = ('stereo', tmp_path, '--root', root, '--split', 'train', '--out', tmp_path / 'out')
    assert _run(*common, '--region', 'occ', '--below', 10, '--thresholds', 2, 2.5) == 0
    found = json.loads((tmp_path / 'out' / 'stereo_metrics.json').read_text())['datasets']['middlebury']
    assert found['region'] == 'occ'
    assert found['regions']['occ']['figures'] == pytest.approx({'EPE': 2.5, 'BP-2': 100, 'BP-2.5': 0, 'D1': 0,
                                                                'density': 100})
    hidden = np.isfinite(read_pfm(root / 'train' / 'lamp' / 'disp0.pfm'))
    hidden &= cv2.imread(str(root / 'train' / 'lamp' / 'mask0nocc.png'), 0) != 255
    assert found['pictures']['lamp']['occ']['pixels'] == hidden.sum()
    assert _run(*common, '--protocol', 'raft_stereo') == 0
    assert 'all, image_mean, any disparity, D1 without its 5 %' in capsys.readouterr().out


def test_pairs_of_a_list(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Files that lie in no layout are named by a list, and scored as those of the layout."""
    lines = [{'left': f'{name}/im0.png', 'right': f'{name}/im1.png', 'disp': f'{name}/disp0.pfm', 'scene': name,
              'noc': f'{name}/mask0nocc.png'} for name in ('lamp', 'vase')]
    listed = tmp_path / 'kitti_own.jsonl'
    listed.write_text('\n'.join(map(json.dumps, lines)))
    for name in ('lamp', 'vase'):
        write_pfm(tmp_path / f'{name}.pfm', read_pfm(root / 'train' / name / 'disp0.pfm') + 2.5)
    assert _run('stereo', tmp_path, '--root', root / 'train', '--list', listed, '--out', tmp_path / 'a') == 0
    assert 'kitti_own: 2 pairs; noc, pixel_pool' in capsys.readouterr().out
    assert _run('stereo', tmp_path, '--root', root, '--split', 'train', '--out', tmp_path / 'b') == 0
    first, second = (json.loads((tmp_path / out / 'stereo_metrics.json').read_text())['datasets'] for out in 'ab')
    assert first['kitti_own']['pictures'] == second['middlebury']['pictures']
    with pytest.raises(ValueError, match='give no layout'):
        _run('stereo', tmp_path, '--root', root, '--list', listed, '--layout', 'eth3d')


def test_nothing_to_score_is_told(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """No pixel has so small a disparity."""
    for name in ('lamp', 'vase'):
        write_pfm(tmp_path / f'{name}.pfm', np.ones((48, 96)))
    assert _run('stereo', tmp_path, '--root', root, '--split', 'train', '--below', 1) == 0
    assert 'nothing is scored' in capsys.readouterr().out


def test_what_is_wrong_is_told(root: Path, tmp_path: Path) -> None:
    """Missing maps, other sizes, unknown names: one line with the name."""
    common = ('--root', root, '--split', 'train')
    with pytest.raises(FileNotFoundError, match='no prediction for pair lamp'):
        _run('stereo', tmp_path, *common)
    with pytest.raises(FileNotFoundError, match=r'folder of predictions .* does not exist'):
        _run('stereo', tmp_path / 'none', *common)
    for name in ('lamp', 'vase'):
        write_pfm(tmp_path / f'{name}.pfm', np.ones((3, 4)))
    with pytest.raises(ValueError, match=r'lamp.pfm: disparity is 4 x 3 px, its truth 96 x 48'):
        _run('stereo', tmp_path, *common)
    for wrong, message in ((('--protocol', 'x'), 'protocol'), (('--select', 'x'), 'KEY=VALUE'),
                           (('--layout', 'x'), 'unknown layout'), (('--split', 'val'), 'no left picture')):
        with pytest.raises(ValueError, match=message):
            _run('stereo', tmp_path, *common, *wrong)


def test_one_file_is_not_two_predictions(tmp_path: Path) -> None:
    """A map called as the left picture serves one pair alone."""
    write_pairs(tmp_path)
    write_pfm(tmp_path / 'maps' / 'im0.pfm', np.ones((48, 96)))
    with pytest.raises(ValueError, match='the prediction for lamp and for vase'):
        _run('stereo', tmp_path / 'maps', '--root', tmp_path, '--split', 'train')


def test_maps_of_a_runner_score_alike(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``tools/test.py`` leaves of a config gives its figures again; ``--format-only`` leaves the maps alone."""
    config, weights = tmp_path / 'echo.py', tmp_path / 'weights.pth'
    config.write_text(CONFIG.format(root=str(root)))
    torch.save({'state_dict': {'weight': torch.tensor(2.25)}}, weights)
    for out, more in (('out', []), ('only', ['--format-only'])):
        words = ['test.py', config, weights, '--work-dir', tmp_path / out, *more]
        monkeypatch.setattr(sys, 'argv', list(map(str, words)))
        assert runpy.run_path(str(TOOL))['main']() == 0
    maps = tmp_path / 'out' / 'predictions' / 'made'
    assert _run('stereo', maps, '--root', root, '--split', 'train', '--name', 'made', '--out', tmp_path / 'again') == 0
    first, again = (json.loads((tmp_path / out / 'stereo_metrics.json').read_text()) for out in ('out', 'again'))
    assert first['datasets'] == again['datasets']
    assert first['datasets']['made']['regions']['noc']['figures']['EPE'] == pytest.approx(2.25)
    assert not (tmp_path / 'only' / 'stereo_metrics.json').exists()
    assert (tmp_path / 'only/predictions/made/lamp.pfm').read_bytes() == (maps / 'lamp.pfm').read_bytes()
