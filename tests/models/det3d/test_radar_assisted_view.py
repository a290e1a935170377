"""The radar-assisted view transform: its sums, its geometry from radar point to BEV cell, its switches."""

import pickle

import pytest
import torch
from torch import nn

from perception_kd.models.det3d.frames import Frame
from perception_kd.models.det3d.radar_frustum import RadarFrustum
from perception_kd.models.layers import frustum_points
from perception_kd.registry import MODELS
from tests.models.det3d.frustum_worlds import (
    HEIGHT,
    MOUNT,
    STRIDE,
    WIDTH,
    cloud,
    encoder,
    frame,
    picture,
    rotation,
    view,
)
from tests.models.det3d.worlds import NORM, RANGE, build, collate, sample, step, student_cfg

BINS, ROWS, COLUMNS = 32, HEIGHT // STRIDE, WIDTH // STRIDE


class _Counts(nn.Module):
    """In place of the point net: 1 in every cell with a point."""

    def forward(self, points, cell, cells):
        return torch.zeros(cells, 1).index_fill(0, cell, 1.0)


class _Largest(nn.Module):
    """In place of the convolutions: half the canvas' size, largest value, as a list."""

    def forward(self, canvas):
        return [nn.functional.max_pool2d(canvas, 2)]


def _marker():
    """A radar encoder that only marks: occupancy about 1 where a point is, about 0 elsewhere."""
    model = encoder().eval()
    model.point_net, model.backbone, model.neck = _Counts(), nn.Identity(), _Largest()
    model.context = nn.Conv2d(1, 3, 1)
    model.occupancy = nn.Conv2d(1, 1, 1)
    nn.init.constant_(model.occupancy.weight, 40.0)
    nn.init.constant_(model.occupancy.bias, -20.0)
    return model


def _image(moment, channels=5, size=(ROWS, COLUMNS), seed=0):
    images = moment.inputs['cam2img'].shape[:2].numel()
    return torch.randn(images, channels, *size, generator=torch.Generator().manual_seed(seed))


def _radar(images, channels=3, size=(BINS, COLUMNS), seed=1):
    g = torch.Generator().manual_seed(seed)
    return RadarFrustum(torch.randn(images, channels, *size, generator=g), torch.rand(images, 1, *size, generator=g))


def _places():
    g = torch.Generator().manual_seed(3)
    for _ in range(6):
        x, y = (4.0 + 6 * torch.rand(1, generator=g)).item(), (5 * torch.rand(1, generator=g) - 2.5).item()
        yield (x, y) if torch.rand(1, generator=g) < 0.5 else (-x, y)


AUG = rotation(0.3, 1.1) @ torch.diag(torch.tensor([1.0, -1.0, 1.0, 1.0]))
TO_KEY = rotation(-0.2)
TO_KEY[:3, 3] = torch.tensor([-2.0, 0.7, 0.1])


@pytest.mark.parametrize('aug', [picture(), picture(scale=0.9, shift=(14, 6), flip=True),
                                 picture(scale=1.1, shift=(-12, -9), turn=0.12)])
@pytest.mark.parametrize('moved', ['not', 'augmented', 'past'])
def test_a_radar_point_reaches_the_bev_cell_of_its_place(aug, moved):
    marker, transform, seen = _marker(), view(point_cloud_range=[-16, -16, -5, 16, 16, 3]).eval(), 0
    to_bev = dict(augmented=AUG, past=AUG @ TO_KEY).get(moved, torch.eye(4))
    for place in _places():
        own = cloud([place])
        expected = (to_bev @ torch.tensor([*place, MOUNT, 1.0]))[:2]
        given = own.clone()
        if moved == 'augmented':  # the loader has turned the key frame's radar with the BEV map
            given[:, :3] = own[:, :3] @ AUG[:3, :3].T
        moment = frame([given], aug=aug, pitch=0.1, to_bev=to_bev, points_aug=AUG if moved == 'augmented' else None)
        radar = marker(moment)
        if radar.occupancy.max() < 0.5:
            continue  # the augmented pictures do not show it
        seen += 1
        lifted = transform.splat(transform.perceive(_image(moment), moment, radar), moment)
        peak = lifted.occupancy[0, 0].flatten().argmax()
        found = transform.grid.centres().view(-1, 2)[peak]
        assert (found - expected).norm() < 0.9  # a cell of 0.8 m, columns of 0.4 m and bins of 0.5 m
        assert lifted.radar[0].flatten(1).std(1).min() > 0  # its context came along
    assert seen >= 4


@pytest.mark.parametrize('assisted', [True, False])
def test_columns_are_the_sums_over_the_height(assisted):
    transform = view(radar_view_transform=assisted, point_cloud_range=[-12.8, -12.8, -0.5, 12.8, 12.8, 1.2]).eval()
    moment = frame([cloud([])], cameras=1, aug=picture(turn=0.1), pitch=0.2)
    image, radar = _image(moment).requires_grad_(), _radar(1)
    heard = []
    if assisted:
        transform.view_agg.register_forward_pre_hook(lambda _, args: heard.append(args[0]))
    seen = transform.perceive(image, moment, radar)
    logits, context = transform.depth_net(image)
    cameras = {name: moment.inputs[name] for name in ('cam2img', 'img_aug_matrix', 'cam2lidar')}
    z = frustum_points(**cameras, lidar_aug_matrix=torch.eye(4)[None], bins=transform.bins, stride=STRIDE,
                       size=(ROWS, COLUMNS))[0, 0, ..., 2].permute(2, 0, 1)
    v = ((z >= -0.5) & (z < 1.2)).float()
    assert 0.05 < v.mean() < 0.95
    lifted = v * logits.softmax(1)[0]  # D, H, W
    by_depth = torch.stack([(lifted * c).sum(1) for c in context[0]])  # C, D, W
    by_radar = torch.stack([radar.occupancy[0, 0] * (v.amax(0) * c).sum(0) for c in context[0]])
    found = seen.columns[0].permute(2, 1, 0)  # C, D, W
    expected = torch.cat([by_depth, by_radar]).transpose(1, 2)[None]
    given = heard[0] if assisted else torch.cat([found[:4], by_radar]).transpose(1, 2)[None]
    torch.testing.assert_close(given, expected, atol=1e-5, rtol=1e-4)
    weight = torch.randn(expected.shape, generator=torch.Generator().manual_seed(4))
    grads = [torch.autograd.grad((maps * weight).sum(), image, retain_graph=True)[0] for maps in (given, expected)]
    torch.testing.assert_close(*grads, atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(found[4:7], radar.context[0])
    torch.testing.assert_close(found[7], radar.occupancy[0, 0])
    torch.testing.assert_close(found[8:], torch.stack([(lifted * logits.softmax(1).amax(1)).sum(1), lifted.sum(1)]))


def test_what_is_seen_does_not_depend_on_the_place_in_the_map():
    transform = view().eval()
    moment = frame([cloud([])])
    image, radar = _image(moment), _radar(2)
    seen = transform.perceive(image, moment._replace(to_bev=torch.full((1, 4, 4), float('nan'))), radar)
    moved = moment._replace(to_bev=AUG[None])
    fresh = transform.splat(transform.perceive(image, moved, radar), moved)
    assert all(map(torch.equal, transform.splat(seen, moved), fresh))
    assert not torch.equal(transform.splat(seen, moved).camera, transform.splat(seen, moment).camera)


def test_maps_are_means_and_confidence_and_occupancy_stay_in_their_range():
    transform = view().eval()
    moment = frame([cloud([]), cloud([])])
    radar = RadarFrustum(_radar(4).context, torch.full((4, 1, BINS, COLUMNS), 0.25))
    lifted = transform.splat(transform.perceive(_image(moment), moment, radar), moment)
    assert [tuple(m.shape) for m in lifted] == [(2, channels, 32, 32) for channels in (4, 1, 1, 3, 1)]
    held = transform.pattern(moment, (ROWS, COLUMNS)).count.view(2, 1, 32, 32) > 0
    assert held.any() and not held.all()
    torch.testing.assert_close(lifted.occupancy, 0.25 * held.float())
    assert not lifted.confidence.requires_grad and lifted.camera.requires_grad
    assert torch.equal(lifted.confidence > 0, held) and lifted.confidence.max() <= 1
    assert torch.equal(lifted.reached > 0, held) and lifted.reached.max() <= ROWS and not lifted.reached.requires_grad
    assert lifted.confidence[held].min() > 1 / BINS - 1e-4  # the largest of 32 probabilities


@pytest.mark.parametrize('pool_grad', ['mean', 'sum'])
def test_gradients_reach_image_and_radar(pool_grad):
    transform, moment = view(pool_grad=pool_grad).train(), frame([cloud([(5.0, 0.0), (8.0, 1.0), (-6.0, 2.0)])])
    image, radar_branch = _image(moment).requires_grad_(), encoder().train()
    lifted = transform.splat(transform.perceive(image, moment, radar_branch(moment)), moment)
    reference = view(pool_grad='mean').train()
    torch.testing.assert_close(
        reference.splat(reference.perceive(image, moment, encoder().train()(moment)), moment).camera, lifted.camera)
    bias = transform.view_agg[-1].bias  # adds to every point: under 'sum' its gradient counts points, else cells
    to_occupancy, to_context = radar_branch.occupancy[-1].weight, radar_branch.context[-1].weight
    by_camera = torch.autograd.grad(lifted.camera.sum(), [image, to_occupancy, bias], retain_graph=True)
    by_radar = torch.autograd.grad(lifted.radar.square().sum(), [to_context])
    assert all(torch.isfinite(grad).all() and grad.any() for grad in (*by_camera, *by_radar))
    count = transform.pattern(moment, (ROWS, COLUMNS)).count
    expected = (count > 0).sum() if pool_grad == 'mean' else count.sum()
    torch.testing.assert_close(by_camera[2], expected.float().expand(4), atol=0, rtol=1e-4)


def test_without_the_radar_view_transform_the_camera_does_not_hear_the_radar():
    moment = frame([cloud([])])
    image = _image(moment)
    for assisted in (True, False):
        transform = view(radar_view_transform=assisted).eval()
        maps = [transform.splat(transform.perceive(image, moment, _radar(2, seed=seed)), moment) for seed in (1, 2)]
        assert torch.equal(maps[0].camera, maps[1].camera) != assisted
        assert not torch.equal(maps[0].radar, maps[1].radar)
        assert any(name.startswith('view_agg') for name in transform.state_dict()) == assisted


def test_kept_geometry_lasts_as_long_as_the_matrices():
    transform, moment = view().eval(), frame([cloud([])])
    pattern = transform.pattern(moment, (ROWS, COLUMNS))
    assert transform.pattern(frame([cloud([])]), (ROWS, COLUMNS)) is pattern
    past = Frame({**moment.inputs, 'to_key': TO_KEY[None]}, TO_KEY[None], moment.points_aug)
    assert transform.pattern(past, (ROWS, COLUMNS)) is not pattern
    assert transform.pattern(moment, (ROWS, COLUMNS)) is pattern  # a past frame does not push it out
    seen = [transform.perceive(_image(moment), frame([cloud([])], pitch=pitch), _radar(2)) for pitch in (0.0, 0.6, 0.0)]
    assert torch.equal(seen[0].columns, seen[2].columns) and not torch.equal(seen[0].columns, seen[1].columns)
    assert pickle.loads(pickle.dumps(transform)).pattern(moment, (ROWS, COLUMNS)) is not pattern
    assert transform.train().pattern(moment, (ROWS, COLUMNS)) is not pattern


@pytest.mark.parametrize('fault', ['nan', 'away'])
def test_nothing_in_view_gives_zeros_and_finite_gradients(fault):
    transform, moment = view(), frame([cloud([])], cameras=1)
    pose = moment.inputs['cam2lidar'].clone()
    pose[..., 0, 3] = float('nan') if fault == 'nan' else 1000.0
    moment.inputs['cam2lidar'] = pose
    lifted = transform.splat(transform.perceive(_image(moment), moment, _radar(1)), moment)
    lifted.camera.sum().backward()
    assert not any(m.any() for m in lifted)
    assert all(torch.isfinite(w.grad).all() for w in transform.parameters() if w.grad is not None)


def test_fp32_island_under_autocast():
    transform, moment = view().eval(), frame([cloud([])])
    with torch.autocast('cpu', dtype=torch.bfloat16):
        seen = transform.perceive(_image(moment), moment, RadarFrustum(*(m.bfloat16() for m in _radar(2))))
        lifted = transform.splat(seen, moment)
    assert seen.depth_logits.dtype == torch.bfloat16
    assert seen.columns.dtype == torch.float32 and all(m.dtype == torch.float32 for m in lifted)


@pytest.mark.parametrize(('size', 'points'), [((256, 704), 6 * 70 * 44), ((512, 1408), 6 * 70 * 88)])
def test_sizes_of_the_paper(size, points):
    place = dict(point_cloud_range=[-51.2, -51.2, -5, 51.2, 51.2, 3], depth_bound=[2.0, 58.0, 0.8], stride=16)
    transform, moment = view(**place, radar_view_transform=False).eval(), frame([cloud([])], cameras=6, size=size)
    rows, columns = size[0] // 16, size[1] // 16
    image, radar = _image(moment, size=(rows, columns)), _radar(6, size=(70, columns))
    with torch.no_grad():
        seen = transform.perceive(image, moment, radar)
        lifted = transform.splat(seen, moment)
    assert seen.depth_logits.shape == (6, 70, rows, columns) and seen.columns.shape[:3].numel() == points
    assert len(transform.pattern(moment, (rows, columns)).row) == points
    assert lifted.camera.shape == (1, 4, 128, 128) and lifted.radar.shape == (1, 3, 128, 128)


def test_parameters_are_those_of_crn():
    norm = dict(type='BN')
    with torch.device('meta'):
        parts = [MODELS.build(cfg) for cfg in (
            dict(type='mmdet.ResNet', depth=50),
            dict(type='mmdet3d.SECONDFPN', in_channels=[256, 512, 1024, 2048], out_channels=[128] * 4,
                 upsample_strides=[0.25, 0.5, 1, 2]),
            dict(type='RadarAssistedTransform', point_cloud_range=RANGE, cell=0.8, depth_bound=[2.0, 58.0, 0.8],
                 stride=16, norm_cfg=norm,
                 depth_net=dict(type='DepthNet', in_channels=512, mid_channels=256, context_channels=80,
                                depth_blocks=3, context_convs=1, norm_cfg=norm)))]
    count = [sum(w.numel() for w in part.parameters()) for part in (*parts, parts[2].depth_net, parts[2].view_agg)]
    assert [round(c / 1e6, 1) for c in (count[0], count[1], count[3])] == [23.5, 2.0, 5.4]  # CRN's ledger
    assert round(count[4] / 1e3) == 807 and round(sum(count[:3]) / 1e6, 1) == 31.6


def test_missing_and_unfitting_radar_is_named():
    transform, moment = view(), frame([cloud([])])
    with pytest.raises(ValueError, match='needs the radar in the camera frustum'):
        transform.perceive(_image(moment), moment, None)
    with pytest.raises(ValueError, match=r'radar context is \(2, 9, 32, 48\), expected \(2, 3, 32, 48\)'):
        transform.perceive(_image(moment), moment, _radar(2, channels=9))


def test_student_of_this_form_trains_every_weight():
    model = build(student_cfg(
        radar_encoder=dict(type='RadarFrustumEncoder', point_channels=(8, 8), channels=(8, 8, 8), layers=(1, 1, 1),
                           up_channels=8, out_channels=6, norm_cfg=NORM),
        view_transform=dict(
            type='RadarAssistedTransform', depth_bound=[1.0, 17.0, 1.0], stride=8, radar_channels=6, norm_cfg=NORM,
            depth_net=dict(type='DepthNet', in_channels=16, mid_channels=16, context_channels=8, context_convs=1,
                           camera_aware=True, norm_cfg=NORM)))).train()
    losses = step(model, collate(sample(), sample(seed=1, radar=0)))
    assert all(torch.isfinite(loss).all() for loss in losses.values())
    grads = {name: weight.grad for name, weight in model.named_parameters()}
    assert not [name for name, grad in grads.items() if grad is None or not grad.isfinite().all() or not grad.any()]
