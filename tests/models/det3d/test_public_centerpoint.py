"""Our CenterPoints against those that mmdet3d builds from its own configs: names, shapes, outputs, boxes."""

from pathlib import Path

import mmdet3d
import pytest
import torch
from mmengine.config import Config

from perception_kd.engine.build import load_config
from perception_kd.models.det3d import CenterPointAdapter
from tests.compat import lite_only, spconv_free
from tests.models.det3d.worlds import build, collate, sample, step, teacher_cfg, voxel_cfg

pytestmark = lite_only
ROOT = Path(__file__).parents[3]
PUBLIC = dict(
    voxel='centerpoint_voxel01_second_secfpn_head-circlenms_8xb4-cyclic-20e_nus-3d',
    pillar02='centerpoint_pillar02_second_secfpn_head-circlenms_8xb4-cyclic-20e_nus-3d')


def public_cfg(kind: str) -> Config:
    folder = Path(mmdet3d.__path__[0], '.mim', 'configs', 'centerpoint')
    cfg = Config.fromfile(folder / f'{PUBLIC[kind]}.py').model
    cfg.type = 'mmdet3d.CenterPoint'
    for name, part in cfg.items():
        if name.startswith('pts_') or name == 'data_preprocessor':
            part.type = f'mmdet3d.{part.type}'
    cfg.pts_bbox_head.bbox_coder.type = 'mmdet3d.CenterPointBBoxCoder'
    cfg.pts_bbox_head.separate_head.type = 'mmdet3d.SeparateHead'
    return cfg


def our_cfg(kind: str, **options: object) -> dict:
    return load_config(ROOT / f'configs/imkd/teacher_{kind}.py', options).model


@pytest.mark.parametrize('kind', PUBLIC)
def test_names_and_shapes_of_the_weights(kind: str) -> None:
    theirs, ours = build(public_cfg(kind)), build(our_cfg(kind))
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in theirs.state_dict().items()}
    layer, middle = ours.data_preprocessor.voxel_layer, theirs.pts_middle_encoder
    assert layer.max_voxels == theirs.data_preprocessor.voxel_layer.max_voxels
    assert layer.max_num_points == theirs.data_preprocessor.voxel_layer.max_num_points
    if kind == 'voxel':
        assert ours.pts_middle_encoder.sparse_shape == middle.sparse_shape == [41, 1024, 1024]
        assert ours.pts_backbone.blocks[0][0].in_channels == 256
    specs = CenterPointAdapter(ours).tap_specs()
    assert specs['bev_s8'].channels == 128 and specs['bev_s8'].grid.shape == (128, 128)
    assert specs['head'].grid.same_as(specs['bev_s8'].grid) and specs['bev_s16'].grid.shape == (64, 64)


SMALL = [-6.4, -6.4, -5.0, 6.4, 6.4, 3.0]


def smaller(cfg: Config, kind: str) -> Config:
    """On 12.8 m instead of 102.4 m; the weights are the same."""
    cfg.data_preprocessor.voxel_layer.point_cloud_range = SMALL
    cfg.pts_bbox_head.bbox_coder.update(
        pc_range=SMALL[:2], post_center_range=[-16.4, -16.4, -15, 16.4, 16.4, 13], max_num=200)
    cfg.train_cfg.pts.point_cloud_range, cfg.test_cfg.pts.pc_range = SMALL, SMALL[:2]
    if kind == 'voxel':
        cfg.pts_middle_encoder.sparse_shape = [41, 128, 128]
    else:
        cfg.pts_voxel_encoder.point_cloud_range = SMALL
        cfg.pts_middle_encoder.output_shape = [64, 64]
    return cfg


def awaken(model: torch.nn.Module, inputs: dict) -> None:
    """Give every normalisation the statistics of these points, so that no layer is silent, and spread the outputs."""
    for module in model.modules():
        if hasattr(module, 'momentum'):
            module.momentum = 1.0
    with torch.no_grad():
        for name, weight in model.pts_bbox_head.task_heads.named_parameters():
            if name.endswith('1.weight'):
                weight.mul_(10 if 'heatmap' in name else 2)
        CenterPointAdapter(model.train()).run(dict(points=[inputs['points']]), None, {'head'})


@pytest.mark.parametrize('kind', PUBLIC)
def test_same_outputs_and_same_cars(kind: str) -> None:
    ours = build(our_cfg(kind, **{'point_cloud_range': SMALL, 'centerpoint_head.max_num': 200}))
    theirs = build(smaller(public_cfg(kind), kind))
    inputs, sampled = sample(seed=1, points=1500, place=SMALL)
    awaken(ours, inputs)
    theirs.load_state_dict(ours.state_dict())
    maps, cars = [], []
    for model in (ours.eval(), theirs.eval()):
        found = CenterPointAdapter(model).run(dict(points=[inputs['points']]), None, {'bev_s8', 'bev_s16', 'head'})
        maps.append(found)
        heads = tuple([{name: value.clone() for name, value in task.items()}] for task in found['head'])
        boxes = model.pts_bbox_head.predict_by_feat(heads, [sampled.metainfo])[0]
        boxes = boxes[boxes.labels_3d == 0]
        cars.append(boxes.bboxes_3d.tensor[boxes.scores_3d.argsort(descending=True)])
    torch.testing.assert_close(maps[0], maps[1], rtol=1e-4, atol=1e-5)
    assert maps[0]['head'][0]['heatmap'].std() > 0.1 and len(cars[0]) > 3
    torch.testing.assert_close(cars[0], cars[1], rtol=1e-4, atol=1e-4)


@spconv_free
@pytest.mark.parametrize('changes', [{}, dict(append_radar=True), dict(stage_strides=[2, 1])])
def test_tiny_voxels_train_with_taps_as_declared(changes: dict) -> None:
    model = build(voxel_cfg(**changes))
    batch = collate(sample(seed=1), sample(seed=2))
    batch['inputs']['points'][1] = batch['inputs']['points'][1][:0]  # an empty sample
    assert all(value.isfinite() for value in step(model, batch).values())
    assert all(weight.grad is not None for weight in model.parameters())
    adapter = CenterPointAdapter(model.eval())
    specs = adapter.tap_specs()
    found = adapter.run(batch['inputs'], None, set(specs))
    assert specs['encoder_bev'].grid.cell == pytest.approx(1.6)
    for name, spec in specs.items():
        if spec.kind == 'bev':
            assert found[name].shape == (2, spec.channels, *spec.grid.shape), name
    assert model.data_preprocessor.voxel_layer.max_voxels == (500, 600)


@pytest.mark.parametrize(('changes', 'line'), [
    (dict(voxel_size=[0.4, 0.8, 0.8]), 'voxels must be square'),
    (dict(voxel_size=[0.3, 0.3, 0.8]), 'must hold a whole number of voxels'),
    (dict(voxel_size=[12.8, 12.8, 0.8]), 'a multiple of 4'),
    (dict(voxel_size=[0.4, 0.4, 4]), 'too many for 3 cells of height'),
    (dict(encoder_channels=((8, 8), (12, 12), (12,))), 'stage 2 keeps 8 channels, got 12'),
    (dict(neck_stage=2), 'neck_stage must be 0 to 1'),
])
def test_what_does_not_fit_is_named(changes: dict, line: str) -> None:
    with pytest.raises(ValueError, match=line):
        build(voxel_cfg(**changes))


def test_compact_pillars_have_no_legacy_form() -> None:
    with pytest.raises(ValueError, match='compact=False takes'):
        build(teacher_cfg(encoder=dict(legacy=True)))
    assert build(teacher_cfg(encoder=dict(legacy=True), compact=False)).pts_voxel_encoder.legacy
