"""Which checkpoints a model takes, by the way that training and testing load them."""

import pytest
import torch
from torch import nn

from perception_kd.distill import Distiller
from perception_kd.engine.hooks.weight_check import WeightCheckHook
from perception_kd.engine.runner import BriefRunner
from tests.distill.toys import ToyStudent, feature_pair, toy_teacher


def load(folder, model: nn.Module, checkpoint: dict, *, strict: bool) -> nn.Module:
    """``model`` with the weights of a file, by a Runner."""
    folder.mkdir(exist_ok=True)
    torch.save(checkpoint, folder / 'weights.pth')
    runner = BriefRunner(model=model, work_dir=str(folder), load_from=str(folder / 'weights.pth'),
                         experiment_name=f'load-{folder.name}', log_level='ERROR', default_scope='perception_kd')
    runner.register_hook(WeightCheckHook(strict=strict))
    runner.load_or_resume()
    return model


def bare_student() -> dict[str, torch.Tensor]:
    torch.manual_seed(4)
    return ToyStudent().state_dict()


@pytest.mark.parametrize('prefix', ['', 'module.', 'student.', 'module.student.'])
@pytest.mark.parametrize('wrapped', [True, False], ids=['state_dict', 'bare'])
def test_a_distiller_is_tested_with_the_weights_of_its_student(tmp_path, prefix, wrapped):
    weights = bare_student()
    named = {prefix + name: value for name, value in weights.items()}
    model = load(tmp_path, Distiller(student=ToyStudent()), dict(state_dict=named) if wrapped else named, strict=True)
    assert all(torch.equal(value, weights[name]) for name, value in model.student.state_dict().items())


@pytest.mark.parametrize('strict', [True, False])
def test_a_student_goes_on_from_its_distillation(tmp_path, strict):
    weights = bare_student()
    distiller = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    distiller.student.load_state_dict(weights)
    model = load(tmp_path, ToyStudent(), dict(state_dict=distiller.state_dict()), strict=strict)
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())


def test_a_distiller_is_trained_from_a_student(tmp_path):
    weights = bare_student()
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    pairs = {name: value.clone() for name, value in model.pairs.state_dict().items()}
    load(tmp_path, model, dict(state_dict=weights), strict=False)
    assert pairs
    assert all(torch.equal(value, weights[name]) for name, value in model.student.state_dict().items())
    assert all(torch.equal(value, pairs[name]) for name, value in model.pairs.state_dict().items())


def test_what_lacks_weights_is_refused_in_testing_only(tmp_path):
    weights = bare_student()
    weights.pop('head.reg.bias')
    with pytest.raises(ValueError, match=r'does not fit the model of the config: .*1 missing \(student\.head\.reg'):
        load(tmp_path / 'a', Distiller(student=ToyStudent()), weights, strict=True)
    load(tmp_path / 'b', Distiller(student=ToyStudent()), weights, strict=False)
    for strict in (True, False):
        with pytest.raises(ValueError, match='0 matched'):
            load(tmp_path / f'c{strict}', Distiller(student=ToyStudent()), dict(other=torch.ones(2)), strict=strict)
