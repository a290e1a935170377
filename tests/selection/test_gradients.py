"""Gradients of candidates are those of a distiller with that teacher alone; which pairs and weights take part."""

import copy
import json
from functools import partial
from pathlib import Path

import pytest
import torch
from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from perception_kd.distill import Distiller
from perception_kd.engine.build import load_config
from perception_kd.registry import MODELS, TEACHER_ADAPTERS
from perception_kd.selection.candidates import Candidate, build_field
from perception_kd.selection.gradients import choose_parameters, sample_gradients
from perception_kd.selection.job import SelectionSettings, select_teacher
from perception_kd.selection.projection import SignProjection
from tests.distill.toys import ToyAdapter, ToyStudent, ToyTeacher, response_pair, toy_batch, toy_sample
from tests.smoke.conftest import OPTIONS
from tests.smoke.test_command_lines import run

CONFIG = """
default_scope = 'perception_kd'
response = dict(student='head', teacher='lidar.head', weight=dict(type='LinearWarmup', value=2.0, end=50),
                loss=dict(type='CenterHeadResponse', branches=dict(reg=1.0)))
feature = dict(student='bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'), loss=dict(type='MSE'))
silent = dict(response, weight=0)
model = dict(type='Distiller', student=dict(type='ToyStudent', dropout=0.0), pairs=dict(
    response=response, feature=feature, silent=silent), teachers=dict(lidar=dict(
        type='FrozenTeacher', model=dict(type='ToyTeacher'), adapter=dict(type='ToyAdapter'), checkpoint=None)))
train_dataloader = dict(batch_size=2, dataset=dict(type='ToyFrames'))
"""


class ToyFrames(Dataset):
    """Eight toy samples."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict:
        inputs, sample = toy_sample(index, boxes=index % 4)
        return dict(inputs=inputs, data_samples=sample)


KINDS = ((MODELS, ToyStudent), (MODELS, ToyTeacher), (TEACHER_ADAPTERS, ToyAdapter), (DATASETS, ToyFrames))


@pytest.fixture(autouse=True)
def registered():
    for registry, kind in KINDS:
        registry.register_module(module=kind, force=True)
    yield
    for registry, kind in KINDS:
        registry.module_dict.pop(kind.__name__)


@pytest.fixture
def files(tmp_path) -> dict[str, str]:
    """Config and two teachers of random weights."""
    (tmp_path / 'config.py').write_text(CONFIG)
    for seed, name in enumerate(('one', 'two')):
        torch.manual_seed(seed)
        torch.save(ToyTeacher().state_dict(), tmp_path / f'{name}.pth')
    return {name: str(tmp_path / f'{name}.pth') for name in ('one', 'two')} | dict(config=str(tmp_path / 'config.py'))


def candidates(files: dict) -> list[Candidate]:
    return [Candidate(name, files[name]) for name in ('one', 'two')]


def test_they_are_those_of_a_distiller_with_that_teacher_alone(files):
    field = build_field(files['config'], candidates(files))
    student = copy.deepcopy(field.model.student)
    parameters = choose_parameters(field.model.student, ['head.*'])
    assert list(parameters) == ['head.heatmap.weight', 'head.heatmap.bias', 'head.reg.weight', 'head.reg.bias']
    project = SignProjection(sizes=[weight.numel() for weight in parameters.values()], dimension=6)
    before = copy.deepcopy(field.model.state_dict())
    found = sample_gradients(field, ToyFrames(), [5, 3], views=2, parameters=parameters, projection=project)
    assert all(torch.equal(value, before[name]) for name, value in field.model.state_dict().items())
    for name in ('one', 'two'):
        assert found[name].shape == (2, 2, 6) and torch.equal(found[name][:, 0], found[name][:, 1])
        teacher = ToyTeacher()
        teacher.load_state_dict(torch.load(files[name], weights_only=True))
        lidar = dict(model=teacher, adapter=ToyAdapter(teacher), allow_random=True)
        alone = Distiller(student=copy.deepcopy(student), teachers=dict(lidar=lidar), pairs=dict(
            response=response_pair(weight=2.0))).train()
        for row, index in enumerate((5, 3)):
            alone.zero_grad()
            data = alone.data_preprocessor(toy_batch(index), True)
            alone(**data, mode='loss')['loss_distill.response'].backward()
            wanted = project([weight.grad for weight in alone.student.head.parameters()])
            assert torch.allclose(found[name][row, 0], wanted, rtol=1e-4, atol=1e-7)


def test_pairs_with_untrained_weights_take_part_only_by_name(files):
    field = build_field(files['config'], candidates(files))
    assert field.pairs == dict(one=['one_response'], two=['two_response'])
    assert 'weights of its own' in field.left_out['feature'] and field.left_out['silent'] == 'its weight is 0'
    named = build_field(files['config'], candidates(files), chosen=['feature'])
    assert named.pairs == dict(one=['one_feature'], two=['two_feature'])
    one, two = (named.model.pairs[f'{name}_feature'].state_dict() for name in ('one', 'two'))
    assert all(torch.equal(one[key], two[key]) for key in one), 'the same random connector for all'


def test_what_masks_read_by_default_belongs_to_the_candidate_too(files):
    text = CONFIG.replace("response = dict(", "response = dict(mask=dict(type='AgreementGate'), ")
    Path(files['config']).write_text(text)
    field = build_field(files['config'], candidates(files))
    assert field.model.pairs['two_response'].teacher_taps == {'two.head'}


def test_a_ranking_with_settings_of_a_candidate(files, tmp_path):
    torch.save(ToyStudent().state_dict(), tmp_path / 'student.pth')
    teachers = [*candidates(files), Candidate('twin', files['one']),
                Candidate('heat', files['one'], options={'model.pairs.response.loss.box_weight': 0.0})]
    settings = SelectionSettings(samples=6, views=1, splits=3, parameters=('stem.*', 'head.*'), dimension=4)
    rank = partial(select_teacher, files['config'], teachers, settings=settings, echo=lambda line: None)
    result = rank(metrics=dict(two=0.5), student=str(tmp_path / 'student.pth'))
    rows = {row['name']: row for row in result['rows']}
    assert rows['one']['score'] == rows['twin']['score'] != rows['heat']['score']
    assert rows['two']['metric'] == 0.5 and rows['one']['metric'] is None
    assert rank()['rows'] != result['rows'], 'it matters where the student begins'
    json.dumps(result)


@pytest.mark.parametrize(('change', 'said'), [
    (dict(slot='radar'), "has no teacher 'radar'; it has lidar"), (dict(pairs=['x']), "no pair 'x' of this teacher"),
    (dict(settings=SelectionSettings(samples=9, splits=3, parameters=('head.*',))), 'the training split has 8'),
    (dict(settings=SelectionSettings(samples=8, splits=3)), r"'trunk\.\*'; its parts are stem\.\*, head\.\*"),
    (dict(metrics=dict(three=1.0)), "metric for 'three', but the teachers are one, two"),
    (dict(pairs=['silent']), 'no pair to compare teachers by'),
])
def test_bad_requests(files, change, said):
    with pytest.raises(ValueError, match=said):
        select_teacher(files['config'], candidates(files), echo=lambda line: None, **change)


def test_words_of_the_command_line():
    assert Candidate.of('a', 'x/t.pth@configs/big.py') == Candidate('a', 'x/t.pth', 'configs/big.py')
    assert Candidate.of('a', 'me@home/t.pth') == Candidate('a', 'me@home/t.pth')


def test_the_command_line_on_detectors(tiny_root, tmp_path):
    from mmengine.registry import init_default_scope

    init_default_scope('perception_kd')
    teacher = load_config('configs/demo/sim_teacher.py').model
    for name in ('a', 'b'):
        torch.save(dict(state_dict=MODELS.build(teacher).state_dict()), tmp_path / f'{name}.pth')
    line = ['configs/demo/sim_imkd.py', '--teacher', f'a={tmp_path}/a.pth', '--teacher',
            f'b={tmp_path}/b.pth@configs/demo/sim_teacher.py', '--samples', '3', '--views', '1', '--splits', '3',
            '--metric', 'a=0.1', '--json', f'{tmp_path}/out.json']
    assert run('select_teacher', [*line, '--cfg-options', f'data_root={tiny_root}', *OPTIONS]) == (0, [])
    result = json.loads((tmp_path / 'out.json').read_text())
    assert {row['name'] for row in result['rows']} == {'a', 'b'} and set(result['left_out']) == {
        'lidar_to_radar', 'lidar_to_fused'}
    assert all(row['score'] > 0 for row in result['rows'])
    status, lines = run('select_teacher', [*line, '--options', 'c', 'x=1'])
    assert status == 1 and "--options for 'c', but the teachers are a, b" in lines[0]
