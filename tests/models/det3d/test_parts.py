"""Radar maps, depth loss, view transform."""

import pickle
import weakref
from copy import deepcopy

import pytest
import torch

from perception_kd.models.det3d.depth_net import DepthLoss
from perception_kd.models.det3d.frames import Frame, key_frame
from perception_kd.models.layers import DepthBins
from tests.models.det3d.worlds import NORM, RANGE, build, camera, collate, sample, student_cfg


def test_radar_maps_lie_where_the_points_are():
    encoder = build(
        dict(type='RadarPillarEncoder', point_cloud_range=RANGE, cell=1.6, out_channels=8, norm_cfg=NORM)
    ).eval()
    #                      x    y     z  rcs   vx vy dt
    cloud = torch.tensor(
        [
            [-12.0, 12.0, 0, 15.0, 0, 0, 0],
            [-12.0, 12.2, 0, 40.0, 3, 0, 0.1],
            [0.1, 0.1, 99.0, 1.0, 0, 0, 0],
            [50.0, 0, 0, 1.0, 0, 0, 0],
        ]
    )
    maps = encoder([cloud[:0], cloud])
    assert maps.bev.shape == (2, 8, 16, 16)
    assert torch.nonzero(maps.occupancy).tolist() == [[1, 0, 8, 8], [1, 0, 15, 0]]
    assert maps.intensity[1, 0, 15, 0] == 1.0 and maps.intensity[1, 0, 8, 8] == pytest.approx(11 / 50)
    assert maps.intensity.count_nonzero() == 2
    shuffled = encoder([cloud[:0], cloud[[2, 0, 3, 1]]])
    torch.testing.assert_close(shuffled.bev, maps.bev)


@pytest.mark.parametrize('kind', ['bce', 'ce'])
def test_depth_loss_equals_torch_and_is_least_at_the_truth(kind):
    bins = DepthBins(1.0, 5.0, 1.0)
    target = torch.tensor([[[1.5, 0.0], [4.2, 9.0]]])
    logits = torch.randn(1, 4, 2, 2, requires_grad=True)
    loss = DepthLoss(kind=kind, loss_weight=2.0)(logits, target, bins)
    p = logits.softmax(1)
    chosen, label = torch.stack([p[0, :, 0, 0], p[0, :, 1, 0]]), torch.tensor([0, 3])
    if kind == 'ce':
        expected = -chosen[[0, 1], label].log().mean() * 2
    else:
        one_hot = torch.nn.functional.one_hot(label, 4).float()
        expected = torch.nn.functional.binary_cross_entropy(chosen, one_hot, reduction='sum') / 2 * 2
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert torch.isfinite(logits.grad).all() and not logits.grad[0, :, 0, 1].any()
    perfect = torch.full((1, 4, 2, 2), -20.0)
    perfect[0, 0, 0, 0] = perfect[0, 3, 1, 0] = 20.0
    assert DepthLoss(kind=kind)(perfect, target, bins) < 1e-4


def test_depth_loss_without_depth_and_with_extreme_logits():
    bins = DepthBins(1.0, 5.0, 1.0)
    logits = torch.randn(1, 4, 2, 2, requires_grad=True)
    loss = DepthLoss()(logits, torch.zeros(1, 1, 2, 2), bins)
    loss.backward()
    assert loss == 0 and not logits.grad.any()
    sure_and_wrong = torch.zeros(1, 4, 2, 2)
    sure_and_wrong[:, 1] = 80.0
    sure_and_wrong.requires_grad_()
    loss = DepthLoss()(sure_and_wrong, torch.full((1, 1, 2, 2), 4.5), bins)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(sure_and_wrong.grad).all()
    with pytest.raises(ValueError, match="'bce' or 'ce'"):
        DepthLoss(kind='l1')


def _view(**changes):
    cfg = {**student_cfg()['view_transform'], **changes}
    return build(dict(cfg, point_cloud_range=RANGE, cell=1.6)).eval()


def _frame(**changes):
    model = build(student_cfg())
    return key_frame({**model.data_preprocessor(collate(sample(cameras=1)), False)['inputs'], **changes})


def _lift(view, feature, frame):
    return view.splat(view.perceive(feature, frame), frame)


def test_camera_sees_its_own_side_and_the_augmentation_turns_it():
    view, feature = _view(), torch.randn(1, 16, 8, 12)
    forward = _lift(view, feature, _frame(cam2lidar=camera(0.0)[None, None]))
    assert not forward.camera[:, :, :8].any() and forward.camera[:, :, 9:].any()  # +y is the upper half
    assert (forward.confidence >= 0).all() and (forward.confidence <= 1).all()
    assert torch.equal(forward.confidence != 0, forward.camera.abs().sum(1, keepdim=True) != 0)
    assert torch.equal(forward.reached > 0, forward.confidence > 0)
    assert 0 < float(forward.reached.sum()) <= 8 * 12 + 1e-3  # a pixel's probabilities add up to 1, some fall outside
    flip = torch.diag(torch.tensor([1.0, -1, 1, 1]))[None]
    flipped = _lift(view, feature, _frame(cam2lidar=camera(0.0)[None, None], lidar_aug_matrix=flip))
    torch.testing.assert_close(flipped.camera, forward.camera.flip(2), atol=1e-5, rtol=1e-4)


def test_pattern_is_kept_while_the_matrices_stay():
    view, frame = _view(), _frame()
    pattern = view.pattern(frame, (8, 12))
    same = Frame({k: v.clone() if torch.is_tensor(v) else v for k, v in frame.inputs.items()}, *frame[1:])
    assert view.pattern(same, (8, 12)) is pattern
    past = frame._replace(inputs={**frame.inputs, 'to_key': torch.eye(4)[None]}, to_bev=frame.to_bev * 1.02)
    assert view.pattern(past, (8, 12)) is not pattern
    assert view.pattern(same, (8, 12)) is pattern  # past frames, which move in every sample, do not push it out
    assert view.pattern(frame._replace(to_bev=frame.to_bev * 1.01), (8, 12)) is not pattern


def test_pattern_is_kept_in_eval_mode_only_and_in_no_copy():
    view, frame = _view(), _frame()
    kept = weakref.ref(view.pattern(frame, (8, 12)))
    copy = deepcopy(view)
    assert kept() is not None and copy.pattern(frame, (8, 12)) is not kept()
    view.train()
    assert kept() is None and view.pattern(frame, (8, 12)) is not view.pattern(frame, (8, 12))
    assert torch.equal(view.pattern(frame, (8, 12)).col, copy.pattern(frame, (8, 12)).col)
    assert pickle.loads(pickle.dumps(copy)).state_dict().keys() == view.state_dict().keys()


@pytest.mark.parametrize('fault', ['nan', 'away'])
def test_nothing_in_view_gives_zeros_and_finite_gradients(fault):
    matrix = _frame().inputs['cam2lidar'].clone()
    matrix[..., 0, 3] = float('nan') if fault == 'nan' else 1000.0
    view = _view()
    lifted = _lift(view, torch.randn(1, 16, 8, 12), _frame(cam2lidar=matrix))
    lifted.camera.sum().backward()
    assert not lifted.camera.any() and not lifted.confidence.any()
    assert all(torch.isfinite(w.grad).all() for w in view.parameters() if w.grad is not None)
