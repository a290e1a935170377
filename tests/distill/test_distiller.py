"""The rules that make a distillation run trustworthy."""

import copy
import gc
import weakref

import pytest
import torch
from mmengine.model import ExponentialMovingAverage
from mmengine.optim import OptimWrapper

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import PREFIX
from perception_kd.distill.taps import tap
from tests.distill.toys import ToyStudent, ToyTeacher, feature_pair, response_pair, toy_batch, toy_teacher


def build(pairs: dict | None = None, seed: int = 0, strength: float = 1.0, **student) -> Distiller:
    torch.manual_seed(seed)
    return Distiller(student=ToyStudent(**student), teachers=dict(lidar=toy_teacher()) if pairs else None,
                     pairs=pairs, strength=strength)


def all_pairs() -> dict:
    return dict(feature=feature_pair(connector=dict(type='DistillAdaptor'), mask=dict(type='IntensityMap')),
                scaled=feature_pair(target_scale=dict(type='IntensityMap'), mask=dict(type='ActiveCells')),
                response=response_pair())


def train(model: torch.nn.Module, steps: int, seed: int = 3) -> list[dict]:
    """Train on a fixed stream of batches; returns the log of every step."""
    torch.manual_seed(seed)
    model.init_weights()
    optim = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    model.train()
    torch.manual_seed(seed)
    return [model.train_step(toy_batch(2 * step, 2 * step + 1), optim) for step in range(steps)]


def hashed(module: torch.nn.Module) -> dict:
    return {name: value.clone() for name, value in module.state_dict().items()}


def gradients(model: torch.nn.Module, student: torch.nn.Module) -> dict:
    torch.manual_seed(9)
    data = model.data_preprocessor(toy_batch(50, 51), True)
    model.parse_losses(model(**data, mode='loss'))[0].backward()
    return {name: weight.grad.clone() for name, weight in student.named_parameters()}


def same(left: dict, right: dict) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


def test_without_pairs_the_distiller_is_the_bare_student_bit_for_bit():
    torch.manual_seed(0)
    bare = ToyStudent()
    wrapped = build()
    bare_log, wrapped_log = train(bare, 20), train(wrapped, 20)
    for left, right in zip(bare_log, wrapped_log):
        assert list(left) == list(right)
        assert all(torch.equal(left[key], right[key]) for key in left)
    assert same(hashed(bare), hashed(wrapped.student))
    assert same(gradients(bare, bare), gradients(wrapped, wrapped.student))


def test_a_teacher_without_pairs_changes_nothing_either():
    torch.manual_seed(0)
    bare = ToyStudent()
    torch.manual_seed(0)
    wrapped = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()))
    assert same_logs(train(bare, 3), train(wrapped, 3))


def same_logs(left: list[dict], right: list[dict]) -> bool:
    return all(same(one, other) for one, other in zip(left, right))


def test_a_pair_of_weight_zero_leaves_losses_dropout_and_updates_of_the_student_alone():
    torch.manual_seed(0)
    bare = ToyStudent(dropout=0.5)
    wrapped = build({name: {**pair, 'weight': 0.0} for name, pair in all_pairs().items()}, dropout=0.5)
    bare_log, wrapped_log = train(bare, 10), train(wrapped, 10)
    for left, right in zip(bare_log, wrapped_log):
        assert all(torch.equal(left[key], right[key]) for key in left)
    assert same(hashed(bare), hashed(wrapped.student))


@pytest.mark.parametrize('pairs', [dict(feature=feature_pair()), all_pairs()], ids=['one', 'three'])
def test_a_pair_leaves_initial_weights_and_random_numbers_as_they_were(pairs):
    torch.manual_seed(0)
    bare = ToyStudent()
    bare.init_weights()
    after_bare = torch.rand(4)
    wrapped = build(pairs)
    wrapped.init_weights()
    assert torch.equal(after_bare, torch.rand(4))
    assert same(hashed(bare), hashed(wrapped.student))


def test_a_step_with_pairs_consumes_the_random_numbers_of_the_bare_step():
    states = []
    for model in (ToyStudent(), build(all_pairs())):
        model.train()
        torch.manual_seed(5)
        model(**model.data_preprocessor(toy_batch(1, 2), True), mode='loss')
        states.append(torch.rand(3))
    assert torch.equal(*states)


def test_connector_weights_depend_on_the_pairs_name_and_not_on_the_other_pairs():
    alone = build(dict(feature=feature_pair()))
    together = build(dict(another=feature_pair(), feature=feature_pair()))
    assert same(hashed(alone.pairs['feature']), hashed(together.pairs['feature']))
    weights = [together.pairs[name].connector.conv.weight for name in ('another', 'feature')]
    assert not torch.equal(*weights)


def test_doubling_a_weight_changes_total_and_gradient():
    def step(weight: float):
        model = build(dict(feature=feature_pair(weight=weight)), dropout=0.0)
        losses = model(**toy_batch(1, 2), mode='loss')
        total, _ = model.parse_losses(losses)
        total.backward()
        return total.detach(), losses[PREFIX + 'feature'].detach(), model.student.stem.conv.weight.grad
    none, once, twice = step(0.0), step(0.5), step(1.0)
    torch.testing.assert_close(twice[1], 2 * once[1])
    torch.testing.assert_close(twice[0] - none[0], 2 * (once[0] - none[0]))
    torch.testing.assert_close(twice[2] - none[2], 2 * (once[2] - none[2]))
    assert not torch.equal(once[2], none[2])


def test_strength_multiplies_every_pair_and_nothing_else():
    def step(strength: float, **weights: float):
        pairs = {name: feature_pair(weight=weight) for name, weight in weights.items()}
        model = build(pairs, dropout=0.0, strength=strength)
        losses = model(**toy_batch(1, 2), mode='loss')
        model.parse_losses(losses)[0].backward()
        return losses, model.student.stem.conv.weight.grad, model.weights
    (loss, gradient, weights), expected = step(3.0, one=0.5, two=0.25), step(1.0, one=1.5, two=0.75)
    assert weights == dict(one=1.5, two=0.75) == expected[2]
    torch.testing.assert_close(loss, expected[0], rtol=0, atol=0)
    torch.testing.assert_close(gradient, expected[1], rtol=0, atol=0)


@pytest.mark.parametrize('strength', [-1, float('nan'), float('inf'), None, True, '1'])
def test_a_strength_that_is_no_number_is_refused(strength):
    with pytest.raises(ValueError, match='strength is a number from 0 on'):
        build(dict(feature=feature_pair()), strength=strength)


def test_teacher_is_unchanged_after_fifty_steps_and_repeated_train_calls():
    model = build(all_pairs())
    teacher = model.teachers['lidar'].model
    before = hashed(teacher)
    optim = OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1))
    for step in range(50):
        model.train()
        model.train_step(toy_batch(step, step + 1), optim)
    assert any('running_mean' in name for name in before)
    assert same(before, hashed(teacher))
    assert not teacher.training
    assert all(weight.grad is None and not weight.requires_grad for weight in teacher.parameters())


def test_teacher_is_in_no_state_dict_no_parameters_and_no_modules():
    model = build(all_pairs())
    teacher = set(model.teachers['lidar'].model.parameters())
    assert {key.split('.')[0] for key in model.state_dict()} == {'student', 'pairs'}
    assert not teacher & set(model.parameters())
    assert not any(isinstance(module, ToyTeacher) for module in model.modules())


def test_averaged_copy_shares_the_teacher_and_cannot_move_it():
    model = build(all_pairs())
    average = ExponentialMovingAverage(model)
    assert average.module.teachers['lidar'] is model.teachers['lidar']
    assert average.module.student is not model.student
    average.module.to('meta')
    assert model.teachers['lidar'].device.type == 'cpu'
    assert next(average.module.student.parameters()).device.type == 'meta'


def test_half_leaves_the_teachers_dtype_and_to_moves_device_and_preprocessor():
    model = build(all_pairs())
    model.half()
    teacher = model.teachers['lidar'].model
    assert {weight.dtype for weight in teacher.parameters()} == {torch.float32}
    assert next(model.student.parameters()).dtype == torch.float16
    model.to('meta')
    assert {value.device.type for value in teacher.state_dict().values()} == {'meta'}
    model = build(all_pairs())
    model.to(device='meta', dtype=torch.float64)
    teacher = model.teachers['lidar'].model
    assert {(weight.device.type, weight.dtype) for weight in teacher.parameters()} == {('meta', torch.float32)}


def test_no_tap_is_held_after_a_step():
    model, seen = build(all_pairs()), []
    original = model.teachers.run

    def watched(*args, **kwargs):
        values = original(*args, **kwargs)
        seen.extend(weakref.ref(value) for value in values.values() if isinstance(value, torch.Tensor))
        return values
    model.teachers.run = watched
    model.student.stem.register_forward_hook(lambda module, args, output: seen.append(weakref.ref(output)))
    losses = model(**toy_batch(1, 2), mode='loss')
    model.parse_losses(losses)[0].backward()
    del losses
    gc.collect()
    assert len(seen) == 2 and all(reference() is None for reference in seen)


def test_teachers_run_only_as_deep_as_the_deepest_tap():
    depth = {}
    for name, pair in dict(first=feature_pair(), head=response_pair()).items():
        model = build(dict(one=pair))
        model(**toy_batch(1), mode='loss')
        depth[name] = model.teachers['lidar'].model.deepest
    assert depth == dict(first=1, head=3)


def test_teachers_run_as_deep_as_a_mask_looks():
    mask = dict(type='OnCells', cell=1.6, mask=dict(type='ActivationMap', tap='lidar.bev_s16'))
    model = build(dict(one=feature_pair(mask=mask)))
    losses = model(**toy_batch(1), mode='loss')
    assert model.teachers['lidar'].model.deepest == 2 and float(losses[PREFIX + 'one']) > 0
    row = next(line for line in model.describe().splitlines() if 'bev_s16' in line)
    assert row.startswith('*'), 'the tap counts as used'


def test_prediction_runs_no_teacher():
    model = build(all_pairs()).eval()
    torch.testing.assert_close(model(**toy_batch(1, 2), mode='predict'),
                               model.student(**model.student.data_preprocessor(toy_batch(1, 2)), mode='predict'))
    assert model.teachers['lidar'].model.deepest == 0
    assert model.val_step(toy_batch(1, 2)) == model(**toy_batch(1, 2), mode='predict')


def test_declared_channels_are_held_against_what_fires():
    model = build(dict(feature=feature_pair()), declared=5)
    with pytest.raises(ValueError, match=r'student: tap bev \(bev, 5 channels.*\(1, 4, 8, 8\).*5 channels declared'):
        model(**toy_batch(1), mode='loss')


def test_a_checkpoint_of_the_bare_student_loads():
    torch.manual_seed(11)
    bare, model = ToyStudent(), build(all_pairs())
    report = model.load_state_dict(bare.state_dict(), strict=False)
    assert same(hashed(bare), hashed(model.student))
    assert not report.unexpected_keys and all(key.startswith('pairs.') for key in report.missing_keys)
    own = copy.deepcopy(model.state_dict())
    build(all_pairs(), seed=1).load_state_dict(own, strict=True)


def test_the_step_is_counted_without_a_runner_and_set_by_one():
    weight = dict(type='LinearWarmup', value=1.0, end=4)
    model = build(dict(feature=feature_pair(weight=weight))).train()
    seen = []
    for _ in range(6):
        model(**toy_batch(1, 2), mode='loss')
        seen.append(model.weights['feature'])
    assert seen == [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    model.set_progress(2)
    model(**toy_batch(1, 2), mode='loss')
    assert model.weights['feature'] == 0.5
    model.eval()
    model(**toy_batch(1, 2), mode='loss')
    model(**toy_batch(1, 2), mode='loss')
    assert model.weights['feature'] == 0.75


def test_autocast_of_the_student_reaches_neither_teacher_nor_losses():
    model = build(dict(feature=feature_pair()), dropout=0.0)
    seen = {}
    teacher = model.teachers['lidar']
    original, pair = teacher._adapter.run, model.pairs['feature'].loss
    teacher._adapter.run = lambda *args: seen.setdefault('teacher', original(*args))
    pair.register_forward_pre_hook(lambda module, args: seen.update(loss=args[0].dtype))
    model.student.stem.register_forward_hook(lambda module, args, output: seen.update(student=output.dtype))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        model(**toy_batch(1, 2), mode='loss')
    assert (seen['student'], seen['loss']) == (torch.bfloat16, torch.float32)
    assert seen['teacher']['bev_s8'].dtype == torch.float32


def test_describe_names_everything():
    text = build(all_pairs()).describe()
    for word in ('ToyStudent', 'lidar', 'lidar.bev_s16', '8x8 at 0.8 m', 'DistillAdaptor', 'CenterHeadResponse',
                 'IntensityMap(log, max, floor 0)', 'response'):
        assert word in text
    assert 'no pairs' in build().describe()


def test_nothing_records_when_no_step_is_running():
    model = build(all_pairs())
    model(**toy_batch(1), mode='loss')
    value = torch.ones(2)
    assert tap('bev', value) is value


def test_shares_of_pairs_that_are_left_out_are_left_out_too():
    pairs = dict(one=feature_pair(), two=None)
    balance = dict(type='GradientNormBalance', shares=dict(one=0.2, two=0.3))
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs, balance=balance)
    assert model.balance.shares == dict(one=0.2) and balance['shares'] == dict(one=0.2, two=0.3)
    assert torch.isfinite(model(**toy_batch(1, 2), mode='loss')['loss_distill.one'])
    with pytest.raises(ValueError, match='no pairs two; there are: one'):
        Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()),
                  balance=balance)
