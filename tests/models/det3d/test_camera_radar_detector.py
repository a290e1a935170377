"""The student as a whole: modes, taps, rigs, modalities, empty and broken inputs."""

import gc
import weakref

import pytest
import torch

from perception_kd.distill.taps import TapRecorder
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.models.det3d.camera_radar_detector import CameraRadarDetector
from tests.models.det3d.worlds import build, collate, sample, step, student_cfg


@pytest.fixture(scope='module')
def student() -> CameraRadarDetector:
    return build(student_cfg())


def _healthy(model, losses):
    assert all(torch.isfinite(value) for value in losses.values())
    for name, weight in model.named_parameters():
        assert weight.grad is not None and torch.isfinite(weight.grad).all(), name


def test_loss_reaches_every_weight_and_has_the_right_names():
    model = build(student_cfg())
    losses = step(model, collate(sample(seed=1), sample(seed=2)))
    assert set(losses) == {'task0.loss_heatmap', 'task0.loss_bbox', 'loss_depth'}
    _healthy(model, losses)


def test_taps_are_as_declared_and_head_tap_survives_the_loss(student):
    batch = student.data_preprocessor(collate(sample(seed=1), sample(seed=2)), True)
    raw = student(**batch, mode='tensor')
    with TapRecorder() as recorder:
        student.train()(**batch, mode='loss')
    specs, taps = student.tap_specs(), recorder.collect()
    assert (
        set(taps)
        == set(specs)
        == {
            'depth_logits',
            'camera_bev',
            'camera_occupancy',
            'radar_bev',
            'radar_occupancy',
            'camera_gated',
            'radar_gated',
            'camera_intensity',
            'radar_intensity',
            'fused_bev',
            'merged_bev',
            'trunk_s16',
            'trunk_s32',
            'trunk_bev',
            'head',
        }
    )
    for name, spec in specs.items():
        if spec.kind == 'bev':
            assert taps[name].shape == (2, spec.channels, *spec.grid.shape), name
    height, width = (side // specs['depth_logits'].stride for side in batch['inputs']['img'].shape[-2:])
    assert taps['depth_logits'].shape[1:] == (specs['depth_logits'].channels, height, width)
    torch.testing.assert_close(taps['head'][0]['heatmap'], raw[0]['heatmap'])  # logits, not probabilities
    assert raw[0]['heatmap'].min() < 0
    assert sum(task['heatmap'].shape[1] for task in taps['head']) == specs['head'].channels


@pytest.mark.parametrize(('wanted', 'skipped'), [
    ('depth_logits', ('radar_encoder', 'fuser', 'trunk', 'head')),
    ('radar_bev', ('fuser', 'trunk', 'head')), ('fused_bev', ('trunk', 'head')), ('head', ())])
def test_as_a_teacher_it_runs_no_deeper_than_the_tap(wanted, skipped):
    teacher, ran, batch = build(student_cfg()), [], collate(sample(seed=1))
    for name in ('radar_encoder', 'fuser', 'trunk', 'head'):
        getattr(teacher, name).register_forward_hook(lambda module, args, output, name=name: ran.append(name))
    found = FrozenTeacher(model=teacher, allow_random=True).run(batch['inputs'], batch['data_samples'], [wanted])
    assert list(found) == [wanted]
    assert ran == [name for name in ('radar_encoder', 'fuser', 'trunk', 'head') if name not in skipped]


def test_no_tensor_is_held_after_a_training_step():
    model, seen = build(student_cfg()), []
    for module in model.modules():
        module.register_forward_hook(lambda module, args, output: seen.extend(map(weakref.ref, _tensors(output))))
    original = model.view_transform.pattern

    def watched(frame, size):
        pattern = original(frame, size)
        seen.extend(map(weakref.ref, (pattern, pattern.col, *_tensors(frame.inputs))))
        return pattern
    model.view_transform.pattern = watched
    step(model, collate(sample(seed=1), sample(seed=2)))
    gc.collect()
    assert len(seen) > 50 and not [reference() for reference in seen if reference() is not None]


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [tensor for part in parts for tensor in _tensors(part)]


def test_predict_needs_no_lidar_and_gives_boxes_of_nine(student):
    batch = collate(sample(seed=1), sample(seed=2))
    for key in ('points', 'depth_target'):
        del batch['inputs'][key]
    student.eval()
    with torch.no_grad():
        results = student(**student.data_preprocessor(batch, False), mode='predict')
    for result in results:
        found = result.pred_instances_3d
        assert (
            found.bboxes_3d.tensor.shape[1] == 9 and type(found.bboxes_3d).__name__ == 'LiDARInstance3DBoxes'
        )
        assert len(found.scores_3d) == len(found.labels_3d) == len(found.bboxes_3d)
        assert (found.scores_3d.diff() <= 0).all()
        assert found.labels_3d.dtype == torch.int64 and set(found.labels_3d.tolist()) <= {0, 1, 2}


@pytest.mark.parametrize('missing', ['camera', 'radar'])
def test_one_modality_alone(missing):
    parts = dict(
        camera=dict(image_backbone=None, image_neck=None, view_transform=None), radar=dict(radar_encoder=None)
    )
    model = build(student_cfg(**parts[missing]))
    batch = collate(sample(seed=1), sample(seed=2))
    del batch['inputs']['img' if missing == 'camera' else 'radar']
    losses = step(model, batch)
    _healthy(model, losses)
    assert ('loss_depth' in losses) == (missing == 'radar')
    assert f'{missing}_bev' not in model.tap_specs()


def test_one_camera_and_a_range_that_is_not_centred():
    place = [0.0, -12.8, -3.0, 25.6, 6.4, 3.0]
    model = build(student_cfg(point_cloud_range=place))
    losses = step(
        model, collate(sample(cameras=1, seed=1, place=place), sample(cameras=1, seed=2, place=place))
    )
    _healthy(model, losses)
    assert model.tap_specs()['fused_bev'].grid.shape == (12, 16)
    with TapRecorder() as recorder:
        step(model, collate(sample(cameras=1, place=place)))
    camera = recorder.collect()['camera_bev']
    assert camera.shape[2:] == (12, 16) and camera.any()


@pytest.mark.parametrize('change', [dict(radar=0), dict(boxes=0), dict(radar=0, boxes=0), dict(radar=1)])
def test_empty_radar_and_empty_truth_give_finite_losses(change):
    model = build(student_cfg())
    _healthy(model, step(model, collate(sample(seed=1, **change), sample(seed=2, **change))))


def test_broken_radar_values_and_depths_do_not_reach_the_loss():
    inputs, truth = sample(seed=1)
    inputs['radar'][3, 4] = float('nan')
    inputs['radar'][5, 0] = float('inf')
    inputs['depth_target'][0, 0, 0] = float('nan')
    broken = build(student_cfg())
    losses = step(broken, collate((inputs, truth)))
    _healthy(broken, losses)
    keep = torch.ones(len(inputs['radar']), dtype=torch.bool)
    keep[[3, 5]] = False
    clean = dict(inputs, radar=inputs['radar'][keep])
    clean['depth_target'] = inputs['depth_target'].nan_to_num(0.0)
    for name, value in step(build(student_cfg()), collate((clean, truth))).items():
        torch.testing.assert_close(losses[name], value)


def test_bf16_autocast_trains(student):
    model = build(student_cfg())
    data = model.data_preprocessor(collate(sample(seed=1), sample(seed=2)), True)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    _healthy(model, losses)
    assert all(value.dtype == torch.float32 for value in losses.values())


def test_channels_last_changes_nothing_but_the_layout():
    plain, fast = build(student_cfg()), build(student_cfg(channels_last=True))
    assert fast.image_backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)
    fast.load_state_dict(plain.state_dict())
    batch = collate(sample(seed=1), sample(seed=2))
    wanted = step(plain, batch)
    for name, value in step(fast, batch).items():
        torch.testing.assert_close(value, wanted[name], atol=1e-4, rtol=1e-4)
    assert fast.image_backbone.conv1.weight.is_contiguous(memory_format=torch.channels_last)


def test_it_learns():
    model = build(student_cfg())
    batch = collate(sample(seed=1), sample(seed=2))
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    history = []
    for _ in range(25):
        optimizer.zero_grad()
        history.append(float(sum(step(model, batch).values()).detach()))
        optimizer.step()
    assert history[-1] < 0.6 * history[0]


def test_clear_errors():
    model = build(student_cfg())
    batch = collate(sample())
    del batch['inputs']['radar']
    with pytest.raises(ValueError, match="asks for 'radar'"):
        step(model, batch)
    with pytest.raises(ValueError, match="needs 'img' or 'radar'"):
        model.data_preprocessor(dict(inputs=dict(points=[]), data_samples=[]))
    with pytest.raises(ValueError, match="differ in the shape of 'cam2lidar'"):
        model.data_preprocessor(collate(sample(cameras=1), sample(cameras=2)))
    with pytest.raises(ValueError, match='view_transform, radar_encoder or both'):
        build(student_cfg(radar_encoder=None, view_transform=None))
    with pytest.raises(ValueError, match='needs image_backbone'):
        build(student_cfg(image_neck=None))
    wrong = sample()
    wrong[0]['depth_target'] = wrong[0]['depth_target'][:, :4]
    with pytest.raises(ValueError, match='set its stride'):
        step(model, collate(wrong))
    wrong = sample()
    wrong[0]['radar'] = wrong[0]['radar'][:, :5]
    with pytest.raises(ValueError, match='radar of sample 0'):
        step(model, collate(wrong))
