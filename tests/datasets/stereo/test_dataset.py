"""The data set over layouts, folders and lists, up to what models get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import ConcatDataset
from mmengine.registry import DefaultScope

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.datasets.stereo.pair_list import read_pair_list
from perception_kd.datasets.stereo.pfm import write_pfm
from perception_kd.datasets.transforms.stereo_load import LoadDisparity, LoadStereoPair
from perception_kd.datasets.transforms.stereo_pack import PackStereoInputs
from perception_kd.datasets.transforms.stereo_sparsity import StereoBySparsity
from perception_kd.engine.references import resolve_references
from perception_kd.registry import DATASETS
from tests.datasets.stereo.pairs import plane_pair

PIPELINE = [LoadStereoPair(), LoadDisparity(right=True), PackStereoInputs()]
CALIB = 'cam0=[500 0 1; 0 500 1; 0 0 1]\ncam1=[500 0 3; 0 500 1; 0 0 1]\ndoffs=2\nbaseline=60\n'


def pairs_of(root: Path, **settings: Any) -> StereoDataset:
    """Without packing the records, which collects garbage each time."""
    return StereoDataset(data_root=str(root), serialize_data=False, **settings)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three scenes for training, one each for validation and test."""
    pair = plane_pair()
    for scene in ('train/a', 'train/b', 'train/c', 'val/d', 'test/e'):
        folder = tmp_path / scene
        folder.mkdir(parents=True)
        for name, key in (('im0', 'left'), ('im1', 'right')):
            cv2.imwrite(str(folder / f'{name}.png'), pair[key][..., ::-1])
        write_pfm(folder / 'disp0.pfm', pair['disp'])
        write_pfm(folder / 'disp1.pfm', pair['disp_right'])
        cv2.imwrite(str(folder / 'mask0nocc.png'), np.where(pair['noc'], 255, 128))
        (folder / 'calib.txt').write_text(CALIB)
    return tmp_path


def test_what_models_get(root: Path) -> None:
    dataset = pairs_of(root, split='train', name='planes', pipeline=PIPELINE)
    assert len(dataset) == 3
    packed, pair = dataset[1], plane_pair()
    assert torch.equal(packed['inputs']['left'], torch.from_numpy(pair['left']).permute(2, 0, 1))
    assert torch.equal(packed['inputs']['right'], torch.from_numpy(pair['right']).permute(2, 0, 1))
    sample = packed['data_samples']
    assert torch.equal(sample.gt_disp, torch.from_numpy(pair['disp'])) and sample.gt_disp.dtype == torch.float32
    assert sample.gt_valid.all() and torch.equal(sample.gt_noc, torch.from_numpy(pair['noc']))
    assert sample.metainfo == dict(
        ori_shape=(48, 96), dataset='planes', scene='b', focal=500.0, baseline=0.06, doffs=2.0, index=1,
        left_path=str(root / 'train/b/im0.png'), right_path=str(root / 'train/b/im1.png'))


def test_folders_without_truth(root: Path) -> None:
    layout = dict(left='train/*/im0.png', right='train/*/im1.png')
    with pytest.raises(ValueError, match=r'3 of 3 pairs are incomplete, first: no disparity .*truth=False'):
        pairs_of(root, layout=layout)
    plain = pairs_of(root, layout=layout, truth=False, test_mode=True, pipeline=[
        LoadStereoPair(), LoadDisparity(required=False), PackStereoInputs()])
    sample = plain[0]['data_samples']
    assert 'gt_disp' not in sample and 'focal' not in sample.metainfo and sample.dataset == 'pairs'
    with pytest.raises(ValueError, match='no disparity to load'):
        pairs_of(root, layout=layout, truth=False, test_mode=True, pipeline=PIPELINE)[0]


def test_a_list(root: Path) -> None:
    lines = [{'left': 'train/a/im0.png', 'right': 'train/a/im1.png', 'disp': 'train/a/disp0.pfm', 'focal': 3},
             {'left': str(root / 'val/d/im0.png'), 'right': 'val/d/im1.png', 'disp': 'val/d/disp0.pfm', 'sparse': True,
              'dataset': 'other', 'scene': 'd', 'noc': 'val/d/mask0nocc.png'}]
    (root / 'some.jsonl').write_text('\n'.join(map(json.dumps, lines)) + '\n\n')
    dataset = pairs_of(root, ann_file='some.jsonl', pipeline=PIPELINE)
    first, second = (dataset[place]['data_samples'] for place in (0, 1))
    assert (first.dataset, first.scene, first.focal) == ('some', 'train/a/im0', 3)
    assert (second.dataset, second.scene) == ('other', 'd') and 'gt_noc' in second and 'gt_noc' not in first
    assert dataset.get_data_info(1)['sparse'] is True
    with pytest.raises(ValueError, match='a list names its files itself'):
        pairs_of(root, ann_file='some.jsonl', split='train')


@pytest.mark.parametrize(('line', 'message'), [
    ('{"left": "a"}', 'not an object with left and right'), ('[1]', 'not an object'), ('{"left": ', 'line 1'),
    ('{"left": "a", "right": "b", "depth": "c"}', 'unknown depth'), ('{"left": "a", "right": 3}', 'right cannot be 3'),
    ('{"left": "a", "right": "b", "decoder": "png"}', "unknown decoder 'png'"), ('\xff', 'line 1'),
    ('{"left": "a", "right": "b", "focal": NaN}', 'focal cannot be nan'), ('', 'names no pair'),
    ('[' * 9999, 'line 1')])
def test_a_bad_list_is_named(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / 'a.jsonl').write_bytes(line.encode('latin1'))
    with pytest.raises(ValueError, match=message) as caught:
        read_pair_list(tmp_path / 'a.jsonl', tmp_path)
    assert str(caught.value).startswith(str(tmp_path / 'a.jsonl')) and '\n' not in str(caught.value)


def test_what_is_impossible_is_refused(root: Path) -> None:
    with pytest.raises(ValueError, match="unknown layout 'kitti'"):
        pairs_of(root, layout='kitti')
    with pytest.raises(ValueError, match='no left picture valid/'):
        pairs_of(root, split='valid')
    with pytest.raises(ValueError, match='count asks for 4 of 3'):
        pairs_of(root, split='train', count=4)
    with pytest.raises(ValueError, match='at least 1'):
        pairs_of(root, repeat=0)
    with pytest.raises(FileNotFoundError):
        pairs_of(root / 'none')


def test_pairs_with_files_missing(root: Path) -> None:
    (root / 'train/b/im1.png').unlink()
    (root / 'train/c/disp0.pfm').unlink()
    with pytest.raises(ValueError, match=r'2 of 3 pairs are incomplete, first: no right picture .*b/im1\.png'):
        pairs_of(root, split='train')
    left = pairs_of(root, split='train', skip_incomplete=True)
    assert [left.get_data_info(place)['scene'] for place in range(len(left))] == ['a']


def test_repeats_draws_and_sets_together(root: Path) -> None:
    twice = pairs_of(root, split='train', repeat=2, count=2, count_seed=1000, pipeline=PIPELINE)
    state = np.random.get_state()
    np.random.seed(1000)  # as the authors of RAFT-Stereo draw their validation pictures
    drawn = ['abc'[place] for place in sorted(np.random.permutation(3)[:2])]
    np.random.set_state(state)
    assert [twice.get_data_info(place)['scene'] for place in range(4)] == drawn * 2
    both = ConcatDataset([twice, pairs_of(root, split='val', pipeline=PIPELINE, name='x')])
    assert len(both) == 5 and both[4]['data_samples'].dataset == 'x'


def test_steps_by_sparsity() -> None:
    step = StereoBySparsity(dense=[lambda sample: {**sample, 'was': 'dense'}],
                            sparse=[lambda sample: {**sample, 'was': 'sparse'}])
    assert step({'sparse': True})['was'] == 'sparse' and step({'sparse': False})['was'] == 'dense'


def test_broken_files_are_replaced_or_named(root: Path) -> None:
    (root / 'train/b/im1.png').write_bytes((root / 'train/b/im1.png').read_bytes()[:-30])
    patient = pairs_of(root, split='train', max_corrupt=1, pipeline=PIPELINE)
    sample = patient[1]['data_samples']
    assert sample.scene in 'ac' and 'im1.png: corrupt picture' in sample.replaced[0]
    strict = pairs_of(root, split='train', pipeline=PIPELINE, test_mode=True)
    with pytest.raises(ValueError, match=r'b/im1\.png: corrupt picture'):
        strict[1]
    cv2.imwrite(str(root / 'train/a/im1.png'), np.zeros((48, 95, 3), np.uint8))
    with pytest.raises(ValueError, match=r'a/im1\.png: 95 x 48 pixels, its left picture .* has 96 x 48'):
        strict[0]
    write_pfm(root / 'train/c/disp0.pfm', np.full((48, 96), np.inf))
    with pytest.raises(ValueError, match=r'c/disp0\.pfm: no pixel with a disparity'):
        strict[2]
    write_pfm(root / 'train/c/disp0.pfm', np.ones((47, 96)))
    with pytest.raises(ValueError, match=r'c/disp0\.pfm: 96 x 47 pixels, the picture'):
        strict[2]


def test_base_config_trains_on_crops_and_tests_on_wholes(root: Path) -> None:
    DefaultScope.get_instance('stereo data', scope_name='perception_kd')
    cfg = Config.fromfile('configs/_base_/datasets/stereo.py')
    cfg.merge_from_dict(dict(data_root=str(root), crop_size=(32, 64)))
    cfg = resolve_references(cfg)
    train, val, test = (DATASETS.build({**cfg[f'{part}_dataloader'].dataset, 'serialize_data': part == 'train'})
                        for part in ('train', 'val', 'test'))
    assert (len(train), len(val), len(test)) == (3, 1, 1)
    assert train[0]['inputs']['left'].shape == (3, 32, 64) and train[0]['data_samples'].gt_disp.shape == (32, 64)
    assert val[0]['inputs']['left'].shape == (3, 48, 96) and test[0]['data_samples'].scene == 'e'


@pytest.mark.parametrize('name', ['sceneflow', 'kitti', 'mixture', 'zero_shot'])
def test_every_data_set_of_the_other_configs_can_be_made(name: str) -> None:
    DefaultScope.get_instance('stereo data', scope_name='perception_kd')
    cfg = resolve_references(Config.fromfile(f'configs/_base_/datasets/stereo_{name}.py'))
    for loader in (value for key, value in cfg.items() if key.endswith('_dataloader')):
        for one in loader.dataset.get('datasets') or [loader.dataset]:
            dataset = DATASETS.build({**one, 'lazy_init': True})
            assert dataset.pipeline.transforms[-1].__class__ is PackStereoInputs
