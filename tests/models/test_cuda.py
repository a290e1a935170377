"""The same code on a GPU: values and gradients equal the CPU's."""

import pytest
import torch

from perception_kd.compress import BlockDistillModel
from perception_kd.distill.teacher import FrozenTeacher
from perception_kd.models.det3d.trunk_space import BEVTrunkSpace
from perception_kd.models.layers import (
    BEVPoolPattern,
    bev_pool,
    circle_nms,
    deformable_sample,
    pillar_scatter,
    rotated_nms,
)
from tests.models.det3d.worlds import build, collate, sample, step, student_cfg, teacher_cfg

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')


@pytest.mark.parametrize('reduction', ['mean', 'sum'])
def test_bev_pool(reduction):
    g = torch.Generator().manual_seed(0)
    shape = (2, 3, 8, 11, 30)
    cell, inside = torch.randint(0, 200, shape, generator=g), torch.rand(shape, generator=g) > 0.4
    depth, features = torch.rand(6, 30, 8, 11, generator=g), torch.randn(6, 16, 8, 11, generator=g)
    found = []
    for device in ('cpu', 'cuda'):
        leaves = [part.to(device).requires_grad_() for part in (depth, features)]
        pattern = BEVPoolPattern.build(cell.to(device), inside.to(device), 200)
        out = bev_pool(*leaves, pattern, reduction=reduction)
        found.append([out, *torch.autograd.grad(out.square().sum(), leaves)])
    for on_cpu, on_gpu in zip(*found):
        torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-3, rtol=1e-4)


def test_pillar_scatter():
    features, cell = torch.randn(500, 8), torch.randint(0, 60, (500,))
    for reduce in ('max', 'mean', 'sum'):
        on_gpu = pillar_scatter(features.cuda(), cell.cuda(), 64, reduce=reduce)
        torch.testing.assert_close(on_gpu.cpu(), pillar_scatter(features, cell, 64, reduce=reduce))


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
