"""CRKD's and X3KD's parts against loops and hand-made gradients; each pair of their configs moves the student."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from torch import nn

import perception_kd.compat  # noqa: F401
from perception_kd.distill import DistillBatch
from perception_kd.distill.connectors import DilatedActivation
from perception_kd.distill.derived import derive, mean_objectness, objectness, with_derived
from perception_kd.distill.losses import Adversarial, ConfidentResponse, GramRelation, build_loss
from perception_kd.distill.masks import ScaledBoxes
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.schedules import Progress
from perception_kd.engine.build import load_config
from perception_kd.structures import BEVGrid, TapSpec
from tests.distill.contract import box_batch, map_tensors, two_heads, two_maps
from tests.distill.toys import GRID

METHODS = Path(__file__).parents[3] / 'configs/_base_/methods'
BRANCHES = dict(reg=1.0, dim=0.5)
BATCH = DistillBatch(inputs={}, data_samples=[])


def value(loss, student, teacher, weight=None, scale=None):
    return loss(student, teacher, weight=weight, scale=scale, batch=BATCH)


def draw(make, seed: int = 0):
    student, teacher = make(torch.Generator().manual_seed(seed))
    return map_tensors(lambda part: part.clone().requires_grad_(), student), teacher


def response_by_loops(ours, theirs, weight, *, target_from, count_from, box_from, box_weight, distance):
    probability = theirs['heatmap'].sigmoid()
    heat, count, boxes, cells = 0.0, 0.0, 0.0, 0.0
    for b, y, x in np.ndindex(3, 8, 8):
        w, sure = float(weight[b, 0, y, x]), 0.0
        for c in range(probability.shape[1]):
            p_t, p_s = probability[b, c, y, x], ours['heatmap'][b, c, y, x].sigmoid()
            target = p_t if target_from is None or p_t > target_from else torch.tensor(0.0)
            entropy = -(target * p_s.log() + (1 - target) * (1 - p_s).log())
            heat = heat + w * (p_s - target) ** 2 * entropy
            count += w * float(p_t > count_from)
            sure += float(p_t)
        if sure > box_from:
            gaps = [factor * distance(ours[name][b, channel, y, x] - theirs[name][b, channel, y, x])
                    for name, factor in BRANCHES.items() for channel in range(theirs[name].shape[1])]
            boxes, cells = boxes + w * sure * sum(gaps) / len(gaps), cells + w
    return heat / max(1.0, count) + box_weight * boxes / max(1.0, cells)


def smooth(gap):
    return gap ** 2 / 2 if gap.abs() < 1 else gap.abs() - 0.5


@pytest.mark.parametrize('form', ['crkd', 'x3kd'])
def test_response_and_its_gradients_equal_the_loops(form):
    crkd = form == 'crkd'
    loss = ConfidentResponse(task_weights=[2, 0.5], branches=BRANCHES) if crkd else ConfidentResponse(
        branches=BRANCHES, target_threshold=0.6, count_threshold=0.6, box_threshold=0.9, box_weight=3.0, distance='l1')
    settings = dict(target_from=None, count_from=0.3, box_from=0.1, box_weight=40.0, distance=smooth) if crkd else dict(
        target_from=0.6, count_from=0.6, box_from=0.9, box_weight=3.0, distance=torch.abs)
    student, teacher = draw(two_heads((2, 1)))
    for (task,) in teacher:
        task['heatmap'] = 2 * task['heatmap'] - 2
    weight = torch.rand(3, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    shares = (2, 0.5) if crkd else (1, 1)
    wanted = sum(share * response_by_loops(ours, theirs, weight, **settings)
                 for share, (ours,), (theirs,) in zip(shares, student, teacher))
    found = value(loss, student, teacher, weight)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    leaves = tensors_of(student)
    for ours, theirs in zip(*(torch.autograd.grad(part, leaves) for part in (found, wanted))):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-5)


def test_the_sigmoid_is_taken_once():
    """Where the student's logits are the teacher's, nothing is left to learn; a second sigmoid would leave much."""
    loss, (_, teacher) = ConfidentResponse(branches=BRANCHES), draw(two_heads((2,)))
    teacher[0][0]['heatmap'] = teacher[0][0]['heatmap'] - 4
    assert float(value(loss, teacher, teacher)) == 0
    twice = [[{**task, 'heatmap': task['heatmap'].sigmoid()} for task in tasks] for tasks in teacher]
    assert float(value(loss, twice, teacher)) > 1


def test_a_blind_teacher_and_an_empty_mask_teach_finitely():
    student, teacher = draw(two_heads())
    for (task,) in teacher:
        task['heatmap'] = task['heatmap'] * 0 - 30
    for weight in (None, torch.zeros(3, 1, 8, 8)):
        found = value(ConfidentResponse(branches=BRANCHES), student, teacher, weight)
        grads = torch.autograd.grad(found, tensors_of(student))
        assert found.isfinite() and all(grad.isfinite().all() for grad in grads)
    assert float(found) == 0


@pytest.mark.parametrize('normalise', [None, 'cosine', 'dim'])
def test_relation_and_its_gradient_equal_the_loops(normalise):
    student, teacher = draw(two_maps(2, 3, 8, 8))
    scale = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    total = torch.tensor(0.0)
    for size in (4, 2):
        side = 8 // size
        affinities = []
        for maps in (student, teacher * scale):
            places = [maps[:, :, y * side:y * side + side, x * side:x * side + side].mean((2, 3))
                      for y, x in np.ndindex(size, size)]
            if normalise == 'cosine':
                places = [place / place.norm(dim=1, keepdim=True) for place in places]
            rows = [torch.stack([(one * other).sum(1) for other in places]) for one in places]
            affinities.append(torch.stack(rows) / (3 if normalise == 'dim' else 1))
        total = total + (affinities[0] - affinities[1]).abs().mean()
    found = value(GramRelation(sizes=(4, 2), normalise=normalise), student, teacher, scale=scale)
    torch.testing.assert_close(found, total)
    torch.testing.assert_close(*(torch.autograd.grad(part, student)[0] for part in (found, total)))


@pytest.mark.parametrize('game', ['reversal', 'non_saturating'])
def test_one_backward_pass_gives_both_players_their_own_gradient(game):
    torch.manual_seed(0)
    loss = Adversarial(channels=3, hidden=(5,), game=game, student_weight=0.7)
    student, teacher = draw(two_maps(2, 3, 6, 6))
    weight = torch.rand(2, 1, 6, 6)
    found = value(loss, student, teacher, weight)
    own = list(loss.parameters())
    to_student, *to_own = torch.autograd.grad(found, [student, *own])
    size = teacher.square().mean((1, 2, 3), keepdim=True).sqrt()
    fake, real = loss.discriminator(student), loss.discriminator(teacher / size)
    entropy = nn.functional.binary_cross_entropy_with_logits
    share = weight / weight.sum()
    as_student, as_teacher = (entropy(fake, torch.full_like(fake, label), weight=share, reduction='sum')
                              for label in (0.0, 1.0))
    judged = (as_student + entropy(real, torch.ones_like(real), weight=share, reduction='sum')) / 2
    played = 0.7 * (-as_student if game == 'reversal' else as_teacher)
    torch.testing.assert_close(found, judged + played)
    torch.testing.assert_close(to_student, torch.autograd.grad(played, student, retain_graph=True)[0])
    for ours, theirs in zip(to_own, torch.autograd.grad(judged, own)):
        torch.testing.assert_close(ours, theirs)


def test_the_game_at_its_equilibrium_and_who_wins_alone():
    """With equal maps no discriminator judges below log 2; with different ones it learns to."""
    student, teacher = draw(two_maps(2, 3, 6, 6))
    torch.manual_seed(0)
    loss = Adversarial(channels=3, hidden=(8,), game='non_saturating', student_weight=1e-6, normalise=None)
    undecided = Adversarial(channels=3, hidden=(8,), game='non_saturating')
    for weight in undecided.parameters():
        nn.init.zeros_(weight)
    assert float(value(undecided, student, teacher)) == pytest.approx(2 * math.log(2))
    optim = torch.optim.Adam(loss.parameters(), lr=0.02)
    for _ in range(60):
        optim.zero_grad()
        value(loss, student.detach() + 1, teacher).backward()
        optim.step()
        assert float(value(loss, teacher, teacher)) >= math.log(2) - 1e-6
    assert float(value(loss, student.detach() + 1, teacher)) < 0.5 * math.log(2)
    step = torch.autograd.grad(value(loss, student, teacher), student)[0]
    after = student - 0.5 * step / step.abs().mean()
    assert float(loss.discriminator(after).mean()) > float(loss.discriminator(student).mean())


def test_an_empty_teacher_does_not_blow_the_game_up():
    student, teacher = draw(two_maps(2, 3, 6, 6))
    torch.manual_seed(0)
    assert abs(float(value(Adversarial(channels=3), student, 0 * teacher))) < 5


def test_boxes_grow_as_the_loop_says():
    grid = BEVGrid(-40.0, -40.0, 40.0, 40.0, 0.8)
    torch.manual_seed(0)
    place = torch.rand(40, 2) * 84 - 42
    speed = torch.tensor([[0.0, 0.0], [0.2, 0.2], [0.5, 0.0], [1.0, -2.0], [math.nan, math.nan]]).repeat(8, 1)
    boxes = torch.cat([place, torch.zeros(40, 1), torch.rand(40, 3) * 10 + 0.3, torch.randn(40, 1) * 3, speed], dim=1)
    wanted = np.zeros((2, 100, 100))
    for x, y, _, length, width, _, yaw, vx, vy in boxes.tolist():
        corners = [(a * length * math.cos(yaw) - b * width * math.sin(yaw),
                    a * length * math.sin(yaw) + b * width * math.cos(yaw)) for a in (-.5, .5) for b in (-.5, .5)]
        away, fast = math.hypot(x, y), math.hypot(vx, vy)
        share = 0.5 if away >= 30 or fast > 0.8 else 0.25 if away >= 20 or fast > 0.3 else 0.0
        half = []
        for axis in (0, 1):
            side = 2 * max(corner[axis] for corner in corners)
            half.append(max(side + (min(max(side * share, 0.5), 4.0) if share else 0.0), 0.8) / 2)
        for row, column in np.ndindex(100, 100):
            if abs(-39.6 + 0.8 * column - x) <= half[0] and abs(-39.6 + 0.8 * row - y) <= half[1]:
                wanted[0, row, column] = 1
    batch = box_batch([0, 0])
    batch.data_samples[0].gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=torch.zeros(40))
    found = ScaledBoxes()(replace(batch, grid=grid))
    assert found.shape == (2, 1, 100, 100) and 0.05 < found[0].mean() < 0.8
    np.testing.assert_array_equal(found[:, 0], wanted)
    batch.data_samples[1].gt_instances_3d = InstanceData(
        bboxes_3d=torch.tensor([[4.05, 8.05, 0, 0.6, 0.6, 1.7, 0]]), labels_3d=torch.zeros(1))
    assert ScaledBoxes()(replace(batch, grid=grid))[1, 0].nonzero().tolist() == [[60, 55]], 'too small for any centre'
    still = ScaledBoxes().sides(boxes[:, :7])
    torch.testing.assert_close(still[4], ScaledBoxes().sides(boxes)[4])  # no velocity and an unknown one


def test_activation_starts_as_a_faint_map_and_looks_six_cells_far():
    torch.manual_seed(0)
    connector = DilatedActivation(**DilatedActivation.arguments(
        TapSpec('radar_bev', 'bev', 5, '', grid=GRID), TapSpec('lidar.objectness', 'bev', 1, '', grid=GRID)))
    value = torch.randn(1, 5, 21, 21, requires_grad=True)
    out = connector.eval()(value)
    assert out.shape == (1, 1, 21, 21) and out.min() > 0 and abs(float(out.mean().detach()) - 0.1) < 0.05
    reached = torch.autograd.grad(out[0, 0, 10, 10], value)[0][0].abs().sum(0) > 0
    assert reached.any(0).nonzero().flatten().tolist() == list(range(4, 17))
    assert connector.result(TapSpec('radar_bev', 'bev', 5, '')).channels == 1


def test_objectness_by_hand():
    head = [[dict(heatmap=torch.tensor([0.0, 2.0]).view(1, 2, 1, 1))], [dict(heatmap=torch.zeros(1, 1, 1, 1))]]
    sigmoid = lambda logit: 1 / (1 + math.exp(-logit))  # noqa: E731
    assert float(objectness(head)) == pytest.approx((sigmoid(2) + 0.5) / 2)
    assert float(mean_objectness(head)) == pytest.approx((sigmoid(1) + 0.5) / 2)
    spec = TapSpec('head', 'head', 3, '', grid=GRID)
    own = dict(head=spec, objectness=TapSpec('objectness', 'bev', 7, 'its own'))
    assert with_derived(own)['objectness'].channels == 7 and with_derived(own)['mean_objectness'].channels == 1
    assert 'objectness' not in with_derived(dict(head=replace(spec, call='all')))
    assert derive(['objectness'], dict(objectness=1, head=head)) == dict(objectness=1, head=head)


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: ConfidentResponse(beta=0.5), 'beta is at least 1'),
    (lambda: ConfidentResponse(distance='l2'), "got 2.0 and 'l2'"),
    (lambda: value(ConfidentResponse(task_weights=[1], branches=BRANCHES), *draw(two_heads())), 'have 2 tasks'),
    (lambda: value(ConfidentResponse(branches=BRANCHES), *draw(two_heads()), scale=torch.ones(1)), 'no target_scale'),
    (lambda: GramRelation(sizes=()), 'sizes are positive'),
    (lambda: GramRelation(normalise='l2'), "'cosine' or 'dim'"),
    (lambda: value(GramRelation(), *draw(two_maps())), r'the map is \(8, 8\), sizes go up to 32'),
    (lambda: value(GramRelation(sizes=(4,)), *draw(two_maps()), weight=torch.ones(1)), 'takes no mask'),
    (lambda: Adversarial(channels=3, normalise='l2'), "'channel_rms' or None"),
    (lambda: Adversarial(channels=3, game='draw'), "'reversal' or 'non_saturating'"),
    (lambda: build_loss('Adversarial', *[TapSpec('a', 'bev', None, '')] * 2), 'declared channels'),
    (lambda: ScaledBoxes(ranges=(30, 20)), 'ranges are two numbers in order'),
    (lambda: DilatedActivation.arguments(*[TapSpec('head', 'head', 3, '')] * 2), 'needs two maps')])
def test_bad_settings_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def bev(name: str, channels: int) -> TapSpec:
    return TapSpec(name, 'bev', channels, '', grid=GRID)


STUDENT = {name: bev(name, width) for name, width in dict(radar_bev=5, camera_gated=5, fused_bev=6).items()} | dict(
    head=TapSpec('head', 'head', 2, '', grid=GRID))
TEACHERS = dict(
    lidar=with_derived(dict(bev_s8=bev('bev_s8', 6), head=STUDENT['head'])),
    lidar_camera=with_derived(dict(camera_gated=bev('camera_gated', 4), fused_bev=bev('fused_bev', 6),
                                   head=STUDENT['head'])))
REST = dict(lidar_sweeps=0, radar_sweeps=0, bev_frame='lidar', point_cloud_range=[0] * 6, final_size=[1, 1],
            load_images={}, load_radar={}, to_bev_frame={}, filter_points={}, student=dict(type='S'), cameras=[],
            radars=[], teacher=dict(type='T'), lidar_camera_teacher=dict(type='L'), crkd_task_weights=None,
            backend_args={})


@pytest.mark.parametrize(('method', 'options', 'teacher', 'pairs'), [
    ('crkd', {}, 'lidar_camera', ['activation', 'camera', 'fused', 'relation', 'response']),
    ('crkd', dict(crkd_teacher='${crkd_teachers.lidar}', crkd_objectness='mean_objectness', crkd_relation='cosine'),
     'lidar', ['activation', 'camera', 'fused', 'relation', 'response']),
    ('x3kd', dict(x3kd_connector='${x3kd_connectors.conv1x1}'), 'lidar', ['feature', 'adversary', 'output']),
    ('x3kd', {}, 'lidar', ['feature', 'adversary', 'output'])])
def test_each_pair_of_the_configs_moves_the_student(method, options, teacher, pairs):
    cfg = load_config(METHODS / f'{method}.py', {**REST, **options}).distiller
    assert list(cfg.teachers) == [teacher] and list(cfg.pairs) == pairs
    if 'relation' in cfg.pairs:
        cfg.pairs.relation.loss.sizes = (8, 4)
    specs = {f'{teacher}.{name}': spec for name, spec in TEACHERS[teacher].items()}
    built = build_pairs(cfg.pairs, STUDENT, specs)
    batch, draws = box_batch(), torch.Generator().manual_seed(0)
    heads = two_heads((2,), maps=dict(reg=2, height=1, dim=3, rot=2, vel=2))(draws)
    theirs = {name: torch.randn(3, spec.channels, 8, 8, generator=draws) for name, spec in specs.items()}
    theirs |= {f'{teacher}.head': heads[1], f'{teacher}.objectness': objectness(heads[1]),
               f'{teacher}.mean_objectness': mean_objectness(heads[1])}
    for name, pair in built.items():
        ours = {tap: torch.randn(3, spec.channels, 8, 8, generator=draws).requires_grad_()
                for tap, spec in STUDENT.items()}
        ours['head'] = map_tensors(lambda part: part.clone().requires_grad_(), heads[0])
        found = pair(replace(batch, student_taps=ours, teacher_taps=theirs), Progress())
        found.loss.backward()
        touched = [tap for tap, held in ours.items() if any(
            part.grad is not None and part.grad.any() for part in tensors_of(held))]
        assert touched == [cfg.pairs[name].student] and found.loss.isfinite(), name
