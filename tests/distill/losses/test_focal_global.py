"""FGD against loops over boxes and cells."""

from __future__ import annotations

import math

import pytest
import torch

from perception_kd.distill.losses import FGD, build_loss
from perception_kd.distill.losses.focal_global import GlobalContext, focal_weights
from perception_kd.structures import TapSpec
from tests.distill.contract import box_batch
from tests.distill.losses.helpers import assert_same, compare, drawn, of_two_processes


def covered_cells(box: list[float], grid) -> set[tuple[int, int]]:
    """Cells under a box, by turning each cell's centre into the box's own frame."""
    x, y, _, length, width, _, yaw = box[:7]
    cells = {(math.floor((y - grid.y_min) / grid.cell), math.floor((x - grid.x_min) / grid.cell))}
    for row in range(grid.ny):
        for column in range(grid.nx):
            dx, dy = grid.x_min + (column + 0.5) * grid.cell - x, grid.y_min + (row + 0.5) * grid.cell - y
            turned = complex(dx, dy) * complex(math.cos(yaw), -math.sin(yaw))
            if abs(turned.real) <= length / 2 and abs(turned.imag) <= width / 2:
                cells.add((row, column))
    return cells


def loop_weights(batch, inside: float, outside: float) -> torch.Tensor:
    grid, maps = batch.grid, torch.zeros(batch.size, 1, *batch.grid.shape)
    for sample, data in enumerate(batch.data_samples):
        for box in data.gt_instances_3d.bboxes_3d.tolist():
            cells = covered_cells(box, grid)
            for row, column in cells:
                maps[sample, 0, row, column] = max(float(maps[sample, 0, row, column]), inside / len(cells))
        empty = maps[sample] == 0
        maps[sample][empty] = outside / int(empty.sum())
    return maps


def large_boxes():
    """Boxes that overlap and cover several cells, turned."""
    batch = box_batch()
    for data in batch.data_samples:
        data.gt_instances_3d.bboxes_3d[:, 3:5] *= torch.tensor([1.5, 1.0])
    boxes = batch.data_samples[2].gt_instances_3d.bboxes_3d
    boxes[1, :2] = 0.9 * boxes[0, :2]
    return batch


def test_focal_weights_equal_a_loop_over_boxes_and_cells():
    batch = large_boxes()
    torch.testing.assert_close(focal_weights(batch, 2.0, 0.5), loop_weights(batch, 2.0, 0.5))
    alone = loop_weights(batch, 2.0, 0.0)
    assert (alone > 0).sum() > 12 and float(alone[2].sum()) < 2.0 * 3 - 0.5, 'two of the three boxes overlap'


@pytest.mark.parametrize('masked', [False, True])
def test_the_loss_equals_its_parts_written_out(masked):
    batch, (student, teacher) = large_boxes(), drawn()
    loss = FGD(channels=4, alpha=0.3, beta=0.2, gamma=0.1, lambda_global=0.05, temperature=0.7)
    for weight in loss.parameters():
        torch.nn.init.normal_(weight)
    mask = torch.rand(3, 1, 8, 8) if masked else torch.ones(3, 1, 8, 8)
    counts, total = loop_weights(batch, 0.3, 0.2) * mask, 0.0
    for sample in range(3):
        ours, theirs, seen = student[sample], teacher[sample], mask[sample, 0]
        attention = []
        for value in (ours, theirs):
            where = torch.softmax(value.abs().mean(0).flatten() / 0.7, 0).view(8, 8) * 64
            which = torch.softmax(value.abs().mean((1, 2)) / 0.7, 0) * 4
            attention.append((where, which))
        (our_where, our_which), (where, which) = attention
        for channel in range(4):
            gap = (ours[channel] - theirs[channel]) ** 2
            total = total + (counts[sample, 0] * where * which[channel] * gap).sum()
        total = total + 0.1 * (((our_where - where).abs() * seen).sum() + (our_which - which).abs().sum())
        contexts = []
        for value, block in ((ours, loss.student_context), (theirs, loss.teacher_context)):
            looks = torch.softmax((value * block.where.weight.view(4, 1, 1)).sum(0).flatten(), 0)  # the bias cancels
            inner = torch.nn.functional.layer_norm(
                block.change[0](value.flatten(1) @ looks), (2,), block.change[1].weight, block.change[1].bias)
            contexts.append(value + block.change[3](inner.relu())[:, None, None])
        total = total + 0.05 * ((contexts[0] - contexts[1]) ** 2 * seen).sum()
    found = compare(loss, student, teacher, mask if masked else None, batch=batch)
    assert_same(found, total / 3, student, rtol=1e-3)


def test_the_context_begins_as_the_identity_and_learns():
    block, value = GlobalContext(channels=4), drawn()[0]
    assert torch.equal(block(value), value)
    block(value).square().sum().backward()
    assert block.change[-1].weight.grad.any()


def test_the_order_of_channels_does_not_matter_at_the_beginning():
    student, teacher = drawn()
    loss = FGD(channels=4)
    torch.testing.assert_close(compare(loss, student, teacher), compare(loss, student.flip(1), teacher.flip(1)))


def test_samples_without_boxes_and_boxes_that_make_no_sense_are_background():
    batch = box_batch((4, 1))
    batch.data_samples[1].gt_instances_3d.bboxes_3d[0, 6] = float('nan')
    torch.testing.assert_close(focal_weights(batch, 5.0, 1.0), torch.full((2, 1, 8, 8), 1 / 64))


def test_velocities_that_are_not_known_do_not_matter():
    batch, (student, teacher) = box_batch(), drawn()
    plain = compare(FGD(channels=4), student, teacher, batch=batch)
    for data in batch.data_samples:
        data.gt_instances_3d.bboxes_3d[:, 7:] = float('nan')
    torch.testing.assert_close(compare(FGD(channels=4), student, teacher, batch=batch), plain)


def test_two_processes_equal_one(monkeypatch):
    loss, (student, teacher), batch = FGD(channels=4), drawn(), box_batch()
    whole = float(compare(loss, student, teacher, batch=batch))
    parts = [lambda part=part: compare(loss, student[part], teacher[part], batch=box_batch((1, 2, 3)[part]))
             for part in (slice(0, 1), slice(1, 3))]
    assert of_two_processes(monkeypatch, parts) == pytest.approx(whole, rel=1e-5)


def test_width_follows_from_the_declarations_and_settings_are_checked():
    spec = TapSpec('map', 'bev', 6, '')
    assert build_loss('FGD', spec, spec).student_context.where.in_channels == 6
    with pytest.raises(ValueError, match='temperature is positive'):
        FGD(channels=4, temperature=0.0)
    with pytest.raises(ValueError, match='FGD needs a BEV grid'):
        compare(FGD(channels=4), *drawn(), batch=box_batch().on(None))
