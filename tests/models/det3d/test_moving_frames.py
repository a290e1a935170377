"""Everything that moves at once: BEV augmentation, ego motion, radar velocities, streaming, half precision."""

import copy
import pickle

import pytest
import torch

from perception_kd.distill.taps import TapRecorder
from perception_kd.models.det3d.frames import CAMERAS, key_frame, past_frames
from perception_kd.models.det3d.radar_strength import radar_strength
from perception_kd.models.det3d.streaming import StreamingMemory
from perception_kd.models.layers import frustum_points
from tests.models.det3d.worlds import NORM, build, collate, sample, student_cfg

TURN = torch.tensor([[0.8, -0.6, 0, 3.0], [0.6, 0.8, 0, -2.0], [0, 0, 1, 0.1], [0, 0, 0, 1]])
AUG = torch.diag(torch.tensor([1.1, -1.1, 1.1, 1.0]))  # mirrored and scaled
MAPS = ('camera_bev', 'radar_bev', 'radar_occupancy', 'radar_intensity')


def _pillar_cfg(**changes):
    """The student with radar in BEV pillars, whose gates show the RCS map, merging three frames."""
    fuser = dict(type='IntensityGuidedFuser', out_channels=20, norm_cfg=NORM, intensity=dict(kind='physical'))
    return student_cfg(**{'temporal': dict(type='TemporalFuser', frames=3, norm_cfg=NORM), 'fuser': fuser, **changes})


def _frustum_cfg(**changes):
    """The student with radar in the frustum."""
    cfg = _pillar_cfg(
        radar_encoder=dict(type='RadarFrustumEncoder', point_channels=(8,), channels=(8, 8, 8), layers=(1, 1, 1),
                           up_channels=4, out_channels=12, norm_cfg=NORM),
        **changes)
    cfg['view_transform'] = dict(cfg['view_transform'], type='RadarAssistedTransform', radar_channels=12, norm_cfg=NORM)
    return cfg


def _inputs(model, seed):
    return model.data_preprocessor(collate(sample(seed=seed, radar=60)), False)['inputs']


def _with_past(model):
    inputs = _inputs(model, 1)
    inputs['lidar_aug_matrix'] = AUG[None]
    inputs['radar'] = [_moved(cloud, AUG) for cloud in inputs['radar']]
    for seed, motion in ((2, TURN), (3, TURN @ TURN)):
        old = _inputs(model, seed)
        kept = {key: old[key] for key in ('img', 'cam2img', 'cam2lidar', 'img_aug_matrix', 'radar')}
        inputs.setdefault('past', []).append({**kept, 'to_key': motion[None]})
    return inputs


def _moved(cloud, motion):
    moved = cloud.clone()
    moved[:, :3] = cloud[:, :3] @ motion[:3, :3].T + motion[:3, 3]
    moved[:, 4:6] = cloud[:, 4:6] @ motion[:2, :2].T
    return moved


def test_ego_motion_comes_before_the_augmentation_and_turns_velocities():
    model = build(_frustum_cfg())
    inputs = _with_past(model)
    old = past_frames(inputs)[0]
    torch.testing.assert_close(old.to_bev[0], AUG @ TURN)
    torch.testing.assert_close(old.radar_bev()[0], _moved(inputs['past'][0]['radar'][0], AUG @ TURN))
    torch.testing.assert_close(old.radar_own()[0], inputs['past'][0]['radar'][0])
    key = key_frame(inputs)
    torch.testing.assert_close(key.radar_own()[0], _moved(inputs['radar'][0], AUG.inverse()))
    torch.testing.assert_close(key.radar_bev()[0], inputs['radar'][0])


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_motion_is_exact_under_autocast(dtype):
    inputs = _with_past(build(_frustum_cfg()))
    exact = past_frames(inputs)
    with torch.autocast('cpu', dtype=dtype):
        for found, wanted in zip(past_frames(inputs), exact):
            assert found.to_bev.dtype == torch.float32
            assert torch.equal(found.to_bev, wanted.to_bev)
            assert torch.equal(found.radar_bev()[0], wanted.radar_bev()[0])


@pytest.mark.parametrize('cfg', [_frustum_cfg(), _pillar_cfg()])
def test_a_past_frame_looks_as_if_it_were_the_key_frame_augmented_by_its_motion(cfg):
    """Pooling a frame through ``to_key`` and ``B`` equals calling both together the BEV augmentation."""
    model = build(cfg).eval()
    inputs = _with_past(model)
    with torch.no_grad(), TapRecorder(wanted=MAPS, calls=dict.fromkeys(MAPS, 'all')) as recorder:
        model(inputs, [], mode='tensor')
    found = recorder.collect()
    both = AUG @ TURN
    alone = {**inputs['past'][0], 'lidar_aug_matrix': both[None]}
    alone['radar'] = [_moved(cloud, both) for cloud in alone['radar']]
    alone['past'] = [inputs['past'][0]] * 2
    with torch.no_grad(), TapRecorder(wanted=MAPS, calls=dict.fromkeys(MAPS, 'first')) as recorder:
        model(alone, [], mode='tensor')
    for name, wanted in recorder.collect().items():
        assert wanted.any() or name == 'radar_occupancy'
        close = (found[name][1] - wanted).abs().amax(1) < 1e-4  # points on a cell's border may go either way
        assert close.float().mean() > 0.97, name
    strength = radar_strength([_moved(inputs['past'][0]['radar'][0], both)], model.grid, (-10.0, 40.0))
    gate = torch.cat([found['radar_occupancy'][1], strength], dim=1).mean(1, keepdim=True).clamp(min=0.1)
    torch.testing.assert_close(found['radar_intensity'][1], gate)  # RCS map of the past frame, where it has moved to


def test_the_key_frame_is_merged_first_and_then_from_new_to_old():
    model = build(_frustum_cfg()).eval()
    seen = []
    model.temporal.register_forward_pre_hook(lambda module, args: seen.extend(args[0]))
    inputs = _with_past(model)
    with torch.no_grad(), TapRecorder(wanted=['fused_bev'], calls=dict(fused_bev='first')) as recorder:
        model(inputs, [], mode='tensor')
        new, old = (model._fuse(model._perceive(past), past) for past in past_frames(inputs))
    wanted = (recorder.collect()['fused_bev'], new, old)
    assert all(torch.equal(one, other) for one, other in zip(seen, wanted, strict=True))


def test_pattern_of_a_calibration_changed_in_place_is_made_again():
    model = build(_frustum_cfg()).eval()
    frame = key_frame(_inputs(model, 1))
    pattern = model.view_transform.pattern(frame, (8, 12))
    frame.inputs['cam2lidar'][..., 0, 3] += 2.0
    assert model.view_transform.pattern(frame, (8, 12)) is not pattern


def _meta(scene, time):
    return dict(scene_token=scene, timestamp=time, ego2global=torch.eye(4).numpy(), lidar2ego=torch.eye(4).numpy())


def test_memory_begins_anew_with_a_scene_with_time_that_goes_back_and_after_a_gap():
    memory = StreamingMemory(past_frames=(2, 1))
    frame = key_frame(dict(radar=[torch.zeros(0, 7)], lidar_aug_matrix=torch.eye(4)[None]))
    assert memory.past_frames == (1, 2)  # newest first, as the data set's
    lengths = []
    for scene, time in (('a', 0.0), ('a', 0.5), ('a', 1.0), ('a', 4.0), ('a', 4.5), ('b', 5.0), ('b', 5.6), ('b', 5.0)):
        memory.add(None, frame, _meta(scene, time))
        lengths.append(len(memory._moments))
    assert lengths == [1, 2, 3, 1, 2, 1, 2, 1]


def test_memories_hold_no_graph_and_leave_no_trace():
    model = build(_frustum_cfg(streaming=(1, 2))).eval()
    data = model.data_preprocessor(collate(sample(seed=1)), False)
    data['data_samples'][0].set_metainfo(_meta('a', 0.0))
    model(**data, mode='predict')  # with gradient on
    assert not model.memory._moments[0].seen.columns.requires_grad
    for other in (pickle.loads(pickle.dumps(model.memory)), copy.deepcopy(model.memory)):
        assert other.past_frames == (1, 2) and not other._moments
    model.train()
    assert not model.memory._moments


def test_streaming_in_several_processes_is_refused(monkeypatch):
    monkeypatch.setattr('mmengine.dist.get_world_size', lambda: 2)
    frame = key_frame(dict(radar=[torch.zeros(0, 7)], lidar_aug_matrix=torch.eye(4)[None]))
    with pytest.raises(ValueError, match='several processes'):
        StreamingMemory(past_frames=(1,)).add(None, frame, _meta('a', 0.0))


def test_the_height_mask_follows_the_picture():
    """In eval mode the mask is kept; a picture cut elsewhere looks at other heights."""
    view = build(_frustum_cfg()).eval().view_transform
    frame = key_frame(_inputs(build(_frustum_cfg()), 1))
    mask = view._in_height(frame, (8, 12))
    shifted = frame.inputs['img_aug_matrix'].clone()
    shifted[..., 1, 2] += 40.0
    other = view._in_height(frame._replace(inputs={**frame.inputs, 'img_aug_matrix': shifted}), (8, 12))
    assert not torch.equal(mask, other)


def test_frustum_points_out_of_the_height_range_do_not_count():
    view = build(_pillar_cfg()).view_transform
    frame = key_frame(_inputs(build(_pillar_cfg()), 1))
    points = frustum_points(**{name: frame.inputs[name] for name in CAMERAS}, lidar_aug_matrix=frame.to_bev,
                            bins=view.bins, stride=view.stride, size=(8, 12))
    on_grid = view.grid.cell_index(points[..., :2])[1]
    inside = on_grid & (points[..., 2] >= -5.0) & (points[..., 2] < 3.0)
    assert int(view.pattern(frame, (8, 12)).count.sum()) == int(inside.sum()) < int(on_grid.sum())


def test_gates_teach_the_occupancy_and_look_at_the_physical_maps():
    model = build(_frustum_cfg())
    frame = key_frame(_inputs(model, 1))
    with TapRecorder(wanted=['radar_intensity']) as recorder:
        model._fuse(model._perceive(frame), frame)
    recorder.collect()['radar_intensity'].sum().backward()
    assert model.radar_encoder.occupancy[-1].weight.grad.abs().sum() > 0
    learned = build(_frustum_cfg(fuser=dict(type='IntensityGuidedFuser', out_channels=20, norm_cfg=NORM)))
    gate, physical = learned.fuser.gates['radar'], torch.rand(1, 2, 16, 16, requires_grad=True)
    gate(torch.randn(1, 12, 16, 16), physical).sum().backward()
    assert (physical.grad.abs().sum((0, 2, 3)) > 0).all()
