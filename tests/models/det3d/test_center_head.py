"""Targets and losses against mmdet3d's own head; suppression against hand-made cases."""

import perception_kd.compat  # noqa: F401  # isort: skip
import pytest
import torch
from mmdet3d.models.dense_heads import CenterHead
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from perception_kd.models.det3d.center_head import keep_peaks
from tests.models.det3d.worlds import NORM, build

PLACE = [0.0, -12.8, -5.0, 25.6, 6.4, 3.0]
TASKS = [['car', 'truck'], ['pedestrian']]


def _head(**changes):
    return build(
        dict(
            dict(
                type='BEVCenterHead',
                point_cloud_range=PLACE,
                cell=0.8,
                in_channels=6,
                tasks=TASKS,
                shared_channels=8,
                head_channels=8,
                norm_cfg=NORM,
            ),
            **changes,
        )
    )


def _truth(seed, count=12):
    g = torch.Generator().manual_seed(seed)
    boxes = torch.cat(
        [
            torch.rand(count, 2, generator=g) * 30 - torch.tensor([2.0, 15.0]),  # some out of range
            torch.rand(count, 1, generator=g),
            torch.rand(count, 3, generator=g) * 6 + 0.3,
            torch.randn(count, 3, generator=g),
        ],
        1,
    )
    if count:
        boxes[-1, 3] = 0.0  # no size: left out
    return InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(boxes, box_dim=9), labels_3d=torch.randint(0, 3, (count,), generator=g)
    )


@pytest.mark.parametrize('count', [12, 0, 1])
def test_targets_equal_mmdet3d(count):
    head = _head(max_objs=20)
    for seed in range(3):
        truth = _truth(seed, count)
        ours, theirs = head.get_targets_single(truth), CenterHead.get_targets_single(head, truth)
        for mine, wanted in zip(ours, theirs):
            for task_mine, task_wanted in zip(mine, wanted):
                torch.testing.assert_close(task_mine, task_wanted, atol=1e-5, rtol=1e-5)
        assert count < 12 or ours[3][0].sum() > 0


def test_losses_equal_mmdet3d_and_outputs_stay_logits():
    head = _head()
    outputs = head([torch.randn(2, 6, 24, 32)])
    before = outputs[0][0]['heatmap'].clone()
    truth = [_truth(0), _truth(1)]
    losses = head.loss_by_feat(outputs, truth)
    torch.testing.assert_close(outputs[0][0]['heatmap'], before)
    for name, value in CenterHead.loss_by_feat(head, outputs, truth).items():
        torch.testing.assert_close(losses[name], value)


def test_unknown_velocities_are_not_trained():
    """Against the L1 sum over the known values alone, written out; values and gradients."""
    head, x = _head(tasks=[['car', 'truck', 'pedestrian']], max_objs=20), torch.randn(2, 6, 24, 32)
    truth = [_truth(0), _truth(1)]
    for sample, rows in zip(truth, (slice(0, 6), slice(None))):
        sample.bboxes_3d.tensor[rows, 7:] = float('nan')
    outputs = head([x])
    _, (boxes,), (index,), (mask,) = head.get_targets(truth)
    maps = torch.cat([outputs[0][0][name] for name in ('reg', 'height', 'dim', 'rot', 'vel')], dim=1).flatten(2)
    wanted, known = 0.0, 0
    for sample, row in mask.nonzero().tolist():
        for place in range(10):
            target = boxes[sample, row, place]
            if not target.isnan():
                weight = 1.0 if place < 8 else 0.2
                wanted = wanted + weight * (maps[sample, place, index[sample, row]] - target).abs()
                known += place >= 8
    wanted = 0.25 * wanted / (mask.sum() + 1e-4)
    loss = head.loss_by_feat(outputs, truth)['task0.loss_bbox']
    assert 0 < known < 2 * mask.sum()
    torch.testing.assert_close(loss, wanted)
    weights = [weight for name, weight in head.named_parameters() if 'heatmap' not in name]
    found = torch.autograd.grad(loss, weights, retain_graph=True)
    for mine, other in zip(found, torch.autograd.grad(wanted, weights)):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine, other, atol=1e-6, rtol=1e-4)


def test_no_velocity_known_at_all_leaves_the_branch_alone():
    head, truth = _head(), [_truth(0), _truth(1)]
    for sample in truth:
        sample.bboxes_3d.tensor[:, 7:] = float('nan')
    losses = head.loss_by_feat(head([torch.randn(2, 6, 24, 32)]), truth)
    sum(losses.values()).backward()
    assert all(value.isfinite() for value in losses.values())
    for name, weight in head.named_parameters():
        assert weight.grad.isfinite().all() and ('.vel.' not in name or not weight.grad.any()), name


def test_starts_at_a_probability_of_a_tenth():
    for prepare in (lambda head: None, lambda head: head.init_weights()):
        head = _head()
        prepare(head)
        heat = head([torch.randn(2, 6, 24, 32)])[0][0]['heatmap'].sigmoid()
        assert 0.08 < heat.mean() < 0.12 and heat.std() < 0.05


def test_predicts_the_boxes_that_the_maps_hold():
    head = _head(score_threshold=0.3)
    truth = _truth(0)
    heat, boxes, index, mask = head.get_targets_single(truth)
    outputs = []
    for task in range(2):
        maps = torch.zeros(10, 24 * 32)
        maps[:, index[task][mask[task].bool()]] = boxes[task][mask[task].bool()].T
        parts = maps.view(1, 10, 24, 32).split([2, 1, 3, 2, 2], dim=1)
        logits = torch.logit(heat[task].clamp(1e-4, 1 - 1e-4))[None]
        outputs.append([dict(zip(('reg', 'height', 'dim', 'rot', 'vel'), parts), heatmap=logits)])
    found = head.predict_by_feat(outputs, [dict(box_type_3d=LiDARInstance3DBoxes)])[0]
    strong = found.scores_3d > 0.99
    kept = sum(int(part.sum()) for part in mask)
    assert strong.sum() >= kept - 2  # boxes close to another of their class are suppressed
    wanted = truth.bboxes_3d.tensor
    for box, label in zip(found.bboxes_3d.tensor[strong], found.labels_3d[strong]):
        distance = (wanted[truth.labels_3d == label][:, :3] - box[:3]).norm(dim=1)
        nearest = wanted[truth.labels_3d == label][distance.argmin()]
        torch.testing.assert_close(box[:6], nearest[:6], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(box[6].sin(), nearest[6].sin(), atol=1e-4, rtol=0)
        torch.testing.assert_close(box[7:], nearest[7:], atol=1e-4, rtol=0)


def test_nothing_above_the_threshold_gives_empty_results():
    head = _head(score_threshold=0.99).eval()
    found = head.predict_by_feat(head([torch.zeros(1, 6, 24, 32)]), [dict(box_type_3d=LiDARInstance3DBoxes)])[
        0
    ]
    assert found.bboxes_3d.tensor.shape == (0, 9) and len(found.scores_3d) == len(found.labels_3d) == 0


def test_never_more_boxes_than_the_devkit_takes():
    head = _head(tasks=[['a'], ['b'], ['c']], score_threshold=0.0, peak_window=1, max_num=300, max_keep=300,
                 radius=dict(a=0.0, b=0.0, c=0.0)).eval()
    outputs = head([torch.randn(1, 6, 24, 32)])
    found = head.predict_by_feat(outputs, [dict(box_type_3d=LiDARInstance3DBoxes)])[0]
    assert len(found.scores_3d) == 500 and found.labels_3d.unique().tolist() == [0, 1, 2]


CRN = dict(score_threshold=0.01, max_num=120, max_keep=100, peak_window=1, max_objs=500, code_weights=[1.0] * 10)


def _random_outputs(head, samples=2):
    torch.manual_seed(1)
    outputs = head([torch.zeros(samples, 6, 24, 32)])
    for task in outputs:
        for name, value in task[0].items():
            task[0][name] = torch.randn_like(value) * (2.0 if name == 'heatmap' else 0.7) + (name == 'dim')
    return outputs


@pytest.mark.parametrize('nms', ['circle', 'rotate'])
def test_predictions_equal_mmdet3d(nms):
    head = _head(nms=nms, suppression=dict(square_radius=[4.0, 0.175], across_classes=True), **CRN).eval()
    head.test_cfg.update(nms_type=nms, min_radius=[4.0, 0.175], nms_thr=0.2, pre_max_size=1000, post_max_size=100,
                         score_threshold=0.01, post_center_limit_range=head.bbox_coder.post_center_range)
    outputs, metas = _random_outputs(head), [dict(box_type_3d=LiDARInstance3DBoxes)] * 2
    ours, theirs = head.predict_by_feat(outputs, metas), CenterHead.predict_by_feat(head, outputs, metas)
    for mine, other in zip(ours, theirs):
        order = other.scores_3d.argsort(descending=True, stable=True)
        assert 10 < len(order) < 200
        torch.testing.assert_close(mine.scores_3d, other.scores_3d[order])
        torch.testing.assert_close(mine.bboxes_3d.tensor, other.bboxes_3d.tensor[order])
        assert mine.labels_3d.tolist() == other.labels_3d[order].tolist()


@pytest.mark.parametrize('nms', ['circle', 'rotate'])
@pytest.mark.parametrize('across', [False, True])
def test_equal_scores_of_all_classes(nms, across):
    head = _head(nms=nms, peak_window=1, suppression=dict(square_radius=[1.0, 1.0], across_classes=across)).eval()
    outputs = head([torch.zeros(1, 6, 24, 32)])
    for task in outputs:
        task[0] = {name: torch.zeros_like(value) for name, value in task[0].items()}
        task[0]['dim'] += 0.7  # 2 m
        task[0]['heatmap'] -= 20.0
        task[0]['heatmap'][..., 3, 4:6] = task[0]['heatmap'][..., 20, 30:] = task[0]['heatmap'][..., 10, 7] = 0.0
    found = head.predict_by_feat(outputs, [dict(box_type_3d=LiDARInstance3DBoxes)])[0]
    assert (found.scores_3d == 0.5).all()
    counts = found.labels_3d.bincount(minlength=3).tolist()
    assert counts[0] + counts[1] == 3 if across else counts == [3, 3, 3]
    assert counts[2] == 3


def test_bad_suppression_is_named():
    with pytest.raises(ValueError, match="nms is 'circle' or 'rotate', got 'soft'"):
        _head(nms='soft')
    with pytest.raises(ValueError, match=r'one number for each of 2 tasks, got \[4.0\]'):
        _head(suppression=dict(square_radius=[4.0]))
    with pytest.raises(ValueError, match='beside radius'):
        _head(radius=dict(car=1.0), suppression=dict(square_radius=[4.0, 1.0]))
    with pytest.raises(ValueError, match='one radius for the classes of a task'):
        _head(suppression=dict(across_classes=True))


def test_peaks():
    heat = torch.tensor([[0.1, 0.3, 0.2], [0.2, 0.1, 0.6], [0.0, 0.5, 0.4]])[None, None]
    assert keep_peaks(heat, 3).flatten().tolist() == pytest.approx([0, 0, 0, 0, 0, 0.6, 0, 0, 0])
    assert keep_peaks(heat, 1) is heat
