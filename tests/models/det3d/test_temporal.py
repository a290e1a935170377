"""Past key frames: no gradient, moved by the ego motion, and streaming that equals recomputing."""

from copy import deepcopy

import numpy as np
import pytest
import torch

from perception_kd.datasets.nuscenes.poses import frame_motion, pose_matrix
from perception_kd.distill.taps import TapRecorder
from tests.models.det3d.worlds import NORM, build, collate, sample, student_cfg

BACK = (1, 3)
QUARTER = torch.tensor([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


def _temporal_cfg(**changes):
    return student_cfg(temporal=dict(type='TemporalFuser', frames=3, norm_cfg=NORM), **changes)


def _prepared(model, *seeds):
    return model.data_preprocessor(collate(*(sample(seed=seed) for seed in seeds)), False)


def _past(inputs, motion):
    kept = {key: inputs[key] for key in ('img', 'cam2img', 'cam2lidar', 'img_aug_matrix', 'radar')}
    return {**kept, 'to_key': motion.expand(len(inputs['radar']), 4, 4)}


def test_only_the_key_frame_carries_a_gradient():
    model = build(_temporal_cfg()).train()
    data = _prepared(model, 1, 2)
    inputs, old = data['inputs'], _prepared(model, 3, 4)['inputs']
    inputs['past'] = [_past(old, torch.eye(4)), _past(old, QUARTER)]
    for part in (inputs, *inputs['past']):
        part['img'] = part['img'].clone().requires_grad_()
    sum(model(**data, mode='loss').values()).backward()
    assert inputs['img'].grad.abs().sum() > 0
    assert all(past['img'].grad is None for past in inputs['past'])
    weight = model.temporal.merge.conv.weight.grad  # the merging itself learns from all frames
    assert all(part.abs().sum() > 0 for part in weight.split(20, dim=1))


def test_past_frames_lie_where_the_ego_motion_puts_them():
    """The same pictures taken by a car that stood a quarter turn to the left: the BEV maps are turned by it."""
    model = build(_temporal_cfg()).eval()
    inputs = _prepared(model, 1)['inputs']
    inputs['past'] = [_past(inputs, QUARTER), _past(inputs, torch.eye(4))]
    with torch.no_grad(), TapRecorder(wanted=['camera_bev', 'radar_occupancy'],
                                      calls=dict(camera_bev='all', radar_occupancy='all')) as recorder:
        model(inputs, [], mode='tensor')
    for key, turned, same in recorder.collect().values():
        assert key.any()
        torch.testing.assert_close(same, key)
        close = (turned - key.rot90(1, (3, 2))).abs().amax(1) < 1e-4  # points on the border of a cell may go either way
        assert close.float().mean() > 0.97


def _drive(count, scene='a', start=0):
    """Samples of one drive with poses far from the origin, as on real maps."""
    drive = []
    for index in range(start, start + count):
        inputs, truth = sample(seed=index)
        pose = pose_matrix([600 + 2.0 * index, 1600 + 0.5 * index, 0.1 * index],
                           [np.cos(0.05 * index), 0.01, 0.0, np.sin(0.05 * index)])
        truth.set_metainfo(dict(scene_token=scene, timestamp=0.5 * index, ego2global=pose,
                                lidar2ego=pose_matrix([0.9, 0, 1.8], [0.7, 0, 0, -0.7])))
        drive.append((inputs, truth))
    return drive


def _recomputed(model, drive, index):
    """What the data set and its collation give: the past frames' pictures once more."""
    poses = [np.asarray(truth.ego2global) @ truth.lidar2ego for _, truth in drive]
    data = model.data_preprocessor(collate(drive[index]), False)
    for back in BACK:
        old = max(index - back, 0)
        motion = torch.from_numpy(frame_motion(poses[old], poses[index]))[None]
        past = model.data_preprocessor(collate(drive[old]), False)['inputs']
        data['inputs'].setdefault('past', []).append(_past(past, motion))
    return data


@pytest.mark.parametrize('parts', [{}, dict(radar_encoder=None),
                                   dict(image_backbone=None, image_neck=None, view_transform=None)])
def test_streaming_equals_recomputing(parts):
    plain = build(_temporal_cfg(**parts)).eval()
    stream = build(_temporal_cfg(**parts, streaming=BACK)).eval()
    stream.load_state_dict(plain.state_dict())
    for drive in (_drive(6), _drive(2, scene='b', start=20), _drive(2, scene='b', start=20)):
        for index, one in enumerate(drive):
            wanted = plain(**_recomputed(plain, drive, index), mode='predict')[0].pred_instances_3d
            found = stream(**stream.data_preprocessor(collate(one), False), mode='predict')[0].pred_instances_3d
            assert len(found.scores_3d) > 0
            assert torch.equal(found.bboxes_3d.tensor, wanted.bboxes_3d.tensor), index
            assert torch.equal(found.scores_3d, wanted.scores_3d), index


def test_streaming_keeps_no_pictures_and_no_more_moments_than_needed():
    model = build(_temporal_cfg(streaming=BACK)).eval()
    for one in _drive(7):
        model(**model.data_preprocessor(collate(one), False), mode='predict')
    assert len(model.memory._moments) == max(BACK) + 1
    assert all('img' not in moment.frame.inputs for moment in model.memory._moments)
    assert len(deepcopy(model).memory._moments) == 0
    assert not [key for key in model.state_dict() if 'memory' in key]


def test_streaming_trains_on_past_frames_of_the_batch():
    model = build(_temporal_cfg(streaming=BACK)).train()
    data = _prepared(model, 1)
    data['inputs']['past'] = [_past(data['inputs'], torch.eye(4))] * 2
    sum(model(**data, mode='loss').values()).backward()
    assert len(model.memory._moments) == 0


def test_clear_errors():
    model = build(_temporal_cfg())
    with pytest.raises(ValueError, match='merges 3 frames, the batch has 1: set past_frames'):
        model(**_prepared(model, 1), mode='loss')
    with pytest.raises(ValueError, match='names 3 past frames, the student merges 2'):
        build(_temporal_cfg(streaming=(1, 2, 3)))
    with pytest.raises(ValueError, match='whole numbers above 0'):
        build(_temporal_cfg(streaming=(0, 1)))
    with pytest.raises(ValueError, match='two frames or more'):
        build(student_cfg(temporal=dict(type='TemporalFuser', frames=1, norm_cfg=NORM)))
    stream = build(_temporal_cfg(streaming=BACK)).eval()
    with pytest.raises(ValueError, match='batch_size=1, got 2'):
        stream(**_prepared(stream, 1, 2), mode='predict')
    with pytest.raises(ValueError, match='streaming needs scene_token, timestamp'):
        stream(**_prepared(stream, 1), mode='predict')
