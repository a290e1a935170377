"""The depth net's options: CRN's context branch, and the gate that knows the camera."""

import pytest
import torch

from perception_kd.models.det3d.camera_gate import CameraGate, camera_numbers
from tests.models.det3d.frustum_worlds import cloud, frame, picture, rotation
from tests.models.det3d.worlds import NORM, build


def _net(**changes):
    return build({**dict(type='DepthNet', in_channels=6, mid_channels=8, context_channels=3, depth_bins=5,
                         norm_cfg=NORM), **changes})


def test_options_add_weights_and_rename_none():
    plain = set(_net().state_dict())
    assert {'context.weight', 'context.bias', 'reduce.conv.weight', 'depth.1.weight'} <= plain
    assert plain < set(_net(camera_aware=True).state_dict())
    assert not any(name.startswith('gate') for name in plain)


def test_crns_context_branch_has_a_convolution_before_its_projection():
    net = _net(context_convs=1, depth_blocks=3).eval()
    depth, context = net(torch.randn(2, 6, 4, 5))
    assert depth.shape == (2, 5, 4, 5) and context.shape == (2, 3, 4, 5)
    assert net.context[0].conv.weight.shape == (8, 8, 3, 3) and len(net.depth) == 4


def test_camera_numbers_by_hand():
    moment = frame([cloud([])], cameras=1, aug=picture(scale=0.5, shift=(3, 4)), points_aug=rotation(0.0, 1.2))
    pose = moment.inputs['cam2lidar'][0, 0, :3].flatten()
    expected = [100, 100, 93, 69, 0.5, 0, 3, 0, 0.5, 4, 1.2, 0, 0, 1.2, 1.2, *pose]
    torch.testing.assert_close(camera_numbers(moment), torch.tensor(expected)[None])
    moved = moment._replace(to_bev=torch.full((1, 4, 4), float('nan')))
    assert torch.equal(camera_numbers(moved), camera_numbers(moment))


def test_gates_follow_the_camera_and_each_branch_has_its_own():
    torch.manual_seed(0)
    gate = CameraGate(channels=4).eval()
    for_depth, for_context = gate(frame([cloud([]), cloud([])]))
    assert for_depth.shape == (4, 4, 1, 1) and ((for_depth > 0) & (for_depth < 1)).all()
    torch.testing.assert_close(for_depth[:2], for_depth[2:])
    assert not torch.allclose(for_depth[0], for_depth[1])
    assert not torch.allclose(for_depth, for_context)


@pytest.mark.parametrize('cameras', [1, 3])
def test_camera_aware_net_trains_with_any_number_of_cameras(cameras):
    net, moment = _net(camera_aware=True).train(), frame([cloud([])], cameras=cameras)
    depth, context = net(torch.randn(cameras, 6, 4, 5), moment)
    (depth.square().sum() + context.square().sum()).backward()
    assert all(torch.isfinite(weight.grad).all() for weight in net.parameters())
    assert net.gate.depth[0].bias.grad.any() and net.gate.context[-2].weight.grad.any()
    with pytest.raises(ValueError, match='needs the frame'):
        net(torch.randn(cameras, 6, 4, 5))
