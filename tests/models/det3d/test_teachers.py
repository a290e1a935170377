"""The CenterPoint adapter: declared taps, depth of the run, mmdet3d's own configs, odd clouds."""

import pytest
import torch
from mmengine.config import ConfigDict

from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.models.det3d import CenterPointAdapter
from perception_kd.models.det3d.points_preprocessor import append_radar
from perception_kd.registry import TEACHER_ADAPTERS
from tests.models.det3d.worlds import RANGE, TASKS, build, collate, sample, step, teacher_cfg


def _inputs():
    return collate(sample(seed=1), sample(seed=2))


def _mmdet3d_cfg():
    """As OpenMMLab's centerpoint_pillar02 config, shrunk."""
    voxel, norm = [0.4, 0.4, 8], dict(type='BN', eps=1e-3, momentum=0.01)
    coder = dict(
        type='mmdet3d.CenterPointBBoxCoder',
        pc_range=RANGE[:2],
        post_center_range=[-20] * 3 + [20] * 3,
        max_num=50,
        score_threshold=0.1,
        out_size_factor=4,
        voxel_size=voxel[:2],
        code_size=9,
    )
    return dict(
        type='mmdet3d.CenterPoint',
        data_preprocessor=dict(
            type='mmdet3d.Det3DDataPreprocessor',
            voxel=True,
            voxel_layer=dict(
                max_num_points=20, voxel_size=voxel, max_voxels=(500, 500), point_cloud_range=RANGE
            ),
        ),
        pts_voxel_encoder=dict(
            type='mmdet3d.PillarFeatureNet',
            in_channels=5,
            feat_channels=[8],
            voxel_size=voxel,
            point_cloud_range=RANGE,
            legacy=False,
        ),
        pts_middle_encoder=dict(type='mmdet3d.PointPillarsScatter', in_channels=8, output_shape=(64, 64)),
        pts_backbone=dict(
            type='mmdet3d.SECOND',
            in_channels=8,
            out_channels=[8, 12, 16],
            layer_nums=[1, 1, 1],
            layer_strides=[2, 2, 2],
            norm_cfg=norm,
        ),
        pts_neck=dict(
            type='mmdet3d.SECONDFPN',
            in_channels=[8, 12, 16],
            out_channels=[8, 8, 8],
            upsample_strides=[0.5, 1, 2],
            norm_cfg=norm,
            use_conv_for_no_stride=True,
        ),
        pts_bbox_head=dict(
            type='mmdet3d.CenterHead',
            in_channels=24,
            tasks=[dict(class_names=names) for names in TASKS],
            common_heads=dict(reg=(2, 2), height=(1, 2), dim=(3, 2), rot=(2, 2), vel=(2, 2)),
            share_conv_channel=8,
            bbox_coder=coder,
            separate_head=dict(type='mmdet3d.SeparateHead', final_kernel=3),
        ),
    )


@pytest.mark.parametrize('cfg', [teacher_cfg(), _mmdet3d_cfg(), teacher_cfg(stage_strides=[1, 2])])
def test_every_tap_is_as_declared(cfg):
    model = build(cfg).eval()
    adapter = TEACHER_ADAPTERS.build(dict(type='CenterPointAdapter', model=model))
    specs = adapter.tap_specs()
    found = adapter.run(_inputs()['inputs'], None, set(specs))
    assert next(iter(specs)) == 'encoder_bev' and list(specs)[-2:] == ['neck_bev', 'head']
    assert list(found) == list(specs)
    for name, spec in specs.items():
        if spec.kind == 'bev':
            assert found[name].shape == (2, spec.channels, *spec.grid.shape), name
    assert found['head'][0]['heatmap'].shape == (2, specs['head'].channels, *specs['head'].grid.shape)


def test_names_follow_the_cells_not_the_layers():
    assert {'bev_s16', 'bev_s32'} < set(CenterPointAdapter(build(teacher_cfg())).tap_specs())
    public = CenterPointAdapter(build(_mmdet3d_cfg())).tap_specs()
    assert list(public) == ['encoder_bev', 'bev_s8', 'bev_s16', 'bev_s32', 'neck_bev', 'head']
    assert public['encoder_bev'].grid.cell == pytest.approx(0.4) and public['neck_bev'].grid.cell == 1.6


def test_taps_equal_what_hooks_on_the_declared_modules_see():
    model = build(teacher_cfg()).eval()
    adapter = CenterPointAdapter(model)
    seen = {}
    handles = [
        model.get_submodule(path.split('[')[0]).register_forward_hook(
            lambda module, args, out, name=name: seen.update({name: out})
        )
        for name, path in adapter.module_paths().items()
    ]
    batch = model.data_preprocessor(_inputs(), False)
    model.extract_feat(batch['inputs'], [])
    model.pts_bbox_head(model.extract_pts_feat(batch['inputs']['voxels']))
    for handle in handles:
        handle.remove()
    found = adapter.run(_inputs()['inputs'], None, adapter.tap_specs())
    seen['neck_bev'], seen['head'] = seen['neck_bev'][0], [task[0] for task in seen['head']]
    assert set(seen) == set(found)
    torch.testing.assert_close([found[name] for name in seen], list(seen.values()))


def test_runs_only_to_the_deepest_tap():
    model = build(teacher_cfg()).eval()
    calls = []
    for name, module in model.named_modules():
        if name in ('pts_backbone.blocks.0', 'pts_backbone.blocks.1', 'pts_neck', 'pts_bbox_head'):
            module.register_forward_pre_hook(lambda module, args, name=name: calls.append(name))
    adapter = CenterPointAdapter(model)
    for taps, wanted in (
        ({'encoder_bev'}, 0),
        ({'bev_s16'}, 1),
        ({'bev_s16', 'bev_s32'}, 2),
        ({'neck_bev'}, 3),
        ({'bev_s16', 'head'}, 4),
    ):
        calls.clear()
        assert set(adapter.run(_inputs()['inputs'], None, taps)) == taps
        assert len(calls) == wanted, taps


def test_functions_carry_gradients_to_their_inputs():
    model = build(teacher_cfg()).eval().requires_grad_(False)
    adapter = CenterPointAdapter(model)
    found = adapter.run(_inputs()['inputs'], None, {'bev_s16', 'bev_s32', 'neck_bev', 'head'})
    neck = found['neck_bev'].detach().requires_grad_()
    maps = adapter.functions()['head'](neck)
    torch.testing.assert_close(maps[0]['heatmap'], found['head'][0]['heatmap'])
    assert torch.autograd.grad(maps[0]['heatmap'].sum(), neck)[0].any()
    again = adapter.functions()['neck_head']([found['bev_s16'], found['bev_s32']])
    torch.testing.assert_close(again[0]['dim'], found['head'][0]['dim'])


def test_unknown_tap_wrong_model_and_wrong_declaration_are_named():
    model = build(teacher_cfg()).eval()
    adapter = CenterPointAdapter(model)
    with pytest.raises(ValueError, match=r"no tap \['bev_s8'\]; it has"):
        adapter.run(_inputs()['inputs'], None, {'bev_s8'})
    with pytest.raises(ValueError, match='needs a detector with'):
        CenterPointAdapter(torch.nn.Linear(1, 1))
    model.pts_middle_encoder.ny = model.pts_middle_encoder.nx = 48
    teacher = FrozenTeacher(model=model, adapter=adapter, allow_random=True)
    with pytest.raises(ValueError, match=r'bev_s16 .* came out as \(2, 12, 24, 24\): grid'):
        teacher.run(_inputs()['inputs'], [], {'bev_s16'})


@pytest.mark.parametrize('empty', [0, 1])
def test_an_empty_cloud_neither_shrinks_the_batch_nor_breaks_the_loss(empty):
    model = build(teacher_cfg())
    batch = _inputs()
    batch['inputs']['points'][empty] = torch.zeros(0, 5)
    losses = step(model, batch)
    assert all(torch.isfinite(value) for value in losses.values())
    assert CenterPointAdapter(model).run(batch['inputs'], None, {'head'})['head'][0]['heatmap'].shape[0] == 2


def test_broken_and_far_points_are_dropped():
    model = build(teacher_cfg()).eval()
    batch = _inputs()
    clean = CenterPointAdapter(model).run(batch['inputs'], None, {'bev_s16'})['bev_s16']
    junk = torch.tensor([[float('nan'), 0, 0, 0, 0], [0, 0, 0, float('inf'), 0], [500.0, 0, 0, 0, 0]])
    batch['inputs']['points'] = [torch.cat([junk, cloud]) for cloud in batch['inputs']['points']]
    torch.testing.assert_close(
        CenterPointAdapter(model).run(batch['inputs'], None, {'bev_s16'})['bev_s16'], clean
    )


def test_lidar_radar_teacher_sees_both():
    model = build(teacher_cfg(append_radar=True, divisors=[1, 1, 1, 255, 1, 10, 5, 5, 1]))
    batch = _inputs()
    assert all(torch.isfinite(value) for value in step(model, batch).values())
    model.eval()
    adapter = CenterPointAdapter(model)
    both = adapter.run(batch['inputs'], None, {'bev_s16'})['bev_s16']
    batch['inputs']['radar'] = [cloud[:0] for cloud in batch['inputs']['radar']]
    assert not torch.allclose(adapter.run(batch['inputs'], None, {'bev_s16'})['bev_s16'], both)
    del batch['inputs']['radar']
    with pytest.raises(ValueError, match=r"the teacher needs \['radar'\]"):
        adapter.run(batch['inputs'], None, {'bev_s16'})
    with pytest.raises(ValueError, match='divisors needs 9 numbers'):
        build(teacher_cfg(append_radar=True, divisors=[1, 1, 1, 255, 1]))


def test_appended_columns():
    points = torch.tensor([[1.0, 2, 3, 200, 0.1]])
    radar = torch.tensor([[4.0, 5, 6, 12, -1, 2, 0.3]])
    assert append_radar(points, radar).tolist() == [
        pytest.approx([1, 2, 3, 200, 0.1, 0, 0, 0, 0]),
        pytest.approx([4, 5, 6, 0, 0.3, 12, -1, 2, 1]),
    ]


@pytest.mark.parametrize(
    'nms', [dict(nms_type='circle', min_radius=[1.0]), dict(nms_type='rotate', nms_thr=0.2)]
)
def test_mmdet3d_own_head_predicts_with_the_portable_ops(nms):
    cfg, limits = _mmdet3d_cfg(), [-20] * 3 + [20] * 3
    test_cfg = dict(
        score_threshold=0.05, pre_max_size=200, post_max_size=50, post_center_limit_range=limits
    )
    cfg['test_cfg'] = ConfigDict(pts=dict(test_cfg, **nms))
    model = build(cfg).eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(_inputs(), False), mode='predict')
    assert all(0 < len(result.pred_instances_3d.scores_3d) <= 50 for result in results)
    assert results[0].pred_instances_3d.bboxes_3d.tensor.shape[1] == 9


def test_predict_and_loss_in_mmdet3d_manner():
    model = build(teacher_cfg())
    assert set(step(model, _inputs())) == {'task0.loss_heatmap', 'task0.loss_bbox'}
    model.eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(_inputs(), False), mode='predict')
    assert results[0].pred_instances_3d.bboxes_3d.tensor.shape[1] == 9
