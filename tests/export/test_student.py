"""The deployed file holds the student and nothing else, bit for bit."""

import pytest
import torch
from mmengine.config import Config

from perception_kd.distill import Distiller
from perception_kd.export import export_student, student_weights, without_teachers
from perception_kd.registry import MODELS
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher


@pytest.fixture(autouse=True)
def registered():
    MODELS.register_module(name='ToyStudent', module=ToyStudent, force=True)
    yield
    MODELS.module_dict.pop('ToyStudent')


def config(**student) -> Config:
    return Config(dict(model=dict(type='Distiller', student=dict(type='ToyStudent', **student),
                                  teachers=dict(lidar=dict(model=dict(type='ToyTeacher'))),
                                  pairs=dict(one=feature_pair()))))


@pytest.fixture
def trained(tmp_path):
    """A distiller and the file of its checkpoint."""
    torch.manual_seed(0)
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'run.pth')
    return model, tmp_path / 'run.pth'


def test_the_export_predicts_what_the_distiller_predicts(trained, tmp_path):
    model, checkpoint = trained
    count = export_student(config(), checkpoint, tmp_path / 'student.pth')
    content = torch.load(tmp_path / 'student.pth', weights_only=True)
    assert set(content['state_dict']) == set(model.student.state_dict())
    assert count == sum(weight.numel() for weight in model.student.parameters())
    assert 'ToyStudent' in content['meta']['model'] and 'ToyTeacher' not in content['meta']['model']
    deployed = ToyStudent().eval()
    deployed.load_state_dict(content['state_dict'])
    assert deployed.val_step(toy_batch(1, 2)) == model.eval().val_step(toy_batch(1, 2))


def test_a_checkpoint_of_a_bare_student_exports_as_it_is(tmp_path):
    torch.save(ToyStudent().state_dict(), tmp_path / 'bare.pth')
    bare = Config(dict(model=dict(type='ToyStudent')))
    export_student(bare, tmp_path / 'bare.pth', tmp_path / 'out.pth')
    assert student_weights(tmp_path / 'out.pth').keys() == ToyStudent().state_dict().keys()


def test_a_checkpoint_that_does_not_fit_writes_nothing(trained, tmp_path):
    with pytest.raises(ValueError, match=r'does not fit.*misshapen'):
        export_student(config(channels=5), trained[1], tmp_path / 'student.pth')
    with pytest.raises(FileNotFoundError):
        export_student(config(), tmp_path / 'none.pth', tmp_path / 'student.pth')
    assert not (tmp_path / 'student.pth').exists()


def test_a_file_that_differs_from_its_source_fails_the_export(trained, tmp_path, monkeypatch):
    import perception_kd.export.student as export

    def careless(path, checkpoint):
        torch.save({**checkpoint, 'state_dict': {key: value * 2 for key, value in checkpoint['state_dict'].items()}},
                   path)
    monkeypatch.setattr(export, 'write_checkpoint', careless)
    (tmp_path / 'student.pth').write_text('an earlier export')
    with pytest.raises(ValueError, match='differs from its source in'):
        export_student(config(), trained[1], tmp_path / 'student.pth')
    assert (tmp_path / 'student.pth').read_text() == 'an earlier export'


def test_testing_a_distillers_config_needs_no_teacher(trained):
    cfg = config()
    lean = without_teachers(cfg)
    assert 'teachers' in cfg.model and set(lean.model) == {'type', 'student'}
    model = MODELS.build(lean.model)
    model.load_state_dict(student_weights(trained[1]), strict=True)
    assert model.eval().val_step(toy_batch(3)) == trained[0].eval().val_step(toy_batch(3))
    bare = Config(dict(model=dict(type='ToyStudent')))
    assert without_teachers(bare).model == bare.model
