"""Past key frames: which they are, that they are where the ego car was, and the batch that comes of them."""

from __future__ import annotations

import copy
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.registry import DefaultScope, init_default_scope

import perception_kd.compat  # noqa: F401
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.poses import inverse, move
from perception_kd.datasets.nuscenes.store import InfoStore, past_rows
from perception_kd.datasets.transforms import ImageAug, LoadMultiViewImages, LoadPastFrames, LoadRadarSweeps, PackInputs
from perception_kd.engine.build import load_config
from perception_kd.engine.seeded import SeededDataset, SeededIndex
from perception_kd.models.det3d.preprocessor import CameraRadarPreprocessor
from perception_kd.registry import DATASETS, MODELS
from tests.tiny_world import INTRINSIC, SENSORS, boxes_at, sensor2global

CONFIGS = Path(__file__).parents[2] / 'configs' / 'demo'
TRAIN = 'nuscenes_infos_tiny_train.pkl'
OF_A_FRAME = {'img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'radar', 'to_key'}


def with_past(root: Path, past_frames: object = (1, 2), **options: object) -> NuScenesRadarDataset:
    return NuScenesRadarDataset(ann_file=TRAIN, data_root=str(root), past_frames=past_frames, **options)


@pytest.fixture
def configured(tiny_root):
    """The demo's data config on the tiny world: ``configured(past_frames=(1, 2))``."""
    def build(name: str = 'sim_student', **options: object) -> Config:
        return load_config(CONFIGS / f'{name}.py', {
            'data_root': str(tiny_root), 'train_split': 'tiny_train', 'val_split': 'tiny_val', 'decode_scale': 1,
            'test_split': 'tiny_val', 'final_size': (32, 96), 'image_aug.resize_lim': (0.5, 0.6), **options})
    init_default_scope('perception_kd')
    yield build
    DefaultScope._instance_dict.popitem()


def test_rows_go_by_scene_and_time_and_stop_at_starts_and_gaps():
    times = {'a': [0.5, 0.0, 1.0, 1.5], 'b': [7.0, 6.5, 6.0], 'c': [3.0, 5.0, 4.5, 5.5, 2.5]}
    infos = [{'scene_token': scene, 'timestamp': times[scene][place]}
             for place in range(5) for scene in times if place < len(times[scene])]
    rows = past_rows(infos, (1, 3))
    found = {(info['scene_token'], info['timestamp']): [(infos[row]['scene_token'], infos[row]['timestamp'])
                                                      for row in past] for info, past in zip(infos, rows)}
    assert found == {
        **{('a', now): [('a', one), ('a', three)] for now, one, three in
           [(0.0, 0.0, 0.0), (0.5, 0.0, 0.0), (1.0, 0.5, 0.0), (1.5, 1.0, 0.0)]},
        **{('b', now): [('b', one), ('b', 6.0)] for now, one in [(6.0, 6.0), (6.5, 6.0), (7.0, 6.5)]},
        # Between 3.0 and 4.5 the recording paused.
        **{('c', now): [('c', one), ('c', three)] for now, one, three in
           [(2.5, 2.5, 2.5), (3.0, 2.5, 2.5), (4.5, 4.5, 4.5), (5.0, 4.5, 4.5), (5.5, 5.0, 4.5)]}}
    assert past_rows([], (1, 2)).shape == (0, 2) and past_rows(infos, ()).shape == (12, 0)
    assert past_rows(infos[:1], (2,)).tolist() == [[0]]


def test_store_gives_copies_and_is_not_copied():
    store = InfoStore([{'a': [1]}, {'b': 2}])
    store[0]['a'].append(5)
    assert len(store) == 2 and store[0] == {'a': [1]} and store[1] == {'b': 2}
    assert copy.deepcopy(store) is store and pickle.loads(pickle.dumps(store))[1] == {'b': 2}


def test_past_infos_are_prepared_and_need_not_be_in_the_subset(tiny_root):
    whole = with_past(tiny_root, (2, 1), cameras=['CAM_FRONT'], radars=['RADAR_FRONT'])
    tokens = [whole.get_data_info(index)['token'] for index in range(6)]
    wanted = {5: [4, 3], 4: [3, 3], 3: [3, 3], 2: [1, 0]}
    parts = {index: with_past(tiny_root, indices=[index], lazy_init=True) for index in wanted}
    for index, past in wanted.items():
        for dataset, place in ((whole, index), (parts[index], 0), (whole.get_subset([index]), 0), (whole, index - 6)):
            info = dataset.get_data_info(place)
            assert [one['token'] for one in info['past']] == [tokens[row] for row in past]
    info, before = whole.get_data_info(5)['past'][0], whole.get_data_info(4)
    assert list(info['images']) == ['CAM_FRONT'] and list(info['radar_points']) == ['RADAR_FRONT']
    assert info['images']['CAM_FRONT']['img_path'] == before['images']['CAM_FRONT']['img_path']
    np.testing.assert_array_equal(info['ego2global'], before['ego2global'])
    assert 'ann_info' not in info and 'instances' not in info and 'past' not in info
    assert 'past' not in with_past(tiny_root, ()).get_data_info(0)


@pytest.mark.parametrize('wrong', [(0,), (-1, 2), (1.5,), (True,), (2, 2), 'ab', 3, None])
def test_wrong_past_frames(tiny_root, wrong):
    with pytest.raises(ValueError, match='past_frames must be different whole numbers above 0'):
        with_past(tiny_root, wrong)


def test_resting_things_stay_where_they_are(tiny_root):
    """Boxes of a past frame, moved by ``to_key``, are the key frame's; a past camera sees them where it saw them."""
    dataset, rest = with_past(tiny_root), [0, 2, 3]  # the truck drives
    info, load = dataset.get_data_info(5), [LoadMultiViewImages(), LoadRadarSweeps()]
    np.random.seed(1)
    for step in (*load, LoadPastFrames(transforms=load),
                 ImageAug(final_size=(32, 96), resize_lim=(0.5, 0.7), flip_prob=0.5, training=True)):
        info = step(info)
    packed = PackInputs(keys=('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'radar', 'past'))(info)['inputs']
    here = info['ann_info']['gt_bboxes_3d'][rest, :3]
    for past, index, seconds in zip(packed['past'], (4, 3), (0.5, 0.0)):
        then, to_key = dataset.get_data_info(index)['ann_info']['gt_bboxes_3d'][rest, :3], past['to_key'].numpy()
        np.testing.assert_allclose(move(to_key, then), here, atol=1e-4)
        assert np.linalg.norm(then - here, axis=1).min() > 2.5  # the ego car drove
        for camera, channel in enumerate(info['images']):
            global2cam = inverse(sensor2global(1, channel, seconds + SENSORS[channel][2]))
            for place, centre in zip(rest, here):
                original = INTRINSIC @ (global2cam @ [*boxes_at(seconds)[place][1], 1])[:3]
                key2cam = np.linalg.inv(to_key.astype(float) @ past['cam2lidar'][camera].numpy())
                seen = past['cam2img'][camera].numpy() @ (key2cam @ [*centre, 1])[:3]
                matrix = past['img_aug_matrix'][camera].numpy()
                np.testing.assert_allclose((matrix @ (seen / seen[2]))[:2], (matrix @ (original / original[2]))[:2],
                                           atol=0.02, rtol=1e-3)


def test_first_frame_stands_in_for_what_lies_before_it(tiny_root):
    info = with_past(tiny_root).get_data_info(3)
    load = [LoadMultiViewImages(), LoadRadarSweeps()]
    for step in (*load, LoadPastFrames(transforms=[dict(type='LoadMultiViewImages'), dict(type='LoadRadarSweeps')])):
        info = step(info)
    packed = PackInputs(keys=('past', 'img', 'radar', 'cam2lidar'))(info)['inputs']
    for past in packed['past']:
        assert set(past) == {'img', 'radar', 'cam2lidar', 'to_key'}
        torch.testing.assert_close(past['to_key'], torch.eye(4))
        assert all(torch.equal(past[key], packed[key]) for key in ('img', 'radar', 'cam2lidar'))


def test_pictures_of_all_frames_are_augmented_alike(tiny_root):
    def sample(seed: int) -> dict:
        info, load = with_past(tiny_root).get_data_info(5), LoadMultiViewImages()
        info = LoadPastFrames(transforms=[load])(load(info))
        np.random.seed(seed)
        return info

    aug = ImageAug(final_size=(32, 96), resize_lim=(0.5, 0.7), flip_prob=0.5, rot_deg=(-10, 10), training=True)
    done = aug(sample(0))
    assert not np.allclose(*done['img_aug_matrix'])  # each camera has a draw of its own
    for past, raw in zip(done['past'], sample(0)['past']):
        np.testing.assert_array_equal(past['img_aug_matrix'], done['img_aug_matrix'])
        np.random.seed(0)
        alone = aug({key: raw[key] for key in ('img', 'img_aug_matrix')})
        np.testing.assert_array_equal(np.stack(past['img']), np.stack(alone['img']))
    other = sample(0)
    other['past'][1]['img'][0] = other['past'][1]['img'][0][:-1]
    with pytest.raises(ValueError, match=f'sample {other["token"]}: the pictures of its past frame '
                                         f'{other["past"][1]["token"]} are'):
        aug(other)


def test_batches_of_workers(configured):
    """The loader's form, from two processes, and the student's batch."""
    dataset = DATASETS.build(configured(past_frames=(1, 2)).train_dataloader.dataset)
    loader = torch.utils.data.DataLoader(dataset, batch_size=2, num_workers=1, collate_fn=pseudo_collate,
                                         sampler=[5, 1])
    batch, = loader
    past = batch['inputs']['past']
    assert [set(frame) for frame in past] == [OF_A_FRAME] * 2
    assert all(isinstance(values, list) and len(values) == 2 for frame in past for values in frame.values())
    assert past[0]['img'][0].dtype == torch.uint8 and past[1]['to_key'][1].shape == (4, 4)
    out = CameraRadarPreprocessor()(batch)['inputs']
    for frame in out['past']:
        shapes = {key: tuple(value.shape) for key, value in frame.items() if key != 'radar'}
        assert shapes == {'img': (2, 2, 3, 32, 96), 'cam2lidar': (2, 2, 4, 4), 'cam2img': (2, 2, 3, 3),
                          'img_aug_matrix': (2, 2, 3, 3), 'to_key': (2, 4, 4)}
        assert [cloud.shape[1] for cloud in frame['radar']] == [7, 7]
        assert all(frame[key].dtype == torch.float32 for key in shapes)
        torch.testing.assert_close(frame['img_aug_matrix'], out['img_aug_matrix'])
    mean, std = torch.tensor([123.675, 116.28, 103.53]), torch.tensor([58.395, 57.12, 57.375])
    for frame, raw in zip(out['past'], past):
        torch.testing.assert_close(frame['img'][1] * std.view(3, 1, 1) + mean.view(3, 1, 1), raw['img'][1].float())
    assert {'scene_token', 'timestamp', 'ego2global', 'lidar2ego'} <= set(batch['data_samples'][0].metainfo)


def test_without_past_frames_a_sample_is_what_it_was(configured):
    """Bit for bit under the same seed: what the new transforms do, they do without a draw."""
    cfg = configured().train_dataloader.dataset
    plain = copy.deepcopy(cfg)
    plain.pipeline = [step for step in plain.pipeline if step.type not in ('LoadPastFrames', 'ToBEVFrame')]
    for step in plain.pipeline:
        for key in ('draw_sweeps', 'drop_points', 'radar'):
            step.pop(key, None)
    ours, theirs = (SeededDataset(dataset=one)[SeededIndex(4, (1, 2, 3))] for one in (cfg, plain))
    assert set(ours['inputs']) == set(theirs['inputs']) and 'past' not in ours['inputs']
    assert all(torch.equal(ours['inputs'][key], theirs['inputs'][key]) for key in ours['inputs'])
    assert torch.equal(*(one['data_samples'].gt_instances_3d.bboxes_3d.tensor for one in (ours, theirs)))


def test_past_radar_is_not_cut_by_the_key_frames_range(configured):
    limits = {'point_cloud_range': [-8.0, -8.0, -5.0, 8.0, 8.0, 3.0]}
    full, cut = (DATASETS.build(configured(**options, **limits).test_dataloader.dataset)[2]['inputs']
                 for options in (dict(past_frames=(1,)), {}))
    assert full['past'][0]['radar'][:, :2].abs().max() > 20
    # Nor are the key frame's, which are a later one's past.
    assert full['radar'][:, :2].abs().max() > 20 and cut['radar'].shape[0] < full['radar'].shape[0]
    kept = DATASETS.build(configured(cut_radar=False, **limits).test_dataloader.dataset)[2]['inputs']['radar']
    assert torch.equal(kept, full['radar'])


@pytest.mark.parametrize('bev_frame', ['lidar', 'ego'])
def test_frames_one_by_one_are_enough_for_streaming(configured, bev_frame):
    """What a student remembers of single frames equals what it sees in past ones, if their radar was not cut."""
    name, limits = 'sim_crn_student', {'point_cloud_range': [-12.8, -12.8, -5.0, 12.8, 12.8, 3.0], 'depth_stride': 8}
    with_past = configured(name, bev_frame=bev_frame, **limits)
    single = configured(name, bev_frame=bev_frame, past_frames=(), cut_radar=False, **limits)
    torch.manual_seed(0)
    student = MODELS.build(with_past.model).eval()
    streaming = MODELS.build({**single.model, 'streaming': (1, 2)}).eval()
    streaming.load_state_dict(student.state_dict())
    frames, singles = (DATASETS.build(cfg.test_dataloader.dataset) for cfg in (with_past, single))
    for index in range(3):
        found = []
        for model, dataset in ((student, frames), (streaming, singles)):
            with torch.no_grad():
                found.append(model.test_step(pseudo_collate([dataset[index]]))[0].pred_instances_3d)
        assert len(found[0]) == len(found[1]) > 0
        torch.testing.assert_close(found[0].bboxes_3d.tensor, found[1].bboxes_3d.tensor, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found[0].scores_3d, found[1].scores_3d, rtol=1e-4, atol=1e-6)


def test_missing_past_file_is_named_with_its_sample(tiny_root, tmp_path):
    shutil.copytree(tiny_root, tmp_path / 'root')
    dataset = with_past(tmp_path / 'root', (1,))
    info = dataset.get_data_info(5)
    picture, past = Path(info['past'][0]['images']['CAM_BACK']['img_path']), info['past'][0]['token']
    picture.unlink()
    with pytest.raises(FileNotFoundError, match=rf'sample {info["token"]}: its past frame {past}: .*no such picture') \
            as caught:
        LoadPastFrames(transforms=[LoadMultiViewImages()])(info)
    assert picture.name in str(caught.value) and '\n' not in str(caught.value)
    picture.write_bytes(b'no picture')
    with pytest.raises(ValueError, match=f'its past frame {past}: .*cannot be decoded'):
        LoadPastFrames(transforms=[LoadMultiViewImages()])(dataset.get_data_info(5))


def test_forgotten_loading_is_named(tiny_root):
    info = with_past(tiny_root).get_data_info(5)
    with pytest.raises(ValueError, match="'past' needs LoadPastFrames earlier"):
        PackInputs(keys=('radar', 'past'))(LoadRadarSweeps()(info))
