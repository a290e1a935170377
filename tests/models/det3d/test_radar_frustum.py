"""The radar branch in the camera frustum: where points land, mmdet3d's twin, sizes, odd input."""

import perception_kd.compat  # noqa: F401  # isort: skip
import pytest
import torch
from mmdet3d.models.middle_encoders import PointPillarsScatter
from mmdet3d.models.voxel_encoders import PillarFeatureNet

from perception_kd.registry import MODELS
from tests.models.det3d.frustum_worlds import DEPTH_BOUND, HEIGHT, STRIDE, WIDTH, cloud, encoder, frame, picture


def _canvas(model, moment):
    """The pillars ``(B*N, C, 2D, 2W)`` before the convolutions."""
    seen = []
    hook = model.backbone.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model(moment)
    hook.remove()
    return seen[0]


def _occupied(model, moment):
    return torch.nonzero(_canvas(model, moment).abs().sum(1)).tolist()


def _hand_cell(x, y):
    """Cell (depth, column) of a point at the height of camera 0, which looks along +x from (0.3, -0.2)."""
    depth = x - 0.3
    u = 100 * -(y + 0.2) / depth + WIDTH / 2 - 3
    return [int((depth - DEPTH_BOUND[0]) / 0.25), int((u + 0.5) / (STRIDE / 2))]


def test_points_land_in_the_cell_of_their_column_and_depth():
    model = encoder(point_norm_cfg=dict(type='LN')).eval()
    places = [(6.1, 1.0), (12.0, -3.3), (9.07, 4.0)]
    found = _occupied(model, frame([cloud([]), cloud(places)], cameras=1))
    assert sorted(found) == sorted([1, *_hand_cell(x, y)] for x, y in places)


def test_points_behind_out_of_the_picture_out_of_depth_or_not_finite_are_dropped():
    model = encoder(point_norm_cfg=dict(type='LN')).eval()
    away = cloud([(-6.0, 1.0), (5.0, 8.0), (5.0, 0.0, 6.0), (0.9, 0.0), (17.5, 0.0), (6.0, float('nan')), (0.3, -0.2)])
    slow = cloud([(6.0, 0.0)], vx=float('nan'))
    assert not _occupied(model, frame([torch.cat([away, slow])], cameras=1))
    gap = frame([cloud([(5.0, 4.5), (-6.0, -0.2)])], cameras=4)  # 90 degrees apart, each sees 88
    assert [image for image, *_ in _occupied(model, gap)] == [2]
    assert [image for image, *_ in _occupied(model, frame([cloud([(5.0, 2.6)])], cameras=6))] == [0, 1]


def test_image_augmentation_moves_points_with_the_picture():
    model = encoder(point_norm_cfg=dict(type='LN')).eval()
    row, column = _hand_cell(9.0, 2.0)
    flipped = _occupied(model, frame([cloud([(9.0, 2.0)])], cameras=1, aug=picture(flip=True)))
    assert flipped == [[0, row, WIDTH // (STRIDE // 2) - 1 - column]]
    shifted = _occupied(model, frame([cloud([(9.0, 2.0)])], cameras=1, aug=picture(shift=(20.0, -5.0))))
    assert shifted == [[0, row, column + 10]]
    assert not _occupied(model, frame([cloud([(9.0, 2.0)])], cameras=1, aug=picture(shift=(0.0, HEIGHT))))


@pytest.mark.parametrize('legacy', [True, False])
@pytest.mark.parametrize('training', [True, False])
def test_pillars_equal_mmdet3ds_where_nothing_is_padded(legacy, training):
    model = encoder(legacy=legacy).train(training)
    moment, points, coors = _pairs_of_points()
    size = (2 * model.depth_bins, WIDTH // (STRIDE // 2))
    place = dict(voxel_size=(STRIDE / 2, 0.25, 2), point_cloud_range=[0, DEPTH_BOUND[0], 0, WIDTH, DEPTH_BOUND[1], 2])
    twin = PillarFeatureNet(in_channels=5, feat_channels=[8, 6], with_cluster_center=False, legacy=legacy, **place)
    for norm in [m for m in model.point_net.modules() if isinstance(m, torch.nn.BatchNorm1d)]:
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    twin.load_state_dict(model.point_net.state_dict())
    twin.train(training)
    scatter = PointPillarsScatter(6, size)
    expected = scatter(twin(points, torch.full((len(points),), 2), coors), coors, 2)
    canvas = _canvas(model, moment)
    torch.testing.assert_close(canvas, expected, atol=1e-4, rtol=1e-4)
    weight = torch.randn(canvas.shape, generator=torch.Generator().manual_seed(2))
    grads = [torch.autograd.grad((out * weight).sum(), list(net.parameters()))
             for out, net in ((canvas, model.point_net), (expected, twin))]
    assert all(grad.any() for grad in grads[0])
    torch.testing.assert_close(*grads, atol=1e-2, rtol=1e-3)
    torch.testing.assert_close(model.point_net.state_dict(), twin.state_dict(), atol=1e-4, rtol=1e-4)


def _pairs_of_points():
    """A frame with two points in each of nine cells of two cameras, and the same as mmdet3d's voxels."""
    g = torch.Generator().manual_seed(0)
    rows, coors, voxels = [], [], []
    for image in range(2):
        for index in torch.randperm(60 * 90, generator=g)[:9].tolist():
            row, column = index // 90 + 2, index % 90 + 3
            depth = DEPTH_BOUND[0] + (row + 0.1 + 0.8 * torch.rand(2, generator=g)) * 0.25
            left = (column + 0.1 + 0.8 * torch.rand(2, generator=g)) * (STRIDE / 2)
            side = (left - 0.5 - (WIDTH / 2 - 3)) / 100 * depth  # metres to the right of the camera's axis
            sign = 1 if image == 0 else -1  # camera 1 looks along -x
            rcs, velocity = torch.randn(2, generator=g) * 9, torch.randn(2, 2, generator=g) * 3
            zeros = torch.zeros(2)
            rows.append(torch.stack([0.3 + sign * depth, -0.2 - sign * side, zeros + 0.8, rcs, *velocity.T, zeros], 1))
            speed = (velocity.norm(dim=1) - 0.677) / 1.976
            voxels.append(torch.stack([left, depth, torch.ones(2), (rcs - 4.783) / 7.576, speed], 1))
            coors.append([image, 0, row, column])
    order = torch.randperm(2 * len(rows), generator=g)
    return frame([torch.cat(rows)[order]]), torch.stack(voxels), torch.tensor(coors)


@pytest.mark.parametrize(('size', 'wanted'), [((256, 704), (70, 44)), ((512, 1408), (70, 88))])
def test_sizes_of_the_paper(size, wanted):
    model = encoder(depth_bound=[2.0, 58.0, 0.8], stride=16)
    moment = frame([cloud([(20.0, 0.0)])], cameras=1, size=size)
    assert _canvas(model, moment).shape == (1, 6, 140, size[1] // 8)
    out = model(moment)
    assert out.context.shape == (1, 3, *wanted) and out.occupancy.shape == (1, 1, *wanted)


@pytest.mark.parametrize(('size', 'stop', 'wanted'), [((60, 112), 12.0, (11, 7)), ((33, 17), 4.0, (3, 2))])
def test_sizes_that_three_strides_do_not_divide(size, stop, wanted):
    out = encoder(depth_bound=[1.0, stop, 1.0], stride=16)(frame([cloud([(3.0, 0.0)])], cameras=1, size=size))
    assert out.context.shape[2:] == out.occupancy.shape[2:] == wanted


@pytest.mark.parametrize('points', [[], [(5.0, 0.0)], [(-5.0, 0.0)] * 3, [(float('nan'), 1.0)] * 2])
def test_hardly_any_radar_gives_finite_results_and_gradients(points):
    model = encoder().train()
    out = model(frame([cloud(points), cloud([])], cameras=1))
    (out.context.square().mean() + out.occupancy.mean()).backward()
    assert all(torch.isfinite(m).all() for m in out)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters())
    assert all(torch.isfinite(b).all() for b in model.buffers())


def test_parameters_are_those_of_crn():
    with torch.device('meta'):
        model = MODELS.build(dict(type='RadarFrustumEncoder', depth_bound=[2.0, 58.0, 0.8], stride=16,
                                  norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)))
    parts = {name: sum(w.numel() for w in part.parameters()) for name, part in model.named_children()}
    assert [round(parts[name] / 1e3) for name in ('backbone', 'neck')] == [4210, 181]  # CRN: 4.2 M, 180 K
    assert [round(parts[name] / 1e3) for name in ('context', 'occupancy')] == [679, 664]  # CRN: 679 K, 664 K
    assert parts['point_net'] == 2336 and round(sum(parts.values()) / 1e6, 1) == 5.7  # CRN: 2.3 K, 5.7 M


def test_occupancy_starts_low_and_bad_clouds_are_named():
    model = encoder(occupancy_prior=0.02)
    assert model.occupancy[-1].bias.sigmoid().item() == pytest.approx(0.02)
    model.init_weights()
    assert model.occupancy[-1].bias.sigmoid().item() == pytest.approx(0.02)
    with pytest.raises(ValueError, match=r'radar of sample 1 is \(2, 5\), expected \(M, 7\)'):
        model(frame([cloud([]), torch.zeros(2, 5)]))
