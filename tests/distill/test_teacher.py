"""Frozen weights, strict loading, declared functions."""

import copy

import pytest
import torch
from torch import nn

from perception_kd.distill import FrozenTeacher, TeacherGroup
from perception_kd.distill.weights import compare_weights, load_strictly
from tests.distill.toys import ToyAdapter, ToyStudent, ToyTeacher, toy_batch, toy_teacher


def teacher(**kwargs) -> FrozenTeacher:
    return FrozenTeacher(**toy_teacher(**kwargs))


def run(frozen: FrozenTeacher, *taps: str) -> dict:
    return frozen.run(**toy_batch(1, 2), taps=taps)


def test_outputs_are_detached_of_eval_mode_and_usable_in_a_loss():
    frozen = teacher()
    frozen.model.train()
    first, second = run(frozen, 'bev_s8')['bev_s8'], run(frozen, 'bev_s8')['bev_s8']
    assert torch.equal(first, second) and not frozen.model.training
    assert not first.requires_grad and not first.is_inference()
    weight = torch.ones(1, requires_grad=True)
    (weight * first).sum().backward()
    torch.testing.assert_close(weight.grad, first.sum()[None])


def test_an_input_can_be_read_under_another_name():
    inputs, data_samples = toy_batch(1, 2).values()
    black = [torch.zeros_like(one) for one in inputs['img']]
    plain, renamed = teacher(), teacher(renamed=dict(img='clean_img'))
    clean = plain.run(inputs, data_samples, ['bev_s8'])['bev_s8']
    found = renamed.run({**inputs, 'img': black, 'clean_img': inputs['img']}, data_samples, ['bev_s8'])['bev_s8']
    assert torch.equal(found, clean)
    assert not torch.equal(plain.run({**inputs, 'img': black}, data_samples, ['bev_s8'])['bev_s8'], clean)
    with pytest.raises(ValueError, match='reads clean_img, which the pipeline does not give'):
        renamed.run(inputs, data_samples, ['bev_s8'])


def test_no_weights_is_an_error_unless_random_ones_are_asked_for():
    with pytest.raises(ValueError, match="teacher 'lidar' has no checkpoint"):
        FrozenTeacher(model=ToyTeacher(), adapter=None, name='lidar')


def test_a_checkpoint_is_loaded_strictly_and_reported(tmp_path):
    source, path = ToyTeacher(), tmp_path / 'teacher.pth'
    torch.save(dict(state_dict=source.state_dict()), path)
    model = ToyTeacher()
    frozen = FrozenTeacher(model=model, adapter=ToyAdapter(model), checkpoint=path)
    assert torch.equal(model.first[0].weight, source.first[0].weight)
    assert len(frozen.report.matched) == len(source.state_dict()) and not frozen.report.problems
    assert f'{len(source.state_dict())} matched' in str(frozen)


def test_part_of_a_checkpoint_can_be_named_by_prefix(tmp_path):
    source, path = ToyTeacher(), tmp_path / 'run.pth'
    state = {f'student.{key}': value for key, value in source.state_dict().items()}
    torch.save(dict(state_dict={**state, 'pairs.a.weight': torch.ones(1)}), path)
    model = ToyTeacher()
    FrozenTeacher(model=model, adapter=ToyAdapter(model), checkpoint=path, prefix='student.')
    assert torch.equal(model.first[0].weight, source.first[0].weight)


def test_a_missing_file_and_a_wrong_dtype_name_the_problem(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'nothing\.pth'):
        FrozenTeacher(model=ToyTeacher(), adapter=None, checkpoint=tmp_path / 'nothing.pth')
    with pytest.raises(ValueError, match='dtype is one of'):
        teacher(dtype='int8')


class Evil:
    def __reduce__(self):
        return print, ('ran code',)


def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, capsys):
    torch.save(dict(state_dict=ToyTeacher().state_dict(), extra=Evil()), tmp_path / 'evil.pth')
    with pytest.raises(ValueError):
        FrozenTeacher(model=ToyTeacher(), adapter=None, checkpoint=tmp_path / 'evil.pth')
    assert 'ran code' not in capsys.readouterr().out


def changed_state() -> dict:
    state = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Linear(2, 2), nn.Linear(2, 5)).state_dict()
    state['0.weight'] = state['0.weight'].permute(1, 0, 2, 3)
    state['9.extra'] = torch.ones(1)
    state['2.bias'] = torch.ones(7)
    del state['1.bias']
    return state


def test_every_key_is_accounted_for():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Linear(2, 2), nn.Linear(2, 5))
    report = compare_weights(model, changed_state())
    assert report.matched == ('0.bias', '1.weight', '2.weight')
    assert report.problems == dict(missing=('1.bias',), unexpected=('9.extra',), transposed=('0.weight',),
                                   misshapen=('2.bias',))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"lidar.*1 missing \(1\.bias\).*1 unexpected.*1 transposed \(0\.weight\)"):
        load_strictly(model, changed_state(), who='lidar')
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_listed_exceptions_excuse_and_the_rest_is_loaded():
    model = nn.Sequential(nn.Conv2d(2, 3, 1), nn.Linear(2, 2), nn.Linear(2, 5))
    state = changed_state()
    report = load_strictly(model, state, exceptions=['0.weight', '1.b*', '2.*', '9.*'])
    assert set(report.excused) == {'0.weight', '1.bias', '2.bias', '9.extra'}
    assert torch.equal(model[1].weight, state['1.weight'])


def test_a_checkpoint_of_which_nothing_fits_is_refused():
    with pytest.raises(ValueError, match='no key of the checkpoint fits'):
        load_strictly(nn.Linear(2, 2), dict(other=torch.ones(1)), exceptions=['*'])


def test_functions_have_frozen_weights_and_gradient_to_their_inputs():
    group = TeacherGroup.build(dict(lidar=toy_teacher()))
    value = torch.randn(1, 6, 8, 8, requires_grad=True)
    group.function('lidar.head')(value)[0][0]['heatmap'].sum().backward()
    assert value.grad.abs().sum() > 0
    assert all(weight.grad is None for weight in group['lidar'].model.parameters())
    with pytest.raises(ValueError, match=r"no teacher declares a function 'lidar.neck'; declared: lidar.head"):
        group.function('lidar.neck')


def test_a_teacher_has_its_own_autocast_state():
    half, full = teacher(dtype='bfloat16'), teacher()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert run(full, 'bev_s8')['bev_s8'].dtype == torch.float32
    seen = []
    half.model.first[0].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    run(half, 'bev_s8')
    half.model.train()
    half.functions()['head'](torch.randn(1, 6, 8, 8))
    assert seen == [torch.bfloat16] and not half.model.training
    assert {weight.dtype for weight in half.model.parameters()} == {torch.float32}


def test_a_teacher_can_take_the_precision_of_the_training():
    frozen, seen = teacher(dtype='amp'), []
    frozen.model.first[0].register_forward_hook(lambda module, args, output: seen.append(output.dtype))
    run(frozen, 'bev_s8')
    with torch.autocast('cpu', dtype=torch.bfloat16):
        run(frozen, 'bev_s8')
    assert seen == [torch.float32, torch.bfloat16]


def test_an_adapter_that_delivers_too_little_or_the_wrong_shape_is_named():
    frozen = teacher()
    frozen._adapter.run = lambda *args: {}
    with pytest.raises(ValueError, match="teacher 'teacher': its adapter did not deliver tap 'bev_s8'"):
        run(frozen, 'bev_s8')
    frozen._adapter.run = lambda *args: dict(bev_s8=torch.ones(1, 6, 4, 4))
    with pytest.raises(ValueError, match=r"teacher 'teacher': tap bev_s8 .*\(1, 6, 4, 4\): grid \(8, 8\) declared"):
        run(frozen, 'bev_s8')


def test_one_of_our_own_models_teaches_by_its_marks():
    torch.manual_seed(0)
    model = ToyStudent()
    frozen = FrozenTeacher(model=model, allow_random=True)
    taps = run(frozen, 'bev', 'head')
    data = model.data_preprocessor(toy_batch(1, 2))
    torch.testing.assert_close(taps['bev'], model.stem(data['inputs']))
    assert taps['head'][0][0]['heatmap'].shape == (2, 2, 8, 8)


class LabelTeacher:
    """Teaches the number of boxes; has no weights at all."""

    def tap_specs(self):
        return {'count': ToyAdapter(ToyTeacher()).tap_specs()['bev_s8']}

    def run(self, inputs, data_samples, taps):
        return {'count': torch.tensor([len(sample.gt_instances_3d) for sample in data_samples])}


def test_any_object_with_taps_can_teach_and_gets_the_labels():
    group = TeacherGroup.build(dict(labels=LabelTeacher(), lidar=toy_teacher()))
    values = group.run(**toy_batch(1, 2, 3), taps={'labels.count', 'lidar.bev_s8'})
    assert values['labels.count'].tolist() == [1, 2, 3]
    assert set(values) == {'labels.count', 'lidar.bev_s8'}
    group.to('meta')
    assert group['lidar'].device.type == 'meta'


def test_a_teachers_name_must_be_a_plain_word():
    with pytest.raises(ValueError, match=r'plain word.*li\.dar'):
        TeacherGroup.build({'li.dar': toy_teacher()})


def test_teachers_get_their_own_copy_of_the_inputs():
    batch = toy_batch(1)

    class Greedy(LabelTeacher):
        def run(self, inputs, data_samples, taps):
            inputs.clear()
            data_samples.clear()
            return dict(count=torch.zeros(1))
    TeacherGroup.build(dict(labels=Greedy())).run(**batch, taps={'labels.count'})
    assert batch['inputs'] and batch['data_samples']
