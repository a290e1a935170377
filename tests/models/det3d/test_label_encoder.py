"""The label encoder against a cell-by-cell twin; its training through a frozen teacher; its life as a teacher."""

import copy

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper
from torch import nn

from perception_kd.distill import FrozenTeacher
from perception_kd.models.det3d import LabelEncoder
from perception_kd.models.det3d.label_raster import label_raster, truth_boxes
from perception_kd.registry import MODELS
from tests.models.det3d.worlds import RANGE, TASKS, build, collate, sample, teacher_cfg

CPU = torch.device('cpu')


def encoder_cfg(**changes):
    """Fits the stages of the small teacher: 1.6 m with 12 channels, 3.2 m with 16."""
    return {**dict(type='LabelEncoder', point_cloud_range=RANGE, tasks=TASKS, stage_cells=[1.6, 3.2],
                   stage_channels=[12, 16], width=8), **changes}


def trainer(**changes):
    torch.manual_seed(3)
    lidar = FrozenTeacher(model=build(teacher_cfg(), seed=5), adapter=dict(type='CenterPointAdapter'),
                          allow_random=True, name='lidar')
    return MODELS.build(dict(type='LabelEncoderTrainer', encoder=encoder_cfg(**changes), teachers=dict(lidar=lidar)))


def batch(*boxes):
    return collate(*(sample(seed=seed, boxes=count) for seed, count in enumerate(boxes)))


def by_cells(encoder, truth):
    """The note's formulas with the MLPs in every cell."""
    raster = torch.stack([label_raster(*one, encoder.grid, encoder.classes, encoder.raster_scale) for one in truth])
    x = encoder.mlp(encoder.box_mlp(raster[..., :9]) + encoder.class_mlp(raster[..., 9:]))
    x = encoder.block(nn.functional.layer_norm(x, [8], encoder.norm.weight, encoder.norm.bias).permute(0, 3, 1, 2))
    return [branch(x) for branch in encoder.branches]


@pytest.mark.parametrize('boxes', [(4, 0), (0, 0)])
def test_equals_the_mlps_run_in_every_cell(boxes):
    encoder = build(encoder_cfg(raster_scale=0.5)).double()  # batch norm of a constant map amplifies rounding
    truth = [(one.double(), labels) for one, labels in truth_boxes(batch(*boxes)['data_samples'], CPU)]
    ours, twin = list(encoder(truth).values()), by_cells(encoder, truth)
    probes = [torch.randn_like(one) for one in twin]
    weights = list(encoder.parameters())
    grads = [torch.autograd.grad([(a * b).sum() for a, b in zip(maps, probes)], weights) for maps in (ours, twin)]
    torch.testing.assert_close(ours, twin)
    for mine, wanted in zip(*grads):
        torch.testing.assert_close(mine, wanted, atol=1e-6, rtol=1e-6)


def test_any_stages_and_the_widths_of_the_note():
    three = build(encoder_cfg(stage_cells=[0.8, 1.6, 3.2], stage_channels=[4, 6, 8]))
    maps = three(truth_boxes(batch(3)['data_samples'], CPU), ['bev_s8', 'bev_s32'])
    assert {name: tuple(value.shape) for name, value in maps.items()} == {
        'bev_s8': (1, 4, 32, 32), 'bev_s32': (1, 8, 8, 8)}
    (spec8, spec16, _), names = three.tap_specs().values(), list(three.tap_specs())
    assert names == ['bev_s8', 'bev_s16', 'bev_s32'] and spec8.grid.cell == 0.8 and spec16.channels == 6
    with pytest.raises(ValueError, match=r'whole multiples of the first, 1\.6 m; 0\.8 m is not'):
        build(encoder_cfg(stage_cells=[1.6, 0.8]))
    full = LabelEncoder(point_cloud_range=[-51.2, -51.2, -5, 51.2, 51.2, 3], tasks=[['c'] * 10])
    count = lambda part: sum(weight.numel() for weight in part.parameters())  # noqa: E731
    mlp = lambda inputs: (inputs + 1) * 256 + 257 * 256  # noqa: E731
    assert count(full.box_mlp) + count(full.class_mlp) + count(full.mlp) == mlp(9) + mlp(10) + mlp(256)
    assert count(full.branches[0]) == 256 * 9 * 128 + 128 + 2 * 128 * 128 * 128
    assert count(full.branches[1]) == 256 * 9 * 256 + 256 + 2 * 256 * 64 * 64


def test_boxes_without_velocities_and_too_few_numbers():
    encoder = build(encoder_cfg(box_dims=7))
    boxes, labels = truth_boxes(batch(3)['data_samples'], CPU)[0]
    assert torch.equal(encoder([(boxes, labels)])['bev_s16'], encoder([(boxes[:, :7], labels)])['bev_s16'])
    with pytest.raises(ValueError, match='reads boxes of 9 numbers, got 7'):
        build(encoder_cfg())([(boxes[:, :7], labels)])


def test_boxes_keep_their_places_in_half_precision():
    model, data = trainer(), batch(3)
    encoder, truth = model.encoder, truth_boxes(data['data_samples'], CPU)[0]
    wanted = encoder._embed(*truth)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert torch.equal(encoder._embed(*truth), wanted)
        losses = model(**data, mode='loss')
    assert all(loss.dtype == torch.float32 and loss.isfinite() for loss in losses.values())


def states(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_a_step_trains_the_encoder_and_leaves_the_teacher_as_it_was():
    model = trainer().train()
    lidar = model.teachers['lidar'].model.train()  # somebody turned it on
    before, own = states(lidar), states(model)
    losses = model(**batch(4, 0), mode='loss')
    assert set(losses) == {'task0.loss_heatmap', 'task0.loss_bbox'}
    sum(losses.values()).backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    torch.optim.SGD(model.parameters(), lr=0.01).step()
    after = lidar.state_dict()
    assert any('running_mean' in name for name in before)
    assert all(torch.equal(value, after[name]) for name, value in before.items()) and not lidar.training
    assert all(weight.grad is None and not weight.requires_grad for weight in lidar.parameters())
    assert any(not torch.equal(value, own[name]) for name, value in states(model).items())


def test_the_teacher_is_in_nobodys_weights():
    model = trainer()
    averaged = ExponentialMovingAverage(model)
    frozen = {id(weight) for weight in model.teachers['lidar'].model.parameters()}
    assert {name.split('.')[0] for name in model.state_dict()} == {'encoder'}
    assert {name.split('.')[1] for name in averaged.state_dict() if '.' in name} == {'encoder'}
    assert not frozen & {id(weight) for weight in [*model.parameters(), *averaged.parameters()]}
    assert averaged.module.teachers['lidar'] is model.teachers['lidar']
    assert model.to('meta').teachers['lidar'].device.type == 'meta'


def test_loss_is_the_heads_own_of_neck_and_head_fed_with_the_encoders_maps():
    model, data = trainer().eval(), batch(4, 2)
    lidar = model.teachers['lidar'].model
    outputs = lidar.pts_bbox_head(lidar.pts_neck(list(model(**copy.deepcopy(data)).values())))
    wanted = lidar.pts_bbox_head.loss_by_feat(outputs, [one.gt_instances_3d for one in data['data_samples']])
    losses = model(**data, mode='loss')
    torch.testing.assert_close(losses, wanted)
    weight = model.encoder.box_mlp[0].weight
    ours, theirs = (torch.autograd.grad(sum(one.values()), weight)[0] for one in (losses, wanted))
    assert ours.any() and torch.equal(ours, theirs)


def test_fits_its_labels_and_decodes_them():
    """Through a neck and head of random weights that are strong enough to answer."""
    model, data = trainer(width=32), batch(3, 2)
    for task in model.teachers['lidar'].model.pts_bbox_head.task_heads:
        for name in task.heads:
            getattr(task, name)[-1].weight.mul_(30)
    optimiser = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=2e-2))
    losses = [float(model.train_step(data, optimiser)['loss']) for _ in range(120)]
    model.eval()
    with torch.no_grad():
        found = model.val_step(data)
    assert losses[-1] < 0.1 * losses[0]
    for one in found:
        truth, answer = one.gt_instances_3d, one.pred_instances_3d
        gaps = torch.cdist(truth.bboxes_3d.gravity_center, answer.bboxes_3d.gravity_center[:len(truth)])
        assert (gaps.amin(1) < 0.5).all()  # the strongest answers are the boxes
        assert torch.equal(truth.labels_3d, answer.labels_3d[gaps.argmin(1)])


def test_teaches_from_a_checkpoint_of_its_training(tmp_path):
    model = trainer().eval()
    torch.save(dict(state_dict=model.state_dict()), tmp_path / 'epoch_1.pth')
    teacher = FrozenTeacher(model=encoder_cfg(), adapter=dict(type='LabelEncoderAdapter'),
                            checkpoint=tmp_path / 'epoch_1.pth', prefix='encoder.', name='label')
    data = batch(4, 0)
    taps = teacher.run(**data, taps=['bev_s32'])
    assert set(taps) == {'bev_s32'} and torch.equal(taps['bev_s32'], model(**data)['bev_s32'])
    with pytest.raises(ValueError, match='LabelEncoderAdapter needs a LabelEncoder, got a Linear'):
        FrozenTeacher(model=nn.Linear(1, 1), adapter=dict(type='LabelEncoderAdapter'), allow_random=True)


def test_trains_through_a_neck_whose_grid_is_that_of_a_middle_stage():
    """Three stages, the neck on the grid of the second, as in OpenMMLab's 0.2 m pillars."""
    stages = dict(stage_cells=[0.8, 1.6, 3.2], stage_channels=[12, 16, 20])
    lidar = build(teacher_cfg(stage_channels=stages['stage_channels'], stage_layers=[1, 1, 1],
                              stage_strides=[1, 2, 2], neck_stage=1))
    teacher = FrozenTeacher(model=lidar, adapter=dict(type='CenterPointAdapter'), allow_random=True)
    model = build(dict(type='LabelEncoderTrainer', encoder=encoder_cfg(**stages), teachers=dict(lidar=teacher)))
    losses = model(**batch(3, 1), mode='loss')
    grads = torch.autograd.grad(sum(losses.values()), [branch[0].weight for branch in model.encoder.branches])
    assert all(grad.isfinite().all() and grad.any() for grad in grads)


def test_stages_that_are_not_the_teachers_are_named():
    with pytest.raises(ValueError, match=r"gives bev_s16 \(bev, 12 channels.*neck of teacher 'lidar' reads .*bev_s32"):
        trainer(stage_channels=[12], stage_cells=[1.6])
    with pytest.raises(ValueError, match='neck of teacher'):
        trainer(stage_channels=[12, 20])
