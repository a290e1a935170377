"""The deployed file holds the student and nothing else, bit for bit."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import OptimWrapper

from perception_kd.benchmark.synthetic import BatchShape, drive, make_batch
from perception_kd.distill import Distiller
from perception_kd.engine.foreign_checkpoint import load_model_file, load_weights
from perception_kd.engine.hooks import StudentEMAHook
from perception_kd.export import export_student, student_weights, without_teachers
from perception_kd.export.student import load_student
from perception_kd.registry import MODELS
from tests.benchmark.test_models import config as benchmark_config
from tests.benchmark.test_models import distiller, temporal
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher


@pytest.fixture(autouse=True)
def registered():
    for student in (ToyStudent, NamedStudent):
        MODELS.register_module(module=student, force=True)
    yield
    for student in (ToyStudent, NamedStudent):
        MODELS.module_dict.pop(student.__name__)


class NamedStudent(ToyStudent):
    """Knows its classes."""

    def __init__(self, *, classes: list[str]) -> None:
        super().__init__()
        self.class_names = [classes]


def config(**student) -> Config:
    return Config(dict(model=dict(type='Distiller', student={'type': 'ToyStudent', **student},
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


def test_classes_are_checked_and_kept(trained, tmp_path):
    content = torch.load(trained[1], weights_only=True)
    torch.save({**content, 'meta': dict(dataset_meta=dict(classes=('car', 'bus')))}, tmp_path / 'named.pth')
    other, same = (config(type='NamedStudent', classes=names) for names in (['bus', 'car'], ['car', 'bus']))
    for take in (load_student, partial(export_student, out=tmp_path / 'out.pth')):
        with pytest.raises(ValueError, match=r'named\.pth: the checkpoint was trained on the classes car, bus'):
            take(other, tmp_path / 'named.pth')
    assert not (tmp_path / 'out.pth').exists()
    export_student(same, tmp_path / 'named.pth', tmp_path / 'out.pth')
    assert load_model_file(tmp_path / 'out.pth').origin.classes == ('car', 'bus')


def test_a_checkpoint_that_does_not_fit_writes_nothing(trained, tmp_path):
    with pytest.raises(ValueError, match=r'does not fit.*misshapen'):
        export_student(config(channels=5), trained[1], tmp_path / 'student.pth')
    with pytest.raises(FileNotFoundError):
        export_student(config(), tmp_path / 'none.pth', tmp_path / 'student.pth')
    for export in (export_student, lambda cfg, path, out: load_student(cfg, path)):
        with pytest.raises(ValueError, match=r'cannot be built: TypeError: .*foo'):
            export(config(foo=1), trained[1], tmp_path / 'student.pth')
        with pytest.raises(ValueError, match="model is a dictionary of settings; got 'abc'"):
            export(Config(dict(model='abc')), trained[1], tmp_path / 'student.pth')
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
    cfg.model.balance = dict(type='GradientNormBalance', shares=dict(one=0.2))
    lean = without_teachers(cfg)
    assert 'teachers' in cfg.model and set(lean.model) == {'type', 'student'}
    model = MODELS.build(lean.model)
    model.load_state_dict(student_weights(trained[1]), strict=True)
    assert model.eval().val_step(toy_batch(3)) == trained[0].eval().val_step(toy_batch(3))
    bare = Config(dict(model=dict(type='ToyStudent')))
    assert without_teachers(bare).model == bare.model


def test_an_averaged_student_with_past_frames_predicts_the_same_from_either_file(tmp_path):
    """What ``tools/test.py`` does with the distiller's checkpoint and with the exported file, frame by frame too."""
    cfg = benchmark_config(past_frames=(1, 2), model=dict(
        distiller(), student=dict(temporal(), streaming=(1, 2))))
    cfg.model.teachers.lidar.allow_random = True
    shape = BatchShape.of(cfg, training=True)
    torch.manual_seed(1)
    model = MODELS.build(cfg.model)
    runner = SimpleNamespace(model=model, optim_wrapper=OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.01)))
    hook = StudentEMAHook(gamma=1.0)
    hook.before_train(runner)
    for seed in range(3):
        outputs = model.train().train_step(make_batch(shape, batch=2, seed=seed), runner.optim_wrapper)
        hook.after_train_iter(runner, seed, outputs=outputs)
    checkpoint = dict(state_dict={name: value.clone() for name, value in model.state_dict().items()}, meta={})
    own = checkpoint['state_dict']['student.trunk.ups.0.conv.weight']
    hook.before_save_checkpoint(runner, checkpoint)
    assert not torch.equal(own, checkpoint['state_dict']['student.trunk.ups.0.conv.weight'])
    torch.save(checkpoint, tmp_path / 'run.pth')
    export_student(cfg, tmp_path / 'run.pth', tmp_path / 'student.pth')
    found = [_predictions(cfg, load_weights(tmp_path / name), shape) for name in ('run.pth', 'student.pth')]
    assert len(found[0]) == 5 and sum(len(boxes) for boxes, _ in found[0]) > 0
    for one, other in zip(*found):
        assert all(map(torch.equal, one, other))


def _predictions(cfg, weights, shape):
    """Boxes and scores of a drive from memories, then of a batch with its past frames."""
    found = []
    for memory in (True, False):
        lean = without_teachers(cfg)
        if not memory:
            lean.model.student.pop('streaming')
        model = MODELS.build(lean.model)
        wanted = {name: value for name, value in weights.items() if not name.startswith('pairs.')}
        model.load_state_dict(wanted, strict=True)
        for batch in drive(shape, 4) if memory else [make_batch(shape, seed=9)]:
            with torch.no_grad():
                result = model.eval().test_step(batch)[0].pred_instances_3d
            found.append((result.bboxes_3d.tensor, result.scores_3d))
    return found


def test_half_rounds_matrices_only_and_loads_as_float32(trained, tmp_path):
    model, checkpoint = trained
    export_student(config(), checkpoint, tmp_path / 'half.pth', half=True)
    content = torch.load(tmp_path / 'half.pth', weights_only=True)['state_dict']
    kinds = {value.dtype for value in content.values() if value.ndim > 1}
    assert kinds == {torch.float16}
    assert torch.float16 not in {value.dtype for value in content.values() if value.ndim < 2}
    deployed = load_student(config(), tmp_path / 'half.pth').state_dict()
    for name, value in model.student.state_dict().items():
        assert deployed[name].dtype == value.dtype
        assert torch.allclose(deployed[name], value, rtol=2 ** -11, atol=3e-8)
        assert value.ndim > 1 or torch.equal(deployed[name], value)


def test_half_refuses_what_float16_cannot_hold(tmp_path):
    student = ToyStudent()
    with torch.no_grad():
        next(weight for weight in student.parameters() if weight.ndim > 1).fill_(1e5)
    torch.save(student.state_dict(), tmp_path / 'large.pth')
    bare = Config(dict(model=dict(type='ToyStudent')))
    with pytest.raises(ValueError, match='beyond 65504'):
        export_student(bare, tmp_path / 'large.pth', tmp_path / 'out.pth', half=True)
    assert not (tmp_path / 'out.pth').exists()
    export_student(bare, tmp_path / 'large.pth', tmp_path / 'out.pth')
