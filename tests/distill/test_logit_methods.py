"""The methods of logits, cross heads, depth bins and gates, as their configs have them, on small real detectors."""

from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from perception_kd.distill import Distiller, FrozenTeacher
from perception_kd.distill.accounting import PREFIX
from perception_kd.distill.losses import CenterHeadResponse
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import load_config
from perception_kd.models.det3d import CenterPointAdapter
from tests.models.det3d.worlds import build, collate, sample, student_cfg, teacher_cfg

CONFIGS = Path(__file__).parents[2] / 'configs' / 'methods'
METHODS = {'hinton': 'response', 'dkd': 'response', 'crosskd': 'response', 'speckd': 'response', 'adaspec': 'response',
           'ld': 'depth'}
GATED = ('speckd', 'adaspec')


@cache
def config(method: str, **options: str):
    return load_config(CONFIGS / f'sim_{method}.py', options)


def distiller(method: str, **options: str) -> Distiller:
    """The pairs of a method's config between the detectors of the tests' small world."""
    lidar = build(teacher_cfg(), seed=1)
    teachers = dict(lidar=FrozenTeacher(model=lidar, adapter=CenterPointAdapter(lidar), allow_random=True))
    teachers |= {name: FrozenTeacher(model=build(student_cfg(), seed=2), allow_random=True)
                 for name in ('reference', 'camera')}
    student = build(student_cfg())
    with DefaultScope.overwrite_default_scope('perception_kd'):
        model = Distiller(student=student, teachers=teachers, pairs=config(method, **options).model.pairs)
    return model.train()


def step(model: Distiller, *samples) -> dict:
    torch.manual_seed(0)
    return model(**model.data_preprocessor(collate(*samples), True), mode='loss')


@pytest.mark.parametrize('method', METHODS)
def test_every_pair_of_a_method_moves_the_student_and_leaves_its_teachers(method):
    model = distiller(method)
    before = {name: {key: value.clone() for key, value in teacher.model.state_dict().items()}
              for name, teacher in model.teachers.items()}
    loss = step(model, sample(seed=1), sample(seed=2))[PREFIX + METHODS[method]]
    loss.backward()
    assert float(loss.detach()) > 0
    moved = [name for name, weight in model.student.named_parameters() if weight.grad is not None and weight.grad.any()]
    assert any(name.startswith('image_backbone') for name in moved)
    assert any(name.startswith('head') for name in moved) == (method not in ('crosskd', 'ld'))
    for name, teacher in model.teachers.items():
        assert all(weight.grad is None for weight in teacher.model.parameters())
        assert all(torch.equal(value, before[name][key]) for key, value in teacher.model.state_dict().items()), name
    assert not any(key.startswith('teachers') for key in model.state_dict())
    assert set(model.coverage) == ({'response'} if method in GATED else set())
    assert all(0 <= float(cover) <= 1 for cover in model.coverage.values())


def test_crosskd_equals_the_composition_by_hand():
    model, samples = distiller('crosskd'), (sample(seed=1), sample(seed=2))
    with TapRecorder(wanted={'trunk_bev'}) as recorder:
        found = step(model, *samples)[PREFIX + 'response']
    trunk, teacher, pair = recorder.collect()['trunk_bev'], model.teachers['lidar'], model.pairs['response']
    theirs = teacher.run(collate(*samples)['inputs'], [], {'head'})['head']
    neck = torch.einsum('oi,bihw->bohw', pair.connector.conv.weight[:, :, 0, 0], trunk)
    crossed = teacher.model.pts_bbox_head([neck + pair.connector.conv.bias[:, None, None]])
    by_hand = CenterHeadResponse(beta=1.0)(crossed, theirs, weight=None, scale=None, batch=None)
    torch.testing.assert_close(found, pair.schedule.value * by_hand)
    one, other = (torch.autograd.grad(value, trunk, retain_graph=True)[0] for value in (found, 0.5 * by_hand))
    torch.testing.assert_close(one, other)
    assert one.any()


@pytest.mark.parametrize(('method', 'reads_boxes'), [
    ('hinton', False), ('dkd', True), ('crosskd', False), ('speckd', False), ('adaspec', True), ('ld', False)])
def test_frames_without_annotations_are_left_out_where_boxes_are_read(method, reads_boxes):
    model = distiller(method)
    step(model, sample(seed=1), sample(seed=2, annotated=False))
    assert model.pairs[METHODS[method]].needs_boxes == reads_boxes
    assert model.skipped.get(METHODS[method], 0) == int(reads_boxes)


@pytest.mark.parametrize(('method', 'switch'), [
    ('hinton', 'hinton_form=${hinton_forms.softmax}'), ('dkd', 'kd_pairs.response.loss.target=teacher'),
    ('ld', 'ld_region=${ld_regions.sure}'), ('adaspec', 'adaspec_candidates=${adaspec_masks.teacher}'),
    ('speckd', 'speckd_gate=${speckd_gates.agreement}'), ('speckd', 'speckd_gate=${speckd_gates.sampled}'),
    ('speckd', 'speckd_gate=${speckd_gates.confidence}')])
def test_named_choices_change_the_term(method, switch):
    key, _, choice = switch.partition('=')
    plain, other = distiller(method), distiller(method, **{key: choice})
    ours, theirs = (pair.pairs[METHODS[method]] for pair in (plain, other))
    assert (str(ours.loss), str(ours.mask)) != (str(theirs.loss), str(theirs.mask))
    assert other.pairs[METHODS[method]].needs_boxes is False
