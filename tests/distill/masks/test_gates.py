"""Gates against loops over cells."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import entr, rel_entr, softmax

from perception_kd.distill import DistillBatch
from perception_kd.distill.masks import AgreementGate, AnyOf, ConfidenceGate, GaussianMask, LearnableFirst, Mask
from perception_kd.distill.masks.agreement import rectangle_iou, rectangles
from perception_kd.distill.masks.learnable import top_fraction
from perception_kd.distill.rng import private_rng
from tests.distill.contract import box_batch, two_heads
from tests.distill.toys import GRID

MAPS = dict(reg=2, dim=3, rot=2)


def seen(seed=0, classes=(2, 1), **taps) -> DistillBatch:
    draw = torch.Generator().manual_seed(seed)
    student, teacher = two_heads(classes, maps=MAPS)(draw)
    reference, _ = two_heads(classes, maps=MAPS)(draw)
    teachers = {'lidar.head': teacher, 'reference.head': reference, **taps}
    return replace(box_batch(), student_taps=dict(head=student), teacher_taps=teachers)


def heat(head) -> np.ndarray:
    return torch.cat([task['heatmap'] for (task,) in head], dim=1).sigmoid().double().numpy()


@pytest.mark.parametrize(('measure', 'limit'), [('probability', 0.7), ('entropy', 0.95)])
def test_confidence_of_independent_classes_equals_a_loop(measure, limit):
    batch = seen()
    found = ConfidenceGate(tap='lidar.head', threshold=limit, measure=measure, rejected=0.25)(batch)
    assert found.shape == (3, 1, *GRID.shape) and len(found.unique()) == 2
    p = heat(batch.teacher_taps['lidar.head'])
    for b, y, x in np.ndindex(3, *GRID.shape):
        cell = p[b, :, y, x]
        spread = max(entr([one, 1 - one]).sum() / math.log(2) for one in cell)
        sure = cell.max() > limit if measure == 'probability' else spread < limit
        assert float(found[b, 0, y, x]) == (1.0 if sure else 0.25)


@pytest.mark.parametrize('shape', [(6, 5, 2, 3), (6, 1, 5, 2, 3)])
def test_confidence_of_a_depth_or_disparity_distribution(shape):
    logits = 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    batch = DistillBatch(inputs={}, data_samples=[], teacher_taps={'camera.depth': logits})
    found = [ConfidenceGate(tap='camera.depth', threshold=0.6, measure=measure, activation='softmax')(batch)
             for measure in ('probability', 'entropy')]
    p = softmax(logits.reshape(6, 5, 2, 3).double().numpy(), axis=1)
    np.testing.assert_array_equal(found[0][:, 0], p.max(1) > 0.6)
    np.testing.assert_array_equal(found[1][:, 0], entr(p).sum(1) / math.log(5) < 0.6)
    assert all(0 < float(mask.mean()) < 1 for mask in found)


def axis_aligned(task, b, y, x):
    length, width = np.exp(task['dim'][b, :2, y, x].double().numpy())
    sin, cos = np.abs(task['rot'][b, :, y, x].double().numpy() / np.linalg.norm(task['rot'][b, :, y, x].double()))
    centre = task['reg'][b, :, y, x].double().numpy() * GRID.cell
    half = np.array([length * cos + width * sin, length * sin + width * cos]) / 2
    return centre - half, centre + half, centre


def boxes_agree(ours, theirs, where, gate):
    (low, high, middle), (other_low, other_high, other_middle) = (axis_aligned(one, *where) for one in (ours, theirs))
    common = np.clip(np.minimum(high, other_high) - np.maximum(low, other_low), 0, None).prod()
    iou = common / ((high - low).prod() + (other_high - other_low).prod() - common)
    near = np.linalg.norm(middle - other_middle)
    return (gate.min_iou is None or iou >= gate.min_iou) and (gate.max_distance is None or near <= gate.max_distance)


def loop_agreement(batch, gate):
    student, teacher = batch.student_taps['head'], batch.teacher_taps['lidar.head']
    p, q, task_of = heat(student), heat(teacher), [0, 0, 1]
    out = torch.zeros(3, 1, *GRID.shape)
    for b, y, x in np.ndindex(3, *GRID.shape):
        mine, other = p[b, :, y, x], q[b, :, y, x]
        best = int(mine.argmax())
        task = task_of[best]
        verified = best in np.argsort(-other)[:gate.top_k]
        accepted = verified and boxes_agree(student[task][0], teacher[task][0], (b, y, x), gate)
        accepted = accepted or (gate.confident is not None and other.max() > gate.confident)
        weight = 1.0 if accepted else gate.rejected
        out[b, 0, y, x] = gate.background if max(mine.max(), other.max()) < gate.floor else weight
    return out


@pytest.mark.parametrize('switches', [
    dict(), dict(top_k=2, confident=None), dict(min_iou=None, max_distance=0.9, confident=None, rejected=0.1),
    dict(min_iou=0.2, max_distance=1.5, confident=0.9, floor=0.7, background=0.5), dict(top_k=9, min_iou=None)])
def test_agreement_equals_a_loop_over_cells(switches):
    batch = seen(3)
    gate = AgreementGate(**{**dict(confident=0.8, min_iou=0.3), **switches})
    found = gate(batch)
    torch.testing.assert_close(found, loop_agreement(batch, gate))
    assert len(found.unique()) >= 2 or switches.get('top_k') == 9


def test_a_teacher_accepts_itself_and_who_sees_nothing_agrees_that_nothing_is_there():
    batch = seen()
    same = replace(batch, student_taps=dict(head=batch.teacher_taps['lidar.head']))
    assert bool((AgreementGate(confident=None)(same) == 1).all())
    assert bool((AgreementGate(confident=None, accept='sampled')(same) == 1).all())
    assert bool((AgreementGate(confident=None, floor=1.0, background=0.0)(batch) == 0).all())


def test_sampled_acceptance_follows_the_ratio_of_probabilities_and_its_seed():
    batch = seen()
    gate = AgreementGate(accept='sampled', min_iou=None, confident=None, floor=0.0)
    p, q = heat(batch.student_taps['head']), heat(batch.teacher_taps['lidar.head'])
    best = p.argmax(1)[:, None]
    ratio = np.minimum(1, np.take_along_axis(q, best, 1) / np.take_along_axis(p, best, 1))
    total = 0.0
    for step in range(400):
        with private_rng('gate', step):
            total = total + gate(batch)
    np.testing.assert_allclose(total / 400, ratio, atol=0.11)  # over four standard deviations
    with private_rng('gate', 7):
        first = gate(batch)
    with private_rng('gate', 7):
        assert torch.equal(gate(batch), first)


def test_rectangles_are_those_around_the_corners_of_the_turned_box():
    maps = dict(reg=torch.tensor([0.25, 0.5]), dim=torch.tensor([4.0, 2.0, 1.5]).log(),
                rot=3 * torch.tensor([math.sin(0.5), math.cos(0.5)]))
    centre, size = rectangles({name: value.view(1, -1, 1, 1) for name, value in maps.items()}, 0.8)
    corners = np.array([[2, 1], [2, -1], [-2, 1], [-2, -1]]) @ np.array(
        [[math.cos(0.5), math.sin(0.5)], [-math.sin(0.5), math.cos(0.5)]])
    np.testing.assert_allclose(size.flatten(), corners.max(0) - corners.min(0), rtol=1e-5)
    np.testing.assert_allclose(centre.flatten(), [0.2, 0.4], rtol=1e-5)
    assert float(rectangle_iou((centre, size), (centre, size))) == pytest.approx(1.0)
    assert float(rectangle_iou((centre, size), (centre + size, size))) == 0.0


def test_untrained_boxes_do_not_overflow():
    batch = seen()
    for task in batch.student_taps['head']:
        task[0]['dim'] = torch.full_like(task[0]['dim'], 1e4)
        task[0]['rot'] = torch.zeros_like(task[0]['rot'])
    assert AgreementGate(confident=None)(batch).isfinite().all()


@pytest.mark.parametrize('activation', ['sigmoid', 'softmax'])
def test_learnable_first_equals_a_loop_over_cells(activation):
    batch = seen(5)
    gate = LearnableFirst(fraction=0.3, activation=activation, candidates=dict(type='ConfidenceGate', tap='lidar.head',
                                                                                threshold=0.6))
    found, candidates = gate(batch), ConfidenceGate(tap='lidar.head', threshold=0.6)(batch)
    assert gate.teacher_taps == ('lidar.head', 'reference.head', 'lidar.head') and not gate.needs_boxes

    def divergence(head, b, y, x):
        mine, other = (torch.cat([task['heatmap'] for (task,) in one], dim=1)[b, :, y, x].double().numpy()
                       for one in (head, batch.teacher_taps['lidar.head']))
        if activation == 'softmax':
            return rel_entr(softmax(other), softmax(mine)).sum()
        return sum(rel_entr(softmax([0, t]), softmax([0, s])).sum() for s, t in zip(mine, other))

    for b in range(3):
        cells = [(y, x) for y, x in np.ndindex(*GRID.shape) if candidates[b, 0, y, x]]
        gain = {cell: divergence(batch.student_taps['head'], b, *cell)
                - divergence(batch.teacher_taps['reference.head'], b, *cell) for cell in cells}
        best = sorted(cells, key=lambda cell: -gain[cell])[:math.ceil(0.3 * len(cells))]
        assert {tuple(cell) for cell in found[b, 0].nonzero().tolist()} == set(best)


def test_top_fraction_counts_what_is_allowed_only():
    values = torch.tensor([[1.0, 5, 3, 3, 9], [2, 2, 2, 2, 2], [1, 2, 3, 4, 5]])
    allowed = torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]]).bool()
    assert top_fraction(values, allowed, 0.5).int().tolist() == [[0, 1, 1, 0, 0], [1, 1, 1, 0, 0], [0] * 5]
    assert torch.equal(top_fraction(values, allowed, 1.0), allowed)


class Given(Mask):
    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights

    def __call__(self, batch) -> torch.Tensor:
        return self.weights


def test_any_of_is_the_largest_and_inherits_what_its_masks_need():
    several = AnyOf(masks=[Given(torch.tensor([0.0, 0.5])), Given(torch.tensor([0.2, 0.1]))])
    assert several(seen()).tolist() == pytest.approx([0.2, 0.5])
    mixed = AnyOf(masks=[ConfidenceGate(tap='lidar.head'), GaussianMask()])
    assert mixed.needs_boxes and mixed.teacher_taps == ('lidar.head',)
    assert LearnableFirst(candidates=mixed).needs_boxes
    torch.testing.assert_close(mixed(seen()), torch.maximum(*(mask(seen()) for mask in mixed.masks)))


def test_gates_of_one_class_work():
    batch = seen(classes=(1,))
    for gate in (ConfidenceGate(tap='lidar.head'), AgreementGate(), LearnableFirst()):
        assert gate(batch).shape == (3, 1, *GRID.shape)


def other_classes(batch):
    return replace(batch, student_taps=dict(head=batch.student_taps['head'][:1]))


def small(batch):
    head = [[{name: part[..., :4] for name, part in task.items()}] for (task,) in batch.teacher_taps['lidar.head']]
    return replace(batch, teacher_taps={'lidar.head': head})


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: ConfidenceGate(tap='t', measure='margin'), "'probability' or 'entropy'"),
    (lambda: ConfidenceGate(tap='t', threshold=2.0), 'threshold lies in'),
    (lambda: ConfidenceGate(tap='t', activation='relu'), "'softmax' or 'sigmoid'"),
    (lambda: AgreementGate(accept='all'), "'top_k' or 'sampled'"), (lambda: AgreementGate(top_k=0), 'top_k >= 1'),
    (lambda: AgreementGate(rejected=-0.1), 'weights are not negative'),
    (lambda: LearnableFirst(fraction=0.0), 'fraction lies in'), (lambda: AnyOf(masks=[]), 'AnyOf needs at least one'),
    (lambda: LearnableFirst(activation='softmax')(seen(classes=(1,))), 'softmax over one class'),
    (lambda: ConfidenceGate(tap='lidar.head')(small(seen())), "tap 'lidar.head' has shape"),
    (lambda: AgreementGate()(other_classes(seen())), 'the taps have 2, 3 classes'),
    (lambda: LearnableFirst()(other_classes(seen())), 'the taps have 2, 3, 3 classes'),
    (lambda: AgreementGate()(replace(seen(), grid=None)), 'AgreementGate needs a BEV grid'),
    (lambda: rectangles(dict(reg=torch.zeros(1, 2, 1, 1)), 1.0), 'a head has no dim, rot')])
def test_bad_input_is_one_line(make, message):
    with pytest.raises(ValueError, match=message):
        make()
