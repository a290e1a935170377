"""Whole batches: seeds, the closing of the mosaic through workers and a resume, sizes that change with the batch."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import Compose
from mmengine.registry import init_default_scope

from perception_kd.datasets.other_pictures import WithOtherPictures
from perception_kd.datasets.sample_epoch import made_for
from perception_kd.datasets.transforms.uav import BeforeLastEpochs, LoadPicture, PackPicture, multi_scale_collate
from perception_kd.engine.build import build_runner, load_config
from perception_kd.engine.runner import DistillRunner
from tests.datasets.transforms.drawn_targets import COLOURS, GREY, drawn

COUNT = 6
CONFIG = Path(__file__).parents[3] / 'configs/_base_/datasets/uav.py'


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """Six pictures with a drone in a colour of its own, and a bird; the last is a cut-off file."""
    root = tmp_path_factory.mktemp('uav')
    (root / 'annotations').mkdir()
    images, annotations = [], []
    for place in range(COUNT):
        picture = np.full((96, 128, 3), GREY, np.uint8)
        picture[10:14, 20 * place:20 * place + 6] = COLOURS[place]
        picture[60:64, 50:60] = 200
        cv2.imwrite(str(root / f'{place}.png'), picture)
        images.append(dict(id=place + 1, file_name=f'{place}.png', width=128, height=96))
        for box, category in (([20 * place, 10, 6, 4], 1), ([50, 60, 10, 4], 2)):
            annotations.append(dict(id=len(annotations) + 1, image_id=place + 1, category_id=category, bbox=box,
                                    area=box[2] * box[3], iscrowd=0))
    (root / f'{COUNT - 1}.png').write_bytes((root / f'{COUNT - 1}.png').read_bytes()[:20])
    content = dict(images=images, annotations=annotations,
                   categories=[dict(id=1, name='drone'), dict(id=2, name='bird')])
    for split in ('train', 'val'):
        (root / 'annotations' / f'{split}.json').write_text(json.dumps(content))
    return root


def loader_of(root, **options):
    """The training loader of the base config."""
    init_default_scope('perception_kd')
    cfg = load_config(CONFIG, {
        'data_root': str(root), 'image_size': 64, 'batch_size': 2, 'num_workers': 0, 'persistent_workers': False,
        'max_epochs': 3, 'close_mosaic': 1, **options})
    cfg.train_dataloader.dataset.dataset.max_corrupt = 1
    return DistillRunner.build_dataloader(cfg.train_dataloader, seed=3)


def epochs_of(loader, epochs, first=0):
    """Batches of each epoch."""
    out = []
    for epoch in range(first, epochs):
        loader.sampler.set_epoch(epoch)
        out.append(list(loader))
    return out


def same(one, two):
    """Whether two batches are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(one['inputs'], two['inputs'], strict=True)) and all(
        torch.equal(a.gt_instances.bboxes, b.gt_instances.bboxes) and a.img_shape == b.img_shape
        for a, b in zip(one['data_samples'], two['data_samples']))


def test_workers_and_resumes_draw_the_same(root):
    """Also across the closing of the mosaic, with a worker that stays and one started for the last epoch alone."""
    plain = epochs_of(loader_of(root), 3)
    kept = epochs_of(loader_of(root, num_workers=1, persistent_workers=True), 3)
    late = epochs_of(loader_of(root), 3, first=2)
    assert all(same(a, b) for one, two in zip(plain, kept) for a, b in zip(one, two, strict=True))
    assert all(same(a, b) for a, b in zip(plain[2], late[0], strict=True))
    assert not same(plain[0][0], plain[1][0])
    sizes = {batch['inputs'][0].shape[1] for epoch in plain for batch in epoch}
    assert sizes <= {64} and plain[0][0]['inputs'][0].dtype == torch.uint8  # 64 +- 16 has one multiple of 32


def trained(root, folder, resume=None):
    """Weights after two epochs of the small detector with mosaics, pasted targets and changing sizes."""
    cfg = load_config(CONFIG.parents[2] / 'uav/yolov5n_cbi.py', {
        'data_root': str(root), 'image_size': 128, 'batch_size': 2, 'num_workers': 0, 'persistent_workers': False,
        'max_epochs': 2, 'close_mosaic': 1, 'mosaic_prob': 1.0, 'paste_prob': 1.0, 'multi_scale': 0.25,
        'default_hooks.checkpoint.interval': 1})
    cfg.train_dataloader.dataset.dataset.max_corrupt = 1
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None, test_dataloader=None, test_cfg=None,
               test_evaluator=None)
    runner = build_runner(cfg, work_dir=folder, resume=resume, brief=True)
    runner.train()
    return {name: value.clone() for name, value in runner.model.state_dict().items()}, runner


def test_a_resumed_training_equals_one_that_ran_through(root, tmp_path):
    whole, runner = trained(root, tmp_path / 'whole')
    resumed, _ = trained(root, tmp_path / 'resumed', str(tmp_path / 'whole' / 'epoch_1.pth'))
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert runner.optim_wrapper.param_groups[0]['momentum'] == pytest.approx(0.937)
    assert f'sample {COUNT - 1}' in (tmp_path / 'whole' / 'quarantine.json').read_text()


def test_samples_tell_their_names_and_what_was_broken(root):
    seen = set()
    for batch in epochs_of(loader_of(root), 3):
        for sample in (one for part in batch for one in part['data_samples']):
            seen.add(sample.index)
            assert {'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'index'} <= set(sample.metainfo)
            assert type(sample.gt_instances.bboxes) is torch.Tensor
            assert (sample.index is None) == any(f'sample {COUNT - 1}' in one for one in sample.get('replaced', ()))
            assert set(sample.gt_instances.labels.tolist()) <= {0}  # birds have no box
    assert None in seen


def test_test_samples(root):
    init_default_scope('perception_kd')
    cfg = load_config(CONFIG, {'data_root': str(root), 'image_size': 64, 'max_epochs': 1,
                                                         'num_workers': 0, 'persistent_workers': False})
    dataset = DistillRunner.build_dataloader(cfg.val_dataloader).dataset
    sample = dataset[1]['data_samples']
    assert sample.scale_factor == (0.5, 0.5)
    assert sample.ori_shape == (96, 128)
    np.testing.assert_allclose(sample.gt_instances.bboxes, [[10, 5, 13, 7]])
    with pytest.raises(ValueError, match=f'{COUNT - 1}.png'):
        dataset[COUNT - 1]


def packed(boxes, *, draw=0.0, side=128, ignored=()):
    sample = drawn(boxes, shape=(side, side), ignored=ignored)
    sample = PackPicture(draw=True)(sample)
    sample['data_samples'].set_metainfo(dict(batch_draw=draw))
    return sample


@pytest.mark.parametrize(('draw', 'size'), [(0.0, 96), (0.34, 128), (0.999, 160)])
def test_boxes_follow_the_size_of_the_batch(draw, size):
    """The first sample's draw counts; pictures are those that OpenCV makes of them."""
    batch = [packed([(10, 20, 30, 44)], draw=draw), packed([(0, 0, 8, 8), (64, 64, 128, 128)], ignored=[False, True],
                                                           draw=0.7)]
    before = [one['inputs'].permute(1, 2, 0).numpy().copy() for one in batch]
    out = multi_scale_collate(batch, spread=0.25)
    factor = size / 128
    for one, old in zip(out['inputs'], before):
        assert one.shape == (3, size, size)
        mode = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        np.testing.assert_array_equal(one.permute(1, 2, 0), cv2.resize(old, (size, size), interpolation=mode))
    for sample, boxes in zip(out['data_samples'], ([[10, 20, 30, 44]], [[0, 0, 8, 8]])):
        np.testing.assert_array_equal(sample.gt_instances.bboxes, np.float32(boxes) * np.float32(factor))
        assert sample.img_shape == (size, size)
        assert sample.scale_factor == (factor, factor)
    np.testing.assert_array_equal(out['data_samples'][1].ignored_instances.bboxes,
                                  np.float32([[64, 64, 128, 128]]) * np.float32(factor))


def test_small_targets_hold_the_size_up():
    """A target of 1 px may not shrink; what is ignored does not count."""
    sizes = {multi_scale_collate([packed([(5, 5, 6, 9)], draw=draw)])['inputs'][0].shape[1]
             for draw in np.linspace(0, 0.99, 20)}
    assert sizes == {128, 160}
    sizes = {multi_scale_collate([packed([(5, 5, 6, 9)], draw=draw, ignored=[True])])['inputs'][0].shape[1]
             for draw in np.linspace(0, 0.99, 20)}
    assert sizes == {96, 128, 160}


def test_bad_batches():
    with pytest.raises(ValueError, match='128x128, 160x160'):
        multi_scale_collate([packed([]), packed([], side=160)])
    one = packed([])
    del one['data_samples'].batch_draw
    with pytest.raises(ValueError, match='draw=True'):
        multi_scale_collate([one])
    assert multi_scale_collate([packed([])], spread=0)['inputs'][0].shape == (3, 128, 128)


def test_mosaic_closes_by_the_epoch_of_the_sample():
    change = BeforeLastEpochs(transforms=[lambda results: 'mosaic'], otherwise=[lambda results: 'plain'], last=2,
                              max_epochs=5)
    said = []
    for epoch in (None, 0, 2, 3, 4, 5):
        with made_for(epoch):
            said.append(change({}))
    assert said == ['mosaic', 'mosaic', 'mosaic', 'plain', 'plain', 'plain']
    never = BeforeLastEpochs(transforms=[lambda results: 'mosaic'], otherwise=[], last=0, max_epochs=5, prob=0.0)
    assert never({'a': 1}) == {'a': 1}
    with pytest.raises(ValueError, match='last'):
        BeforeLastEpochs(transforms=[], last=-1, max_epochs=3)


class Loaded:
    """A data set without files; the third picture alone has a target that is not ignored."""

    def __len__(self):
        return 5

    def get_data_info(self, index):
        return {'instances': [dict(ignore_flag=int(index != 2))]}

    def __getitem__(self, index):
        return {'number': index, **({'replaced': ['sample 9']} if index == 2 else {})}


def test_others_are_drawn_with_targets_where_asked():
    def ask(results):
        drawn_ = results['other'](with_targets=True)
        return dict(number=results['number'], drawn=drawn_['number'], said=results['replaced'])

    data = WithOtherPictures(dataset=Loaded(), pipeline=[ask])
    for seed in range(5):
        np.random.seed(seed)
        assert data[0] == dict(number=0, drawn=2, said=['sample 9'])
    assert len(data) == 5
    assert data.get_data_info(0)['instances']


def test_truncated_picture(tmp_path):
    path = tmp_path / 'x.jpg'
    path.write_bytes(cv2.imencode('.jpg', np.zeros((50, 50, 3), np.uint8))[1].tobytes()[:-40])
    with pytest.raises(ValueError, match='truncated'):
        Compose([LoadPicture()])({'img_path': str(path)})
