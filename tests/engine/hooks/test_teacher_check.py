"""The teacher check against teachers whose answers are known, in a real Runner on a generated root."""

import perception_kd.compat  # noqa: F401  # isort: skip
import random

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData

from perception_kd.distill import FrozenTeacher
from perception_kd.engine.hooks import TeacherCheckHook, teacher_check
from perception_kd.engine.hooks.teacher_check import spread
from perception_kd.engine.random_state import capture_random_state
from perception_kd.engine.runner import BriefRunner
from perception_kd.registry import MODELS
from tests.models.det3d.test_label_encoder import encoder_cfg
from tests.models.det3d.worlds import RANGE, TASKS, build, teacher_cfg

LABELS = [dict(type='LoadBoxes3D'), dict(type='PackInputs', keys=())]
POINTS = [dict(type='LoadLidarSweeps', sweeps_num=0), dict(type='FilterPoints', point_cloud_range=RANGE),
          dict(type='PackInputs', keys=('points',))]


class Oracle:
    """Answers with the truth, moved by some metres along x."""

    def __init__(self, offset: float) -> None:
        self.offset = offset

    def tap_specs(self):
        return {}

    def functions(self):
        return {'predict': self.predict}

    def predict(self, inputs, data_samples):
        torch.rand(3), np.random.rand(3), random.random()  # a careless teacher
        answers = []
        for sample in data_samples:
            truth = sample.gt_instances_3d
            boxes = truth.bboxes_3d.clone()
            boxes.tensor[:, 0] += self.offset
            answers.append(InstanceData(bboxes_3d=boxes, scores_3d=torch.ones(len(truth)), labels_3d=truth.labels_3d))
        return answers


def model(**teachers):
    lidar = FrozenTeacher(model=build(teacher_cfg(), seed=5), adapter=dict(type='CenterPointAdapter'),
                          allow_random=True, name='lidar')
    label = FrozenTeacher(model=build(encoder_cfg(), seed=6), adapter=dict(type='LabelEncoderAdapter'),
                          allow_random=True, name='label')
    torch.manual_seed(0)
    return MODELS.build(dict(type='LabelEncoderTrainer', encoder=encoder_cfg(),
                             teachers=dict(lidar=lidar, label=label, **teachers)))


def runner(root, folder, *hooks, trained=None):
    def loader(split, transforms, shuffle):
        return dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=shuffle), dataset=dict(
            type='NuScenesRadarDataset', data_root=str(root), ann_file=f'nuscenes_infos_{split}.pkl', classes=TASKS,
            cameras=[], radars=[], pipeline=transforms))
    runner.count = getattr(runner, 'count', 0) + 1
    validation = dict(
        val_dataloader=loader('tiny_val', LABELS, False),
        val_evaluator=dict(type='NuScenesDetMetric', data_root=str(root), ann_file='nuscenes_infos_tiny_val.pkl'))
    return BriefRunner(
        model=trained or model(), work_dir=str(folder), experiment_name=f'teacher_check_{runner.count}',
        train_dataloader=loader('tiny_train', [LABELS[0], dict(type='BEVAug'), LABELS[1]], True),
        train_cfg=dict(by_epoch=True, max_epochs=1), default_scope='perception_kd', log_level='INFO', cfg=validation,
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)), randomness=dict(seed=3), custom_hooks=list(hooks))


def check(root, folder, teacher, trained=None, **settings):
    hook = TeacherCheckHook(teacher=teacher, **settings)
    hook.before_train(runner(root, folder, trained=trained))


def test_a_good_teacher_passes_and_a_displaced_one_is_stopped(tiny_root, tmp_path):
    trained = model(good=Oracle(0.0), shifted=Oracle(1.5))
    settings = dict(pipeline=LABELS, metric='car_AP', frames=2, expected=0.99, tolerance=0.02, trained=trained)
    check(tiny_root, tmp_path, 'good', **settings)
    message = (r"teacher 'shifted' from random weights: car_AP 0\.5\d+ on 2 frames of the validation split, expected "
               r'0\.9900 - 0\.0200\. It is too weak .*bev_frame.*classes.*intensity.*sweeps')  # 2 of 4 distances miss
    with pytest.raises(ValueError, match=message):
        check(tiny_root, tmp_path, 'shifted', **settings)
    check(tiny_root, tmp_path, 'shifted', **{**settings, 'expected': None})
    check(tiny_root, tmp_path, 'shifted', **{**settings, 'tolerance': 0.6})
    with pytest.raises(ValueError, match='too weak'):
        check(tiny_root, tmp_path, 'shifted', **{**settings, 'tolerance': 0.3})


def test_random_states_stay_as_they_are(tiny_root, tmp_path):
    hook = TeacherCheckHook(teacher='good', pipeline=LABELS, frames=2)
    training = runner(tiny_root, tmp_path, trained=model(good=Oracle(0.0)))
    before = capture_random_state()
    hook.before_train(training)
    after = capture_random_state()
    assert torch.equal(before['torch'], after['torch']) and before['python'] == after['python']
    assert repr(before['numpy']) == repr(after['numpy'])


@pytest.mark.parametrize('settings', [dict(teacher='lidar', pipeline=POINTS),
                                      dict(teacher='label', pipeline=LABELS, through='lidar')])
def test_training_after_the_check_is_as_without_it(settings, tiny_root, tmp_path):
    plain, checked = runner(tiny_root, tmp_path / 'a'), runner(
        tiny_root, tmp_path / 'b', dict(type='TeacherCheckHook', expected=None, frames=2, **settings))
    plain.train()
    checked.train()
    ours, theirs = checked.model.state_dict(), plain.model.state_dict()
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())
    assert torch.equal(checked.model.teachers['lidar'].model.state_dict()['pts_neck.deblocks.0.1.running_mean'],
                       plain.model.teachers['lidar'].model.state_dict()['pts_neck.deblocks.0.1.running_mean'])


def test_what_cannot_be_checked_is_named(tiny_root, tmp_path):
    with pytest.raises(ValueError, match=r"no teacher 'radar'; it has: lidar, label"):
        check(tiny_root, tmp_path, 'radar', pipeline=LABELS)
    with pytest.raises(ValueError, match=r"teacher 'label' does not predict boxes; .*through='lidar'"):
        check(tiny_root, tmp_path, 'label', pipeline=LABELS)
    with pytest.raises(ValueError, match=r"the evaluator gives no 'AP'; it gives mAP, NDS"):
        check(tiny_root, tmp_path, 'good', pipeline=LABELS, metric='AP', frames=1, trained=model(good=Oracle(0.0)))


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(frames=0), 'frames must be 1 or more, or None for all, got 0'),
    (dict(frames='many'), "frames must be 1 or more, or None for all, got 'many'"),
    (dict(expected='abc'), "expected must be a number, 0 or more, got 'abc'"),
    (dict(expected=float('nan')), 'expected must be a number, 0 or more, got nan'),
    (dict(tolerance=None), 'tolerance must be a number, 0 or more, got None'),
    (dict(tolerance=-0.1), 'tolerance must be a number, 0 or more, got -0.1')])
def test_settings_are_looked_at_before_anything_runs(settings, message):
    with pytest.raises(ValueError, match=message):
        TeacherCheckHook(teacher='lidar', pipeline=LABELS, **settings)


def test_every_process_stops_with_the_first(tiny_root, tmp_path, monkeypatch):
    """As seen by the second process: it does not score, and gets the outcome from the first."""
    def send(outcome):
        outcome[:] = [None, 'too weak']
    monkeypatch.setattr(teacher_check, 'is_main_process', lambda: False)
    monkeypatch.setattr(teacher_check, 'broadcast_object_list', send)
    with pytest.raises(ValueError, match='too weak'):
        TeacherCheckHook(teacher='lidar', pipeline=LABELS).before_train(None)


def test_frames_are_spread_over_the_split():
    assert spread(10, 4) == [0, 3, 6, 9] and spread(3, 5) == [0, 1, 2] and spread(4, None) == [0, 1, 2, 3]
    assert len(set(spread(101, 100))) == 100 and spread(5, 1) == [0]
