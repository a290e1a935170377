"""Pairs on batches in which people have annotated some samples or none."""

from __future__ import annotations

from unittest import mock

import pytest
import torch
from mmengine import dist
from mmengine.structures import BaseDataElement

from perception_kd.distill import DistillBatch, Distiller, MapTeacher
from perception_kd.distill.accounting import PREFIX
from perception_kd.distill.losses import MSE, normaliser
from perception_kd.distill.losses.base import counting_nothing
from perception_kd.distill.masks import GaussianMask
from perception_kd.distill.nested import take_rows
from perception_kd.distill.pair import Pair
from perception_kd.distill.pair_builder import build_pairs
from perception_kd.distill.schedules import Progress
from perception_kd.structures import TapSpec, is_annotated
from tests.distill.toys import GRID, ToyStudent, feature_pair, response_pair, toy_batch, toy_teacher

PAIRS = dict(
    gaussian=feature_pair(mask=dict(type='GaussianMask')),
    truth=response_pair(loss=dict(type='CenterHeadResponse', branches=dict(reg=1.0), boxes='truth')),
    plain=feature_pair(),
    response=response_pair())
NEED_BOXES = ('gaussian', 'truth')


def hide(batch: dict, *rows: int) -> dict:
    """The batch without the annotations of some samples."""
    for row in rows:
        sample = batch['data_samples'][row]
        batch['data_samples'][row] = BaseDataElement(metainfo=dict(token=sample.token, annotated=False))
    return batch


def distiller(**pairs: dict) -> Distiller:
    torch.manual_seed(0)
    return Distiller(student=ToyStudent(norm=False, dropout=0.0), teachers=dict(lidar=toy_teacher()),
                     pairs=pairs or PAIRS)


def step(model: Distiller, batch: dict, names: tuple[str, ...] = NEED_BOXES) -> tuple[dict, dict]:
    """The losses of the pairs, and all gradients of the sum of ``names``."""
    losses = model(**batch, mode='loss')
    sum(losses[PREFIX + name] for name in names).backward()
    return losses, {name: weight.grad for name, weight in model.named_parameters()}


def test_pairs_that_need_boxes_see_the_annotated_samples_alone():
    found, gradients = step(distiller(), hide(toy_batch(1, 2, 3, 6), 0, 2))
    wanted, expected = step(distiller(), toy_batch(2, 6))
    for name in NEED_BOXES:
        torch.testing.assert_close(found[PREFIX + name], wanted[PREFIX + name])
        assert wanted[PREFIX + name] > 0
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], msg=name)
    everything, _ = step(distiller(), toy_batch(1, 2, 3, 6))
    for name in ('plain', 'response'):
        assert torch.equal(found[PREFIX + name], everything[PREFIX + name])


def test_it_is_said_how_many_were_skipped():
    model = distiller()
    model(**hide(toy_batch(1, 2, 3), 0, 2), mode='loss')
    assert model.skipped == dict(gaussian=2, truth=2)
    model(**toy_batch(1, 2, 3), mode='loss')
    assert model.skipped == dict(gaussian=0, truth=0)


def test_without_an_annotated_sample_a_zero_stays_in_the_graph():
    model = distiller()
    losses, gradients = step(model, hide(toy_batch(1, 2), 0, 1))
    for name in NEED_BOXES:
        assert losses[PREFIX + name] == 0 and losses[PREFIX + name].requires_grad
    own = [name for name in gradients if name.startswith('pairs.gaussian')]
    assert own and all(gradients[name] is not None and not gradients[name].any() for name in own)
    assert not gradients['student.stem.conv.weight'].any()
    assert losses[PREFIX + 'plain'] > 0 and model.skipped['truth'] == 2


def test_every_sum_over_processes_is_made_also_without_an_annotated_sample():
    """Else two processes would wait for each other for ever."""
    calls = []

    def count(total: torch.Tensor) -> None:
        calls.append(float(total))

    with mock.patch.object(dist, 'get_world_size', return_value=2), mock.patch.object(dist, 'all_reduce', count):
        pairs = distiller(**{name: PAIRS[name] for name in NEED_BOXES})
        pairs.check_finite = False
        pairs(**toy_batch(1, 2), mode='loss')
        with_boxes, calls[:] = list(calls), []
        pairs(**hide(toy_batch(1, 2), 0, 1), mode='loss')
    assert len(calls) == len(with_boxes) > 1
    assert not any(calls) and all(with_boxes)


class Meeting(torch.autograd.Function):
    """Sums over processes on the way back, as a synchronised batch norm does; notes the gradient."""

    met: list[torch.Tensor] = []

    @staticmethod
    def forward(ctx, value):
        return value.clone()

    @staticmethod
    def backward(ctx, gradient):
        Meeting.met.append(gradient)
        return gradient


@pytest.mark.parametrize(('hidden', 'weight'), [((), 1.0), ((0, 1), 1.0), ((), 0.0), ((0, 1), 0.0)])
def test_the_way_back_meets_the_other_processes_too(hidden, weight):
    """A pair in use goes back through its connector in every process, one out of use in none."""
    model = distiller(gaussian={**PAIRS['gaussian'], 'weight': weight})
    model.check_finite = False
    model.pairs['gaussian'].connector.register_forward_hook(lambda part, args, value: Meeting.apply(value))
    Meeting.met.clear()
    with mock.patch.object(dist, 'get_world_size', return_value=2), mock.patch.object(dist, 'all_reduce'):
        losses, gradients = step(model, hide(toy_batch(1, 2), *hidden), ('gaussian',))
    assert len(Meeting.met) == int(weight > 0)
    nothing = bool(hidden) or not weight
    assert not nothing or (losses[PREFIX + 'gaussian'] == 0 and not gradients['student.stem.conv.weight'].any())
    assert all(bool(gradient.any()) != nothing for gradient in Meeting.met)


def test_a_process_may_count_nothing():
    with counting_nothing():
        assert normaliser(torch.tensor(8.0)) == 1
    assert normaliser(torch.tensor(8.0)) == 8


def test_teachers_and_masks_that_read_annotations_make_their_pairs_skip():
    spec = TapSpec('bev', 'bev', 1, 'a map', grid=GRID)
    teacher = MapTeacher(maps=dict(boxes=dict(type='GaussianMask'), all='All'), cell=0.8,
                         point_cloud_range=[-3.2, -3.2, -5, 3.2, 3.2, 3])
    specs = {f'map.{name}': tap for name, tap in teacher.tap_specs().items()}
    pairs = build_pairs(
        dict(one=dict(student='bev', teacher='map.boxes'), other=dict(student='bev', teacher='map.all'),
             masked=dict(student='bev', teacher='map.all', mask=dict(type='ActivationMap', tap='map.boxes')),
             product=dict(student='bev', teacher='map.all', mask=dict(type='Product', masks=['All', 'GaussianMask']))),
        dict(bev=spec), specs)
    assert {name for name, pair in pairs.items() if pair.needs_boxes} == {'one', 'masked', 'product'}
    batch = hide(toy_batch(1, 3), 0)
    drawn = teacher.run(batch['inputs'], batch['data_samples'], ['boxes'])['boxes']
    assert not drawn[0].any() and drawn[1].any()


def test_firings_cameras_and_past_frames_are_cut_alike():
    """A tap of call 'all' whose tensors hold two cameras a sample, one after another."""
    spec = TapSpec('pictures', 'image', 2, 'cameras', stride=8, call='all')
    pair = Pair(name='one', student=spec, teacher=spec, loss=MSE())
    pair.needs_boxes = True
    torch.manual_seed(0)
    ours = [torch.randn(6, 2, 3, 4, requires_grad=True) for _ in range(2)]
    theirs = [torch.randn(6, 2, 3, 4) for _ in range(2)]
    samples = hide(toy_batch(1, 2, 3), 1)['data_samples']
    past = [dict(to_key=[torch.full((4, 4), float(row)) for row in range(3)])]
    batch = DistillBatch(inputs=dict(radar=[0, 1, 2], stacked=torch.arange(3), past=past), data_samples=samples,
                         student_taps=dict(pictures=ours), teacher_taps=dict(pictures=theirs, unused=None))
    kept = batch.keep([0, 2], {'pictures'})
    assert kept.inputs['radar'] == [0, 2] and kept.inputs['stacked'].tolist() == [0, 2]
    assert [float(one[0, 0]) for one in kept.inputs['past'][0]['to_key']] == [0, 2] and kept.size == 2
    assert list(kept.teacher_taps) == ['pictures']
    value = pair(batch, Progress())
    rows = [0, 1, 4, 5]
    wanted = torch.stack([(mine[rows] - other[rows]).square().mean() for mine, other in zip(ours, theirs)]).mean()
    torch.testing.assert_close(value.raw, wanted.detach())
    value.loss.backward()
    assert not ours[0].grad[2:4].any() and ours[0].grad[rows].all()


def test_a_tap_without_samples_in_front_is_refused():
    with pytest.raises(ValueError, match=r'tensor \(5, 2\): it is no batch of 3'):
        take_rows([dict(map=torch.zeros(5, 2))], [0], 3)


def test_boxes_are_read_from_annotated_samples_only():
    """The mask would fail on a sample without; an annotated one without boxes is something else."""
    batch = hide(toy_batch(4, 4), 1)
    assert [is_annotated(sample) for sample in batch['data_samples']] == [True, False]
    whole = DistillBatch(inputs=batch['inputs'], data_samples=batch['data_samples'], grid=GRID)
    with pytest.raises(AttributeError):
        GaussianMask()(whole)
    assert not GaussianMask()(whole.keep([0], ())).any() and not GaussianMask()(whole.emptied()).any()
