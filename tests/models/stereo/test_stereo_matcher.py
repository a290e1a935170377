"""The whole matcher: sizes of its families, what trains and what does not, its taps, and that it learns."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from perception_kd.distill import Distiller, FrozenTeacher
from perception_kd.distill.taps import TapRecorder
from perception_kd.engine.build import load_config
from perception_kd.models.stereo import StereoMatcher
from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.registry import MODELS

from .tiny import DEFAULTS, batch_of, tiny_matcher

STEREO = Path(__file__).parents[3] / 'configs/stereo'
FEATURES = ('feature_s4', 'feature_s8', 'feature_s16', 'feature_s32')


def millions(config: str) -> float:
    """Parameters beside the prior, frozen ones too."""
    with torch.device('meta'):
        model = MODELS.build(load_config(STEREO / f'{config}.py').model)
    return sum(weight.numel() for name, weight in model.named_parameters() if not name.startswith('prior.')) / 1e6


@pytest.mark.parametrize(('config', 'published'), [
    ('paper_teacher_mono', 39.2), ('paper_skeleton', 20.05), ('paper_student', 14.56)])
def test_published_sizes(config: str, published: float) -> None:
    assert millions(config) == pytest.approx(published, rel=0.01)


@torch.no_grad()
def test_published_shapes() -> None:
    """Features, volumes and samples of the teacher for 64x128 pictures and 64 disparities."""
    with torch.device('meta'):
        teacher = MODELS.build(load_config(STEREO / 'paper_teacher.py').model).eval()
        features = teacher.feature(torch.empty(2, 3, 64, 128))
        state = {'raw': teacher.cost_volume(*features[0].chunk(2), 16)}
        for block in teacher.cost_filter.blocks.values():
            state = block(state, [level[:1] for level in features])
    assert [tuple(level.shape[1:]) for level in features] == [(224, 16, 32), (192, 8, 16), (320, 4, 8), (304, 2, 4)]
    assert {name: tuple(volume.shape[1:]) for name, volume in state.items()} == dict(
        raw=(32, 16, 16, 32), v4=(28, 16, 16, 32), c8=(56, 8, 8, 16), c16=(112, 4, 4, 8), c32=(168, 2, 2, 4),
        u16=(112, 4, 4, 8), u8=(56, 8, 8, 16), filtered=(28, 16, 16, 32), logits=(1, 16, 16, 32))
    assert teacher.refiner.lookup_channels == 522


def test_small_family_is_small() -> None:
    assert millions('small_teacher') < 3 and millions('small_teacher_mono') < 3 and millions('small_student') < 0.6


def prepared(matcher: StereoMatcher, batch: dict, training: bool = False) -> dict:
    return matcher.data_preprocessor(copy.deepcopy(batch), training)


@torch.no_grad()
def test_prediction_has_the_size_of_the_picture() -> None:
    matcher = tiny_matcher().eval()
    data = prepared(matcher, batch_of(3, 5, height=37, width=71))
    padded = matcher(**data, mode='tensor')
    found = matcher(**data, mode='predict')
    assert [sample.pred_disp.shape for sample in found] == [(37, 71)] * 2
    for sample, whole in zip(found, padded):
        assert torch.equal(sample.pred_disp, whole[0, 13:50, 12:83]) and sample.pred_disp.dtype == torch.float32


def test_equal_padding_leaves_the_truth_where_it_is() -> None:
    """The loss of padded pictures is the loss of their disparities on the pixels that were there."""
    matcher = tiny_matcher(iterations=1)
    data = prepared(matcher, batch_of(4, height=40, width=75))
    found = matcher(**data, mode='loss')['loss_disparity']
    with torch.no_grad():
        (alone,) = matcher.match(**data['inputs']).refined
    sample = data['data_samples'][0]
    expected = (Padding(*sample.pad).remove(alone)[0, 0] - sample.gt_disp).abs()[sample.gt_valid].mean()
    torch.testing.assert_close(found.detach(), expected)


def test_truth_that_is_not_valid_costs_nothing() -> None:
    matcher, batch = tiny_matcher().train(), batch_of(4, 6)
    batch['data_samples'][1].gt_valid[:, 40:] = False
    reference = matcher(**prepared(matcher, batch), mode='loss')
    batch['data_samples'][1].gt_disp[:, 40:] = float('inf')
    changed = tiny_matcher().train()(**prepared(matcher, batch), mode='loss')
    assert all(torch.equal(changed[name], value) for name, value in reference.items())
    beyond = batch_of(40, 50)  # farther than the matcher looks
    nothing = matcher(**prepared(matcher, beyond), mode='loss')
    assert {name: value.item() for name, value in nothing.items()} == dict(loss_initial=0, loss_disparity=0)
    sum(nothing.values()).backward()
    assert all(not weight.grad.any() for weight in matcher.parameters() if weight.grad is not None)


def test_gradients_reach_every_weight() -> None:
    matcher = tiny_matcher(released_layout=True).train()
    sum(matcher(**prepared(matcher, batch_of(4, 6)), mode='loss').values()).backward()
    without = {name for name, weight in matcher.named_parameters() if weight.grad is None or not weight.grad.any()}
    unused = {name for name, weight in matcher.named_parameters() if not weight.requires_grad}
    assert unused and without == unused and all(name.startswith('unused.') for name in unused)


def test_taps_that_are_declared_are_marked() -> None:
    matcher, batch = tiny_matcher().eval(), batch_of(4, 6)
    specs = matcher.tap_specs()
    with TapRecorder.of(specs, specs) as recorder, torch.no_grad():
        disparities = list(matcher.match(**prepared(matcher, batch)['inputs']).refined)
    taps = recorder.collect()
    assert set(taps) == set(specs) > set(FEATURES)
    for stride, name in zip((4, 8, 16, 32), FEATURES):
        assert taps[name].shape == (4, specs[name].channels, 64 // stride, 96 // stride)
    assert taps['volume'].shape == (2, specs['volume'].channels, 8, 16, 24)
    assert taps['filtered_volume'].shape == (2, specs['filtered_volume'].channels, 8, 16, 24)
    assert all(torch.equal(*pair) for pair in zip(taps['disparity'], disparities)) and len(disparities) == 3


def distiller_of(student: dict, **changes: object) -> Distiller:
    """As the distillation of features is configured, with tiny nets."""
    cfg = load_config(STEREO / 'small_distil.py')
    torch.manual_seed(0)
    pairs = {**cfg.kd_pairs, **changes}
    wide = {**DEFAULTS, 'feature': {**DEFAULTS['feature'], 'out_channels_4': 20}}
    teacher = FrozenTeacher(model=MODELS.build(wide), allow_random=True)
    return MODELS.build(dict(type='Distiller', student=MODELS.build(student), teachers=dict(stereo=teacher),
                             pairs={name: pair for name, pair in pairs.items() if pair}))


def test_distilling_features_trains_the_feature_net_alone() -> None:
    distiller = distiller_of({**DEFAULTS, 'stop_after': 'features'}).train()
    assert set(distiller.student.tap_specs()) == set(FEATURES)
    teacher = distiller.teachers['stereo']._model
    before = copy.deepcopy(teacher.state_dict())
    batch = batch_of(4, 6)
    for sample in batch['data_samples']:
        del sample.gt_disp, sample.gt_valid
    losses = distiller(**distiller.data_preprocessor(batch, True), mode='loss')
    assert set(losses) == {f'loss_distill.{name}' for name in FEATURES}
    sum(losses.values()).backward()
    moved = {name for name, weight in distiller.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert {name for name, _ in distiller.student.named_parameters(prefix='student')
            if name.startswith('student.feature.')} <= moved
    assert all(name.startswith(('student.feature.', 'pairs.')) for name in moved)
    trained = {name for name, weight in distiller.named_parameters() if weight.requires_grad}
    assert trained == moved, 'parallel training waits for every weight that is not frozen'
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    assert not any(weight.requires_grad for weight in teacher.parameters())


def test_features_are_projected_where_channels_differ_and_nowhere_else() -> None:
    """With the teacher's widths, of which the published student is, its features fit what reads the teacher's."""
    pairs = distiller_of({**DEFAULTS, 'stop_after': 'features'}).pairs
    assert {name: [tuple(part.shape) for part in pair.parameters()] for name, pair in pairs.items()} == {
        'feature_s4': [(20, 16, 1, 1), (20,)], **{name: [] for name in FEATURES[1:]}}


def test_without_pairs_the_distiller_is_the_student() -> None:
    alone = tiny_matcher().train()
    distiller = distiller_of(DEFAULTS, **dict.fromkeys(FEATURES)).train()
    distiller.student.load_state_dict(alone.state_dict())
    ours = alone(**prepared(alone, batch_of(4, 6), True), mode='loss')
    theirs = distiller(**distiller.data_preprocessor(batch_of(4, 6), True), mode='loss')
    assert ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)
    for losses in (ours, theirs):
        sum(losses.values()).backward()
    assert all(torch.equal(one.grad, two.grad) for one, two in zip(alone.parameters(), distiller.student.parameters()))


@pytest.fixture(scope='module')
def learned() -> StereoMatcher:
    """Trained on two pairs and nothing else."""
    matcher = tiny_matcher().train()
    data = prepared(matcher, batch_of(4, 9))
    optimiser, steps = torch.optim.AdamW(matcher.parameters()), 50
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=steps)
    for _ in range(steps):
        optimiser.zero_grad()
        sum(matcher(**data, mode='loss').values()).backward()
        torch.nn.utils.clip_grad_norm_(matcher.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return matcher


@torch.no_grad()
def error(matcher: StereoMatcher, **options: int) -> float:
    """End-point error on the two pairs, px; batch statistics as in the training."""
    data = prepared(matcher, batch_of(4, 9))
    found = matcher.disparity(**data['inputs'], **options)[:, 0]
    truth, valid = (torch.stack(parts) for parts in zip(*(sample.known for sample in data['data_samples'])))
    return (found - truth).abs()[valid].mean().item()


def test_two_pairs_are_learned_by_heart(learned: StereoMatcher) -> None:
    errors = [error(learned, iterations=count) for count in (1, 3, 6)]
    assert errors[1] < 0.5
    assert max(errors) < errors[0] + 0.1, 'more steps than trained for do no harm'


def test_a_wider_range_than_trained_for(learned: StereoMatcher) -> None:
    assert error(learned, max_disp=64) < error(learned) + 1
    with pytest.raises(ValueError, match='max_disp is a multiple of 32, got 40'):
        error(learned, max_disp=40)


@torch.no_grad()
def test_disparity_stays_float32_under_autocast(learned: StereoMatcher) -> None:
    inputs = prepared(learned, batch_of(4, 9))['inputs']
    plain = learned.disparity(**inputs)
    with torch.autocast('cpu', torch.bfloat16):
        matched = learned.match(**inputs)
        steps = list(matched.refined)
    assert {part.dtype for part in (matched.initial, *steps)} == {torch.float32}
    assert (steps[-1] - plain).abs().mean() < 0.5


def test_frozen_parts_stay_as_they_are() -> None:
    assert tiny_matcher(frozen='feature').frozen == ('feature',)
    matcher = tiny_matcher(frozen=['cost_filter', 'refiner.mask'])
    before = copy.deepcopy(matcher.state_dict())
    optimiser = torch.optim.SGD(matcher.parameters(), 0.1)
    sum(matcher.train()(**prepared(matcher, batch_of(4, 6)), mode='loss').values()).backward()
    optimiser.step()
    moved = {name for name, value in matcher.state_dict().items() if not torch.equal(value, before[name])}
    assert any(name.startswith('refiner.grus.') for name in moved)
    assert any(name.endswith('running_mean') for name in moved)
    assert not any(name.startswith(('cost_filter.', 'refiner.mask.')) for name in moved)
    for path, told in (('', "''"), ('refine', 'refine')):
        with pytest.raises(ValueError, match=f'StereoMatcher has no {told}; it has .*refiner'):
            tiny_matcher(frozen=[path])


def test_bad_settings() -> None:
    with pytest.raises(ValueError, match='stop_after is None'):
        tiny_matcher(stop_after='volume')
    with pytest.raises(ValueError, match='max_disp is a multiple of 32, got 16'):
        tiny_matcher(max_disp=16)
    matcher = tiny_matcher(loss=None)
    data = prepared(matcher, batch_of(4))
    with pytest.raises(ValueError, match='built without loss'):
        matcher(**data, mode='loss')
    with pytest.raises(ValueError, match='iterations is 1 or more'):
        matcher.disparity(**data['inputs'], iterations=0)
    with pytest.raises(ValueError, match='iterations is 1 or more'):
        tiny_matcher(train_iterations=0)(**data, mode='loss')
    with pytest.raises(ValueError, match=r'init is a map of \(1, 1, 16, 24\) .* got \(1, 1, 64, 96\)'):
        matcher.disparity(**data['inputs'], init=torch.zeros(1, 1, 64, 96))
    with pytest.raises(ValueError, match="mode 'guess'"):
        matcher(**data, mode='guess')
    del data['data_samples'][0].gt_disp
    with pytest.raises(ValueError, match='no true disparity'):
        tiny_matcher()(**data, mode='loss')
