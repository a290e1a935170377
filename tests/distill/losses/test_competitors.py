"""BEVDistill's and UniDistill's losses against loops: values, gradients, boxes at and over the border, bad input."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from mmengine.structures import InstanceData
from torch import Tensor

import perception_kd.compat  # noqa: F401
from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import (
    GaussianMaskedResponse,
    InfoNCE,
    NinePointFeature,
    NinePointRelation,
    build_loss,
)
from perception_kd.distill.masks import GaussianMask
from perception_kd.structures import TapSpec
from perception_kd.structures.box_points import boxes_on, nine_points, sample_map
from tests.distill.contract import box_batch, map_tensors, two_heads, two_maps
from tests.distill.toys import GRID

NAN = float('nan')
AT_THE_BORDER = [[-3.1, 3.0, 0, 2, 1, 1, 0.7, 0, 0], [3.1, 0, 0, 4, 2, 1, -0.4, 0, 0]]
BAD = [[9, 9, 0, 1, 1, 1, 0, 0, 0], [NAN, 0, 0, 1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0, 0],
       [0, 0, 0, 1, 1, 1, NAN, 0, 0], [0, 0, NAN, 1, 1, 1, 0, 0, 0]]
NINE = [(length, width) for length in (-0.5, 0, 0.5) for width in (-0.5, 0, 0.5)]


def grad_leaves(value):
    return map_tensors(lambda part: part.detach().clone().requires_grad_(), value)


def with_boxes(*rows: list) -> DistillBatch:
    """One batch entry per list of boxes."""
    batch = box_batch(range(len(rows)))
    for sample, boxes in zip(batch.data_samples, rows):
        rows_of_nine = torch.tensor(boxes, dtype=torch.float32).view(-1, 9)
        sample.gt_instances_3d = InstanceData(bboxes_3d=rows_of_nine, labels_3d=torch.arange(len(boxes)) % 3)
    return batch


def points_of(box: list[float]) -> list[tuple[float, float]]:
    x, y, _, length, width, _, yaw = box[:7]
    return [(x + a * length * math.cos(yaw) - b * width * math.sin(yaw),
             y + a * length * math.sin(yaw) + b * width * math.cos(yaw)) for a, b in NINE]


def read(value: Tensor, x: float, y: float) -> Tensor:
    """Bilinear by hand; beyond the outermost cell centres the outermost cell counts. ``(C,)``."""
    column, row = (x - GRID.x_min) / GRID.cell - 0.5, (y - GRID.y_min) / GRID.cell - 0.5
    column, row = min(max(column, 0), GRID.nx - 1), min(max(row, 0), GRID.ny - 1)
    left, low = min(int(column), GRID.nx - 2), min(int(row), GRID.ny - 2)
    a, b = column - left, row - low
    return ((1 - b) * ((1 - a) * value[:, low, left] + a * value[:, low, left + 1])
            + b * ((1 - a) * value[:, low + 1, left] + a * value[:, low + 1, left + 1]))


def on_grid(x: float, y: float) -> bool:
    return GRID.x_min <= x < GRID.x_max and GRID.y_min <= y < GRID.y_max


def box_loop(student: Tensor, teacher: Tensor, batch: DistillBatch, relation: bool) -> Tensor:
    gaps = []
    for mine, other, sample in zip(student, teacher, batch.data_samples):
        for box in sample.gt_instances_3d.bboxes_3d.tolist():
            points, total = points_of(box), 0.0
            views = [[read(value, *point) for point in points] for value in (mine, other)]
            if relation:
                for i, one in enumerate(points):
                    for j, two in enumerate(points):
                        cosines = [torch.dot(view[i], view[j]) / view[i].norm() / view[j].norm() for view in views]
                        total = total + abs(cosines[0] - cosines[1]) / 81 * (on_grid(*one) and on_grid(*two))
            else:
                for point, ours, theirs in zip(points, *views):
                    total = total + (ours - theirs).abs().mean() / 9 * on_grid(*point)
            gaps.append(total)
    return sum(gaps) / len(gaps)


@pytest.mark.parametrize(('kind', 'relation'), [(NinePointFeature, False), (NinePointRelation, True)])
def test_nine_points_equal_a_loop_over_the_points_of_rotated_boxes(kind, relation):
    drawn = [sample.gt_instances_3d.bboxes_3d.tolist() for sample in box_batch((3, 2)).data_samples]
    batch = with_boxes(AT_THE_BORDER, *drawn)
    student, teacher = map(grad_leaves, two_maps()(torch.Generator().manual_seed(0)))
    expected = box_loop(student, teacher, batch, relation)
    found = kind()(student, teacher.detach(), weight=None, scale=None, batch=batch)
    torch.testing.assert_close(found, expected)
    gradients = [torch.autograd.grad(loss, student, retain_graph=True)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients)


def test_points_of_a_box_are_its_corners_edges_and_centre():
    turned = nine_points(torch.tensor([[1.0, 2, 0, 4, 2, 1, math.pi / 2]]))[0]
    corners = torch.tensor([[2.0, 0], [0, 0], [2, 4], [0, 4]])
    torch.testing.assert_close(turned[[0, 2, 6, 8]], corners)
    torch.testing.assert_close(turned[[1, 3, 4, 5, 7]], torch.tensor([[1.0, 0], [2, 2], [1, 2], [0, 2], [1, 4]]))


def test_a_map_of_its_own_coordinates_is_read_at_the_point():
    places = GRID.centres().permute(2, 0, 1)
    points = torch.tensor([[[0.3, -1.7], [2.8, 2.8], [5.0, -9.0]]])
    expected = torch.tensor([[[0.3, -1.7], [2.8, 2.8], [2.8, -2.8]]])
    torch.testing.assert_close(sample_map(places, points, GRID), expected)


def test_boxes_off_the_grid_and_bad_ones_count_nowhere():
    assert len(boxes_on(torch.tensor(BAD), GRID)) == 0
    unknown_speed = torch.tensor([[0, 0, 0, 1, 1, 1, 0, NAN, NAN]])
    assert len(boxes_on(unknown_speed, GRID)) == 1
    student, teacher = two_maps(2, 4, 8, 8)(torch.Generator().manual_seed(0))
    for loss in (NinePointFeature(), NinePointRelation()):
        clean, mixed = (loss(student, teacher, weight=None, scale=None, batch=with_boxes(AT_THE_BORDER, more))
                        for more in ([], BAD))
        assert float(clean) > 0
        torch.testing.assert_close(mixed, clean)


@pytest.mark.parametrize('rows', [([],), (BAD,), (BAD[:1] + AT_THE_BORDER[:1],), ([], [])],
                         ids=['none', 'bad', 'one', 'two_empty'])
@pytest.mark.parametrize('make', [NinePointFeature, NinePointRelation, lambda: InfoNCE(
    student_channels=4, teacher_channels=4)], ids=['feature', 'relation', 'info_nce'])
def test_few_or_no_boxes_give_finite_losses_that_stay_in_the_graph(make, rows):
    loss, batch = make(), with_boxes(*rows)
    student, teacher = two_maps(len(rows), 4, 8, 8)(torch.Generator().manual_seed(0))
    student.requires_grad_()
    value = loss(student, teacher, weight=None, scale=None, batch=batch)
    value.backward()
    assert value.isfinite() and student.grad.isfinite().all()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in loss.parameters())
    assert (value == 0) == (len(rows[0]) in (0, len(BAD)) or isinstance(loss, InfoNCE))


def test_info_nce_is_the_cross_entropy_of_the_diagonal():
    batch = box_batch((2, 3, 1))
    student, teacher = two_maps()(torch.Generator().manual_seed(0))
    student.requires_grad_()
    torch.manual_seed(0)
    loss = InfoNCE(student_channels=4, teacher_channels=4, width=8, temperature=0.2).eval()
    found = loss(student, teacher, weight=None, scale=None, batch=batch)
    pairs = [(one, sample, box[0], box[1]) for value in (student, teacher) for one, sample in
             zip(value, batch.data_samples) for box in sample.gt_instances_3d.bboxes_3d.tolist()]
    rows = torch.stack([read(value, x, y) for value, _, x, y in pairs])
    ours, theirs = rows.split(6)
    ours, theirs = loss.student_view(ours), loss.teacher_view(theirs)
    total = 0.0
    for i in range(6):
        alike = [torch.dot(theirs[i], one) / theirs[i].norm() / one.norm() / 0.2 for one in ours]
        total = total - alike[i] + torch.stack(alike).exp().sum().log()
    torch.testing.assert_close(found, total / 6)
    wanted = [student, *loss.parameters()]
    for one, other in zip(*(torch.autograd.grad(value, wanted, retain_graph=True) for value in (found, total / 6))):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize('rows', [[], [[0, 0, 0, 1, 1, 1, 0, 0, 0]]], ids=['none', 'one'])
def test_info_nce_gives_its_part_to_statistics_that_processes_share(monkeypatch, rows):
    """Another process, which has boxes, waits in forward and in backward for one without."""
    seen = []

    class Shared(torch.nn.SyncBatchNorm):
        def forward(self, value):
            seen.append(len(value))
            value.register_hook(lambda gradient: seen.append(-1))
            return value * 1

    monkeypatch.setattr('mmengine.dist.get_world_size', lambda: 2)
    loss = InfoNCE(student_channels=4, teacher_channels=4, width=8)
    loss.student_view[2], loss.teacher_view[2] = Shared(8), Shared(8)
    student, teacher = two_maps(1, 4, 8, 8)(torch.Generator().manual_seed(0))
    value = loss(student.requires_grad_(), teacher, weight=None, scale=None, batch=with_boxes(rows))
    value.backward()
    assert value == 0 and seen == [len(rows), len(rows), -1, -1]


def test_relations_of_empty_places_have_no_steep_gradient():
    student, teacher = two_maps(1, 4, 8, 8)(torch.Generator().manual_seed(0))
    student[:, :, ::2] = 0
    student.requires_grad_()
    batch = with_boxes([[0.4, 0.4, 0, 1.6, 1.6, 1, 0, 0, 0]])  # its middle lies on an empty row
    NinePointRelation()(student, teacher, weight=None, scale=None, batch=batch).backward()
    assert 0 < float(student.grad.abs().max()) < 10


def test_info_nce_that_maps_everything_to_one_vector_is_at_chance():
    loss = InfoNCE(student_channels=4, teacher_channels=4)
    for view in (loss.student_view, loss.teacher_view):
        torch.nn.init.zeros_(view[-1].weight)
    student, teacher = two_maps()(torch.Generator().manual_seed(0))
    value = loss(student, teacher, weight=None, scale=None, batch=box_batch((3, 3, 3)))
    assert float(value) == pytest.approx(math.log(9), rel=1e-4)


def test_masked_response_equals_a_loop_over_cells():
    batch = box_batch((1, 3, 2))
    student, teacher = map(grad_leaves, two_heads((2, 1))(torch.Generator().manual_seed(0)))
    loss = GaussianMaskedResponse(branches=('reg', 'dim'), teacher_temperature=2.0, overlap=0.1, min_radius=1)
    found = loss(student, teacher, weight=None, scale=None, batch=batch)
    around = GaussianMask(mode='max', overlap=0.1, min_radius=1)(batch)[:, 0]
    total = 0.0
    for sample in range(3):
        for y, x in around[sample].nonzero().tolist():
            peaks = [max(part['heatmap'][sample, c, y, x] for (part,) in head for c in range(len(part['heatmap'][0])))
                     for head in (student, teacher)]
            gap = (peaks[0].sigmoid() - (peaks[1] / 2).sigmoid()).abs()
            boxes = torch.cat([(mine[name] - other[name])[sample, :, y, x].abs() for (mine,), (other,) in
                               zip(student, teacher) for name in ('reg', 'dim')])
            assert len(boxes) == 10
            total = total + around[sample, y, x] * (gap + boxes.mean())
    expected = total / around.sum()
    torch.testing.assert_close(found, expected)
    places = [part for (task,) in student for part in task.values()]
    for one, other in zip(*(torch.autograd.grad(value, places, retain_graph=True) for value in (found, expected))):
        torch.testing.assert_close(one, other)


def test_masked_response_without_boxes_is_nothing():
    student, teacher = map(grad_leaves, two_heads()(torch.Generator().manual_seed(0)))
    value = GaussianMaskedResponse(branches=('reg', 'dim'))(
        student, teacher, weight=None, scale=None, batch=with_boxes([], [], BAD[:3]))
    value.backward()
    assert float(value) == 0 and all(part.grad.isfinite().all() for (task,) in student for part in task.values())


def test_bad_input_is_named():
    student, teacher = two_maps()(torch.Generator().manual_seed(0))
    batch, weight = box_batch(), torch.ones(3, 1, 8, 8)
    for loss in (NinePointFeature(), NinePointRelation(), InfoNCE(student_channels=4, teacher_channels=4)):
        name = type(loss).__name__
        with pytest.raises(ValueError, match=f'{name} takes no mask'):
            loss(student, teacher, weight=weight, scale=None, batch=batch)
        with pytest.raises(ValueError, match=f'{name} takes no target_scale'):
            loss(student, teacher, weight=None, scale=weight, batch=batch)
        with pytest.raises(ValueError, match=f'{name} needs a BEV grid'):
            loss(student, teacher, weight=None, scale=None, batch=replace(batch, grid=None))
    with pytest.raises(ValueError, match='temperature is above 0, got 0'):
        InfoNCE(student_channels=4, teacher_channels=4, temperature=0)
    with pytest.raises(ValueError, match='teacher_temperature is above 0, got -1'):
        GaussianMaskedResponse(teacher_temperature=-1)
    spec = TapSpec('a', 'bev', None, '', grid=GRID)
    with pytest.raises(ValueError, match='InfoNCE needs two maps with declared channels'):
        build_loss('InfoNCE', spec, spec)
    ours, theirs = two_heads((2, 1))(torch.Generator()), two_heads((1, 1))(torch.Generator())
    with pytest.raises(ValueError, match=r'GaussianMaskedResponse: classes per task differ: student \[2, 1\]'):
        GaussianMaskedResponse()(ours[0], theirs[1], weight=None, scale=None, batch=batch)
