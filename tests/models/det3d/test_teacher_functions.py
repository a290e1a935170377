"""The declared functions of a CenterPoint teacher against the model's own loss and predict."""

import copy

import pytest
import torch
from mmengine.config import ConfigDict

from perception_kd.distill import FrozenTeacher
from tests.models.det3d.test_teachers import _mmdet3d_cfg
from tests.models.det3d.worlds import build, collate, sample, student_cfg, teacher_cfg


def _public_cfg():
    test_cfg = dict(nms_type='circle', min_radius=[1.0], score_threshold=0.05, pre_max_size=200, post_max_size=50,
                    post_center_limit_range=[-20] * 3 + [20] * 3)
    train_cfg = dict(grid_size=[64, 64, 1], voxel_size=[0.4, 0.4, 8], out_size_factor=4, dense_reg=1,
                     gaussian_overlap=0.1, max_objs=50, min_radius=2, code_weights=[1.0] * 10,
                     point_cloud_range=[-12.8, -12.8, -5.0, 12.8, 12.8, 3.0])
    cfg = _mmdet3d_cfg()
    cfg['pts_bbox_head']['loss_bbox'] = dict(type='mmdet.L1Loss', reduction='mean', loss_weight=0.25)
    return dict(cfg, test_cfg=ConfigDict(pts=test_cfg), train_cfg=ConfigDict(pts=train_cfg))


def _functions(cfg, adapter='CenterPointAdapter'):
    model = build(cfg)
    for module in model.modules():  # statistics that make the answers differ from place to place
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.fill_(0.1)
    teacher = FrozenTeacher(model=model, adapter=dict(type=adapter), allow_random=True)
    return teacher.model, teacher.functions()


@pytest.mark.parametrize('cfg', [teacher_cfg, _public_cfg])
def test_loss_decode_and_predict_are_the_models_own(cfg):
    model, functions = _functions(cfg())
    data = collate(sample(seed=1), sample(seed=2))
    own = model.data_preprocessor(copy.deepcopy(data), False)
    losses = model(**own, mode='loss')
    with torch.no_grad():
        wanted = [one.pred_instances_3d for one in model(**own, mode='predict')]
        found = functions['predict'](data['inputs'], data['data_samples'])
        stages = model.pts_backbone(model.pts_middle_encoder(model.pts_voxel_encoder(
            *(own['inputs']['voxels'][key] for key in ('voxels', 'num_points', 'coors')), None, None),
            own['inputs']['voxels']['coors'], 2))
        maps = functions['neck_head'](list(stages))
        again = functions['decode'](maps, data['data_samples'])
        torch.testing.assert_close(functions['loss'](maps, data['data_samples']), losses)
    assert len(wanted) == 2 and len(wanted[0]) > 0
    for one, other, third in zip(wanted, found, again):
        for answer in (other, third):
            torch.testing.assert_close(answer.bboxes_3d.tensor, one.bboxes_3d.tensor)
            torch.testing.assert_close(answer.scores_3d, one.scores_3d)
            assert torch.equal(answer.labels_3d, one.labels_3d)


@pytest.mark.parametrize('cfg', [teacher_cfg, _public_cfg])
def test_loss_leaves_maps_and_truth_alone_and_takes_unknown_velocities(cfg):
    _, functions = _functions(cfg())
    samples = [one for _, one in (sample(seed=1), sample(seed=2))]
    samples[0].gt_instances_3d.bboxes_3d.tensor[:2, 7:] = float('nan')
    stages = [torch.randn(2, channels, size, size, requires_grad=True) for channels, size in (
        [(12, 16), (16, 8)] if cfg is teacher_cfg else [(8, 32), (12, 16), (16, 8)])]
    maps = functions['neck_head'](stages)
    before = maps[0]['heatmap'].clone()
    losses = functions['loss'](maps, samples)
    assert torch.equal(maps[0]['heatmap'], before)
    assert samples[0].gt_instances_3d.bboxes_3d.tensor[:2, 7:].isnan().all()
    for grad in torch.autograd.grad(sum(losses.values()), stages):
        assert grad.isfinite().all() and grad.any()


def test_a_student_of_ours_predicts_as_a_teacher():
    model, functions = _functions(student_cfg(radar_encoder=None), 'MarkedModelAdapter')
    data = collate(sample(seed=1), sample(seed=2))
    with torch.no_grad():
        wanted = model(**model.data_preprocessor(copy.deepcopy(data), False), mode='predict')
        found = functions['predict'](data['inputs'], data['data_samples'])
    assert len(wanted[0].pred_instances_3d) > 0 and 'pred_instances_3d' not in data['data_samples'][0]
    for one, other in zip(wanted, found):
        assert torch.equal(one.pred_instances_3d.scores_3d, other.scores_3d)
