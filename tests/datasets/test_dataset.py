"""The data set, the packed sample and the base configs, from the info file to the collated batch."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.datasets.transforms import LIDAR_COLUMNS, RADAR_COLUMNS, LoadRadarSweeps, PackInputs
from perception_kd.engine.references import resolve_references
from perception_kd.registry import DATASETS
from tests.tiny_world import VERSION

CONFIGS = Path(__file__).parents[2] / 'configs' / '_base_'
TRAIN = 'nuscenes_infos_tiny_train.pkl'


@pytest.fixture
def scope():
    init_default_scope('perception_kd')
    yield
    DefaultScope._instance_dict.popitem()


@pytest.fixture
def tiny_config(tmp_path):
    """A base data config with the rig of the simulated world, moved to the tiny one."""
    def build(name, root, **changes):
        path = tmp_path / 'config.py'
        path.write_text(f"_base_ = ['{CONFIGS}/rigs/sim_tiny.py', '{CONFIGS}/datasets/{name}.py']\n")
        cfg = Config.fromfile(str(path))
        cfg.merge_from_dict({
            'data_root': str(root), 'train_split': 'tiny_train', 'val_split': 'tiny_val',
            'test_split': 'tiny_val', 'point_cloud_range': [-40.0, -40, -5, 40, 40, 3], 'lidar_sweeps': 9,
            'radar_sweeps': 5, **changes})
        return resolve_references(cfg)
    return build


def test_sample_and_meta(tiny_root):
    dataset = NuScenesRadarDataset(ann_file=TRAIN, data_root=str(tiny_root))
    meta = dataset.metainfo
    assert len(dataset) == 6 and len(meta['classes']) == len(meta['palette']) == 10
    assert (meta['version'], meta['split']) == (VERSION, 'tiny_train')
    info = dataset.get_data_info(3)
    assert info['sample_idx'] == info['token'] == load_infos(tiny_root / TRAIN)[1][3]['token']
    assert info['ann_info']['gt_bboxes_3d'].shape == (5, 9)
    assert info['ann_info']['gt_labels_3d'].tolist() == [0, 1, 7, 9, 3]
    assert info['ann_info']['num_lidar_pts'].tolist() == [30, 30, 30, 30, 0]
    assert 'instances' not in info


def test_classes_and_sensors_can_be_chosen(tiny_root):
    dataset = NuScenesRadarDataset(
        ann_file=str(tiny_root / TRAIN), data_root=str(tiny_root), classes=['pedestrian', 'car'],
        cameras=['CAM_FRONT'], radars=[])
    info = dataset.get_data_info(0)
    assert info['ann_info']['gt_labels_3d'].tolist() == [1, 0]
    assert list(info['images']) == ['CAM_FRONT'] and info['radar_points'] == {}
    assert dataset.metainfo['classes'] == ('pedestrian', 'car')
    tasks = NuScenesRadarDataset(ann_file=TRAIN, data_root=str(tiny_root),
                                 classes=[['car'], ['barrier', 'truck'], ['pedestrian']])
    assert tasks.get_data_info(0)['ann_info']['gt_labels_3d'].tolist() == [0, 2, 3, 1]


@pytest.mark.parametrize('options, message', [
    ({'classes': ['car', 'tram']}, r"unknown classes \['tram'\]"),
    ({'cameras': ['CAM_TOP']}, 'no camera CAM_TOP; it has CAM_BACK, CAM_FRONT'),
    ({'radars': ['RADAR_TOP']}, 'no radar RADAR_TOP; it has RADAR_BACK_LEFT, RADAR_FRONT'),
])
def test_unknown_names(tiny_root, options, message):
    with pytest.raises(ValueError, match=message):
        NuScenesRadarDataset(ann_file=TRAIN, data_root=str(tiny_root), **options)


def test_missing_and_wrong_files(tiny_root, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'info file .*gone\.pkl is missing'):
        NuScenesRadarDataset(ann_file='gone.pkl', data_root=str(tiny_root))
    with pytest.raises(FileNotFoundError, match=r'data root .*nowhere does not exist'):
        NuScenesRadarDataset(ann_file=str(tiny_root / TRAIN), data_root=str(tmp_path / 'nowhere'))
    stamp, infos = load_infos(tiny_root / TRAIN)
    other = tmp_path / 'other.pkl'
    save_infos(other, {**stamp, 'version': 'v1.0-mini'}, infos)
    with pytest.raises(FileNotFoundError, match=rf"no version 'v1\.0-mini'; versions there: {VERSION}"):
        NuScenesRadarDataset(ann_file=str(other), data_root=str(tiny_root))
    save_infos(other, {**stamp, 'box_convention': 'mmdet3d-0.x lidar'}, infos)
    with pytest.raises(ValueError, match='box_convention'):
        NuScenesRadarDataset(ann_file=str(other), data_root=str(tiny_root))


@pytest.mark.parametrize('folder, message', [
    ('samples/CAM_FRONT', 'no such picture'),
    ('samples/LIDAR_TOP', 'no such LiDAR sweep'),
    ('sweeps/RADAR_FRONT', 'no such radar sweep'),
])
def test_missing_folder_is_named(tiny_root, tmp_path, scope, tiny_config, folder, message):
    root = tmp_path / 'root'
    shutil.copytree(tiny_root, root)
    shutil.rmtree(root / folder)
    cfg = tiny_config('nuscenes_camera_radar', root)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    with pytest.raises(FileNotFoundError, match=message) as caught:
        dataset[5]
    assert folder in str(caught.value) and '\n' not in str(caught.value)


def test_student_config(tiny_root, scope, tiny_config):
    cfg = tiny_config('nuscenes_camera_radar', tiny_root, final_size=(32, 96), decode_scale=1, depth_stride=4,
                      **{'image_aug.resize_lim': (0.5, 0.6)})
    train, test = (DATASETS.build(cfg[f'{name}_dataloader'].dataset) for name in ('train', 'test'))
    batch = pseudo_collate([train[0], train[1]])
    inputs = batch['inputs']
    assert set(inputs) == {'img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'points',
                           'radar', 'depth_target'}
    assert [tuple(image.shape) for image in inputs['img']] == [(2, 3, 32, 96)] * 2
    assert inputs['img'][0].dtype == torch.uint8 and inputs['img'][0].is_contiguous()
    shapes = {'cam2lidar': (2, 4, 4), 'cam2img': (2, 3, 3), 'img_aug_matrix': (2, 3, 3),
              'lidar_aug_matrix': (4, 4), 'depth_target': (2, 8, 24)}
    for key, shape in shapes.items():
        assert inputs[key][1].shape == shape and inputs[key][1].dtype == torch.float32
    assert inputs['points'][1].shape[1] == len(LIDAR_COLUMNS)
    assert inputs['radar'][1].shape[1] == len(RADAR_COLUMNS)
    truth = batch['data_samples'][1].gt_instances_3d
    assert truth.bboxes_3d.tensor.shape == (4, 9) and truth.labels_3d.tolist() == [0, 1, 7, 9]
    assert torch.isfinite(truth.bboxes_3d.tensor).all()
    sample = test[2]
    assert set(sample['inputs']) == set(inputs) - {'points', 'depth_target'}
    assert torch.equal(sample['inputs']['lidar_aug_matrix'], torch.eye(4))
    assert sample['data_samples'].sample_idx == sample['data_samples'].token
    assert 'gt_instances_3d' not in sample['data_samples']
    assert cfg.test_evaluator.ann_file == str(tiny_root / 'nuscenes_infos_tiny_val.pkl')


def test_student_tests_without_lidar_files(tiny_root, tmp_path, scope, tiny_config):
    shutil.copytree(tiny_root, tmp_path / 'root')
    for folder in ('samples', 'sweeps'):
        shutil.rmtree(tmp_path / 'root' / folder / 'LIDAR_TOP')
    cfg = tiny_config('nuscenes_camera_radar', tmp_path / 'root')
    assert len(DATASETS.build(cfg.test_dataloader.dataset)[0]['inputs']['radar'])


def test_teacher_config_needs_no_pictures(tiny_root, tmp_path, scope, tiny_config):
    shutil.copytree(tiny_root, tmp_path / 'root')
    shutil.rmtree(tmp_path / 'root' / 'samples' / 'CAM_FRONT')
    cfg = tiny_config('nuscenes_lidar', tmp_path / 'root', tasks=[['car'], ['truck']], lidar_sweeps=1)
    train, test = (DATASETS.build(cfg[f'{name}_dataloader'].dataset) for name in ('train', 'val'))
    sample = train[1]
    assert set(sample['inputs']) == {'points', 'radar', 'lidar_aug_matrix'}
    assert sample['data_samples'].gt_instances_3d.labels_3d.tolist() == [0, 1]
    assert len(torch.unique(sample['inputs']['points'][:, 4])) == 2
    matrix = sample['inputs']['lidar_aug_matrix']
    assert not torch.equal(matrix, torch.eye(4)) and torch.equal(matrix[3], torch.tensor([0, 0, 0, 1.0]))
    assert len(test) == 3 and test.metainfo['split'] == 'tiny_val'
    assert test.metainfo['classes'] == ('car', 'truck')


def test_workers_load_the_same(tiny_root, scope, tiny_config):
    cfg = tiny_config('nuscenes_camera_radar', tiny_root)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    loader = torch.utils.data.DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=pseudo_collate)
    for index, batch in enumerate(loader):
        for place, image in enumerate(batch['inputs']['img']):
            assert torch.equal(image, dataset[2 * index + place]['inputs']['img'])


def test_pack_says_what_is_missing(tiny_root):
    info = NuScenesRadarDataset(ann_file=TRAIN, data_root=str(tiny_root)).get_data_info(0)
    with pytest.raises(ValueError, match="unknown keys \\['image'\\]"):
        PackInputs(keys=('image',))
    with pytest.raises(ValueError, match="'points' needs LoadLidarSweeps earlier in the pipeline"):
        PackInputs(keys=('radar', 'points'))(LoadRadarSweeps()(info))
    with pytest.raises(ValueError, match="'cam2lidar' needs LoadMultiViewImages"):
        PackInputs(keys=('cam2lidar',))(info)


def test_packed_matrices_invert_the_infos(tiny_root, scope, tiny_config):
    cfg = tiny_config('nuscenes_camera_radar', tiny_root)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    packed, info = dataset[1]['inputs'], dataset.get_data_info(1)
    for index, image in enumerate(info['images'].values()):
        product = packed['cam2lidar'][index].numpy() @ image['lidar2cam']
        np.testing.assert_allclose(product, np.eye(4), atol=1e-5)
        np.testing.assert_allclose(packed['cam2img'][index], image['cam2img'], rtol=1e-6)


@pytest.mark.parametrize('spoil', [
    lambda info: info.pop('ego2global'), lambda info: info.update(ego2global=[[1.0] * 3] * 3),
    lambda info: info['images']['CAM_FRONT'].update(cam2img='x'), lambda info: info.update(lidar_sweeps=None),
    lambda info: info['radar_points']['RADAR_FRONT'].pop('radar_path'), lambda info: info.update(instances=[7])])
def test_info_of_another_form(tiny_root, tmp_path, spoil):
    stamp, infos = load_infos(tiny_root / TRAIN)
    spoil(infos[1])
    save_infos(tmp_path / 'infos.pkl', stamp, infos)
    dataset = NuScenesRadarDataset(ann_file=str(tmp_path / 'infos.pkl'), data_root=str(tiny_root))
    assert dataset.get_data_info(0)['token'] == infos[0]['token']
    with pytest.raises(ValueError, match=r'infos\.pkl: key frame 1: damaged'):
        dataset.get_data_info(1)


def test_empty_info_file(tiny_root, tmp_path):
    save_infos(tmp_path / 'infos.pkl', load_infos(tiny_root / TRAIN)[0], [])
    with pytest.raises(ValueError, match=r'infos\.pkl: has no key frame'):
        NuScenesRadarDataset(ann_file=str(tmp_path / 'infos.pkl'), data_root=str(tiny_root))
