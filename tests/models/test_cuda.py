"""The same code on a GPU: values and gradients equal the CPU's."""

import pytest
import torch

from perception_kd.compat.ops import scatter, voxelize
from perception_kd.compress import BlockDistillModel
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.kernels import kernels
from perception_kd.models.det3d.trunk_space import BEVTrunkSpace
from perception_kd.models.layers import (
    BEVPoolPattern,
    CollapsedPattern,
    bev_pool,
    circle_nms,
    collapsed_pool,
    deformable_sample,
    pillar_scatter,
    rotated_nms,
)
from tests.models.det3d.worlds import build, collate, sample, step, student_cfg, teacher_cfg

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


@pytest.fixture(params=['auto', 'off'])
def with_and_without_triton(request):
    """``auto`` takes the kernels where triton is installed, as it is with torch for CUDA."""
    with kernels(request.param):
        yield


def pooling_case(channels=16):
    g = torch.Generator().manual_seed(0)
    shape = (2, 3, 8, 11, 30)
    cell, inside = torch.randint(0, 200, shape, generator=g), torch.rand(shape, generator=g) > 0.4
    return cell, inside, torch.rand(6, 30, 8, 11, generator=g), torch.randn(6, channels, 8, 11, generator=g)


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_bev_pool(reduction, with_and_without_triton):
    cell, inside, depth, features = pooling_case()
    found = []
    for device in ('cpu', 'cuda'):
        leaves = [part.to(device).requires_grad_() for part in (depth, features)]
        pattern = BEVPoolPattern.build(cell.to(device), inside.to(device), 200)
        out = bev_pool(*leaves, pattern, reduction=reduction)
        found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-3, rtol=1e-4)


def test_collapsed_pool(with_and_without_triton):
    cell, inside, depth, _ = pooling_case()
    points, found = depth.view(-1, 10).repeat_interleave(10, 0), []
    for device in ('cpu', 'cuda'):
        leaf = points.to(device).requires_grad_()
        out = collapsed_pool(leaf, CollapsedPattern.build(cell.to(device), inside.to(device), 200))
        found.append([out, *torch.autograd.grad(out.square().sum(), leaf)])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize('reduce', ['max', 'mean', 'sum'])
def test_pillar_scatter(reduce, with_and_without_triton):
    features, cell, found = torch.randn(500, 8), torch.randint(0, 60, (500,)), []
    for device in ('cpu', 'cuda'):
        leaf = features.to(device).requires_grad_()
        out = pillar_scatter(leaf, cell.to(device), 64, reduce=reduce)
        found.append([out, *torch.autograd.grad(out.square().sum(), leaf)])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-5, rtol=1e-4)


def test_voxels(with_and_without_triton):
    points = torch.randn(5000, 5, generator=torch.Generator().manual_seed(0)) * 3
    size, limits, found = torch.tensor([0.4, 0.3, 8.0]), torch.tensor([-6.0, -6, -4, 6, 6, 4]), []
    for device in ('cpu', 'cuda'):
        there = points.to(device)
        voxels, counts = there.new_zeros(400, 7, 5), torch.zeros(400, dtype=torch.int32, device=device)
        coors, cells = (torch.zeros(n, 3, dtype=torch.int32, device=device) for n in (400, 5000))
        number = torch.tensor(0)
        voxelize.hard_voxelize_forward(there, size, limits, voxels, coors, counts, number, 7, 400)
        voxelize.dynamic_voxelize_forward(there, size, limits, cells)
        found.append([voxels, coors, counts, number, cells])
    for on_cpu, on_gpu in zip(*found):
        assert torch.equal(on_gpu.cpu(), on_cpu)


@pytest.mark.parametrize('reduction', ['max', 'mean', 'sum'])
def test_dynamic_scatter(reduction, with_and_without_triton):
    g = torch.Generator().manual_seed(0)
    features, coors = torch.randn(900, 8, generator=g), torch.randint(-1, 5, (900, 3), generator=g, dtype=torch.int)
    found = []
    for device in ('cpu', 'cuda'):
        there = features.to(device)
        parts = scatter.dynamic_point_to_voxel_forward(there, coors.to(device), reduction)
        grad = torch.empty_like(there)
        scatter.dynamic_point_to_voxel_backward(grad, parts[0].sin(), there, parts[0], *parts[2:], reduction)
        found.append([*parts, grad])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize('device', range(max(torch.cuda.device_count(), 1)))
def test_kernels_give_the_same_bits_again_on_every_gpu(device):
    pytest.importorskip('triton')
    cell, inside, depth, features = (part.cuda(device) for part in pooling_case(channels=80))
    runs = []
    with kernels('always'):
        for _ in range(3):
            leaves = [depth.clone().requires_grad_(), features.half().requires_grad_()]
            out = bev_pool(*leaves, BEVPoolPattern.build(cell, inside, 200))
            runs.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for again in runs[1:]:
        assert all(map(torch.equal, again, runs[0]))


def test_deformable_sample():
    g = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 8, 6, 9, generator=g), torch.randn(2, 8, 5, 5, generator=g),
             torch.rand(2, 7, 2, 2, 3, 2, generator=g) * 1.4 - 0.2, torch.rand(2, 7, 2, 2, 3, generator=g)]
    found = []
    for device in ('cpu', 'cuda'):
        leaves = [part.to(device).requires_grad_() for part in parts]
        out = deformable_sample(leaves[:2], *leaves[2:])
        found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-4, rtol=1e-4)


def test_suppression():
    boxes, scores, labels = torch.rand(200, 5) * 8, torch.rand(200), torch.randint(0, 3, (200,))
    radius = torch.tensor([0.5, 1.0, 2.0])
    on_gpu = circle_nms(boxes[:, :2].cuda(), scores.cuda(), labels.cuda(), radius)
    assert on_gpu.is_cuda and on_gpu.tolist() == circle_nms(boxes[:, :2], scores, labels, radius).tolist()
    on_gpu = rotated_nms(boxes.cuda(), scores.cuda(), labels.cuda(), 0.2)
    assert on_gpu.is_cuda and on_gpu.tolist() == rotated_nms(boxes, scores, labels, 0.2).tolist()


@pytest.mark.parametrize('cfg', [student_cfg(), teacher_cfg()])
@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16, torch.float16])
def test_detectors_train_and_predict(cfg, dtype):
    model, batch = build(cfg), collate(sample(seed=1), sample(seed=2))
    wanted = step(model, batch)
    model.cuda()
    with torch.autocast('cuda', dtype=dtype, enabled=dtype != torch.float32):
        losses = model(**model.data_preprocessor(batch, True), mode='loss')
    sum(losses.values()).backward()
    tolerance = 0.02 if dtype == torch.float32 else 0.2  # TF32 convolutions, halves
    for name, value in losses.items():
        torch.testing.assert_close(value.cpu(), wanted[name], atol=tolerance, rtol=tolerance)
    model.eval()
    with torch.no_grad():
        results = model(**model.data_preprocessor(batch, False), mode='predict')
    assert results[0].pred_instances_3d.bboxes_3d.tensor.is_cuda


def test_candidates_of_a_block_and_their_teacher_move_together():
    model = BlockDistillModel(
        teacher=FrozenTeacher(model=build(student_cfg()), allow_random=True), space=BEVTrunkSpace(stages=[1]),
        block='stage1', candidates=dict(one=dict(layers=[dict(type='separable', channels=24)])))
    found = []
    for device in ('cpu', 'cuda'):
        model.to(device)
        found.append(model(**model.data_preprocessor(collate(sample()), True))['loss_one'])
    assert found[1].device.type == 'cuda'
    torch.testing.assert_close(found[1].cpu(), found[0], rtol=1e-3, atol=1e-5)
