"""LiDAR as a modality of the detector: the encoder against loops, and the LiDAR-camera teacher as a whole."""

import math

import numpy as np
import pytest
import torch

from perception_kd.distill.taps import TapRecorder
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.models.det3d import LidarPillarEncoder
from tests.models.det3d.worlds import NORM, RANGE, build, collate, sample, step, student_cfg

LIDAR = dict(type='LidarPillarEncoder', point_channels=[8], channels=[12, 10], blocks=[1, 1], norm_cfg=NORM)


def lidar_camera_cfg(**changes: object) -> dict:
    """A LiDAR-camera teacher of a few thousand weights on the small student's grid."""
    return student_cfg(**{**dict(
        radar_encoder=None, lidar_encoder=LIDAR,
        fuser=dict(type='IntensityGuidedFuser', mode='channel_gate', out_channels=20, norm_cfg=NORM)), **changes})


def encoder(**changes: object) -> LidarPillarEncoder:
    torch.manual_seed(0)
    settings = {name: value for name, value in LIDAR.items() if name != 'type'}
    return LidarPillarEncoder(**{**dict(point_cloud_range=RANGE, cell=1.6), **settings, **changes})


def test_points_are_decorated_and_counted_as_a_loop_says():
    model = encoder().eval()
    clouds = [sample(seed=seed)[0]['points'] for seed in (1, 2)]
    clouds[0][:40, 2] = 9.0  # above the range
    clouds[1][5] = float('nan')
    clouds[1][6, 0] = 99.0
    seen = []
    model.point_net.register_forward_hook(lambda module, args, output: seen.append(args))
    bev, physical = model(clouds)
    (rows, pillar, pillars), = seen
    assert bev.shape == (2, 10, 16, 16) and pillars == 2 * 32 * 32
    occupied, strongest, expected = np.zeros((2, 16, 16)), np.zeros((2, 16, 16)), {}
    for number, cloud in enumerate(clouds):
        for x, y, z, intensity, dt in cloud.tolist():
            if not (abs(x) < 12.8 and abs(y) < 12.8 and -5 <= z < 3):
                continue
            row, column = int((y + 12.8) // 1.6), int((x + 12.8) // 1.6)
            occupied[number, row, column] = 1
            strongest[number, row, column] = max(
                strongest[number, row, column], math.log1p(intensity) / math.log(256))
            fine = number * 1024 + int((y + 12.8) // 0.8) * 32 + int((x + 12.8) // 0.8)
            expected.setdefault(fine, []).append((x, y, z, intensity, dt))
    assert len(rows) == sum(map(len, expected.values())) < 800 - 40
    np.testing.assert_allclose(physical[:, 0], occupied)
    np.testing.assert_allclose(physical[:, 1], strongest, atol=1e-5)
    for fine, points in expected.items():
        points = np.array(points)
        centre = np.array([fine % 32, fine % 1024 // 32]) * 0.8 + 0.4 - 12.8
        wanted = np.concatenate([points[:, :2] / 25, points[:, 2:3], points[:, 3:4] / 255, points[:, 4:],
                                 points[:, :3] - points[:, :3].mean(0), (points[:, :2] - centre) / 0.8], axis=1)
        found = rows[pillar == fine].numpy()
        np.testing.assert_allclose(np.sort(found, axis=0), np.sort(wanted, axis=0), atol=2e-5)


def test_a_point_lands_in_its_own_cell_and_empty_clouds_pass():
    model = encoder().eval()
    far = torch.tensor([[-12.0, 12.0, 0.0, 200.0, 0.0]])
    bev, physical = model([far, far[:0]])
    assert physical[0, 0].nonzero().tolist() == [[15, 0]] and not physical[1].any()
    changed = (bev[0] - bev[1]).abs().sum(0) > 0
    assert changed[15, 0] and not changed[:10].any() and not changed[:, 6:].any()
    for clouds in ([far[:0], far[:0]], [far, far[:0]]):
        trained = encoder().train()
        out, _ = trained(clouds)
        out.square().sum().backward()
        assert out.isfinite().all() and all(weight.grad.isfinite().all() for weight in trained.parameters())


def test_bad_settings_and_clouds_are_named():
    for pillars in (3, 8, 0):
        with pytest.raises(ValueError, match='a power of two'):
            encoder(pillars_per_cell=pillars)
    with pytest.raises(ValueError, match=r'cloud of sample 1 is \(3, 4\)'):
        encoder()([torch.zeros(3, 5), torch.zeros(3, 4)])
    with pytest.raises(ValueError, match='leave temporal out'):
        build(lidar_camera_cfg(temporal=dict(type='TemporalFuser', frames=2, norm_cfg=NORM)))
    batch = collate(sample())
    del batch['inputs']['points']
    with pytest.raises(ValueError, match="asks for 'points'"):
        step(build(lidar_camera_cfg()), batch)


@pytest.mark.parametrize(('other', 'changes'), [
    ('camera', {}),
    ('radar', dict(image_backbone=None, image_neck=None, view_transform=None,
                   radar_encoder=dict(type='RadarPillarEncoder', point_channels=8, out_channels=12, norm_cfg=NORM),
                   fuser=dict(type='IntensityGuidedFuser', out_channels=20, norm_cfg=NORM)))])
def test_lidar_beside_another_modality_trains_predicts_and_marks_its_taps(other, changes):
    model = build(lidar_camera_cfg(**changes))
    batch = collate(sample(seed=1), sample(seed=2, points=0))
    with TapRecorder() as recorder:
        losses = step(model, batch)
    taps, specs = recorder.collect(), model.tap_specs()
    assert all(value.isfinite() for value in losses.values())
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in model.parameters())
    assert set(specs) == set(taps) >= {'lidar_bev', 'lidar_gated', f'{other}_bev', f'{other}_gated', 'fused_bev'}
    for name, spec in specs.items():
        assert spec.kind != 'bev' or taps[name].shape == (2, spec.channels, *spec.grid.shape), name
    model.eval()
    with torch.no_grad():
        both = model(**model.data_preprocessor(batch, False), mode='predict')
        alone = model(**model.data_preprocessor(collate(sample(seed=1)), False), mode='predict')
    torch.testing.assert_close(both[0].pred_instances_3d.scores_3d, alone[0].pred_instances_3d.scores_3d)
    assert both[0].pred_instances_3d.bboxes_3d.tensor.shape[1] == 9


def test_it_teaches_as_deep_as_asked_and_its_objectness_follows_from_its_head():
    teacher = FrozenTeacher(model=build(lidar_camera_cfg()), allow_random=True)
    batch, ran = collate(sample(seed=1)), []
    teacher.model.trunk.register_forward_hook(lambda module, args, output: ran.append('trunk'))
    found = teacher.run(**batch, taps=['camera_gated', 'fused_bev'])
    assert set(found) == {'camera_gated', 'fused_bev'} and not ran
    found = teacher.run(**batch, taps=['objectness', 'mean_objectness', 'head'])
    heat = found['head'][0]['heatmap']
    torch.testing.assert_close(found['objectness'], heat.sigmoid().amax(1, keepdim=True))
    torch.testing.assert_close(found['mean_objectness'], heat.mean(1, keepdim=True).sigmoid())
    alone = teacher.run(**batch, taps=['objectness'])
    assert list(alone) == ['objectness'] and torch.equal(alone['objectness'], found['objectness'])
    spec = teacher.tap_specs()['objectness']
    assert (spec.kind, spec.channels, spec.grid.shape) == ('bev', 1, (16, 16))


def test_a_student_without_lidar_is_the_same_student():
    """Weights, their order and values, and its batch do not know of LiDAR."""
    student = build(student_cfg())
    assert not any('lidar' in name for name in student.state_dict())
    inputs = student.data_preprocessor(collate(sample(seed=1)), True)['inputs']
    assert 'points' not in inputs
    with_lidar = build(student_cfg(lidar_encoder=LIDAR))
    before = dict(student.named_parameters())
    common = [name for name in dict(with_lidar.named_parameters()) if name.split('.')[0] in (
        'image_backbone', 'image_neck', 'view_transform', 'radar_encoder')]
    assert common == list(before)[:len(common)]
