"""IMKD on a real student with a LiDAR, a label and a measuring teacher: a step, a deployed file, predictions."""

from __future__ import annotations

import pytest
import torch

from perception_kd.distill import Distiller
from perception_kd.distill.gradients import GradientProbe
from perception_kd.engine.compiled import compile_modules
from perception_kd.export import student_weights
from perception_kd.registry import MODELS
from tests.distill.test_imkd import CONFIG, LABELDISTILL, OPTIONAL, WORLD, load_config
from tests.models.det3d.worlds import NORM, TASKS, collate, sample, student_cfg

RANGE = [-6.4, -6.4, -5.0, 6.4, 6.4, 3.0]
TEACHER = dict(type='PillarCenterPoint', point_cloud_range=RANGE, pillar=0.4, tasks=TASKS, pillar_channels=8,
               stage_channels=[8, 12], stage_layers=[1, 1], stage_strides=[2, 2], neck_channels=8,
               head=dict(shared_channels=8, head_channels=8))
LABELS = dict(type='LabelEncoder', point_cloud_range=RANGE, tasks=TASKS, stage_cells=[0.8, 1.6],
              stage_channels=[8, 12], width=8)
OPTIONS = {
    **WORLD, 'point_cloud_range': RANGE, 'teacher': TEACHER,
    'student': student_cfg(point_cloud_range=RANGE, cell=0.8,
                           trunk=dict(type='BEVTrunk', channels=[12, 16], blocks=[1, 1], up_channels=8, norm_cfg=NORM)),
    'label_teacher': dict(type='FrozenTeacher', model=LABELS, adapter=dict(type='LabelEncoderAdapter'),
                          allow_random=True),
    'distiller.teachers.lidar.allow_random': True}


def build(**options) -> Distiller:
    torch.manual_seed(0)
    model = MODELS.build(load_config(CONFIG, {**OPTIONS, **options}).distiller)
    model.set_progress(100, 8.5)
    return model.train()


def step(model: Distiller, **world) -> dict[str, torch.Tensor]:
    losses = model(**collate(sample(seed=1, place=RANGE, **world), sample(seed=2, place=RANGE, **world)), mode='loss')
    model.parse_losses(losses)[0].backward()
    for name, weight in model.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), name
    assert all(torch.isfinite(value) for value in losses.values())
    return losses


@pytest.fixture(scope='module')
def model() -> Distiller:
    return build(**{f'imkd_pairs.{name}': f'${{optional_pairs.{name}}}' for name in OPTIONAL})


def test_a_step_of_all_pairs_moves_the_student_and_no_teacher(model):
    def buffers() -> dict[str, torch.Tensor]:
        return {f'{who}.{name}': value.clone() for who in ('lidar', 'label')
                for name, value in model.teachers[who].model.state_dict().items()}
    before = buffers()
    losses = step(model)
    assert {name for name in losses if 'distill' in name} == {f'loss_distill.{name}' for name in model.pairs}
    assert len(model.pairs) == 8 and all(losses[f'loss_distill.{name}'] > 0 for name in model.pairs)
    assert all(weight.grad.any() for name, weight in model.named_parameters() if name.endswith('reduce.0.weight'))
    after = buffers()
    assert any('running_mean' in name for name in before)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize('options', [{}, LABELDISTILL], ids=['imkd', 'labeldistill'])
def test_samples_without_boxes_and_radar_give_finite_losses(options):
    model = build(**options)
    step(model, boxes=0, radar=0)
    step(model, boxes=0, radar=0, points=0)


@pytest.mark.parametrize('options', [
    {'imkd_lidar_tap': '${lidar_taps.neck}', 'imkd_fused': '${fused_taps.trunk1}'},
    {'imkd_lidar_tap': '${lidar_taps.dense_bev}', 'imkd_adaptor': '${adaptors.resampled}',
     'imkd_region': '${regions.points}'},
    {'imkd_intensity': '${intensity_maps.teacher_activation}', 'distiller.balance': '${balances.gradient_norm}'}])
def test_other_taps_of_real_teachers(options):
    model = build(**options)
    assert all(value > 0 for name, value in step(model).items() if 'distill' in name)
    if model.balance is not None:
        assert model.balance.measured.all() and (model.balance.factors != 1).all()


def test_gradients_are_measured_through_compiled_modules(monkeypatch):
    monkeypatch.setattr('torch._functorch.config.donated_buffer', True)
    torch._dynamo.reset()
    norms = []
    for compiled in (True, False):
        model = build()
        model.probe = GradientProbe()
        compile_modules(model, dict(modules=['trunk'], backend='aot_eager') if compiled else None)
        step(model)
        norms.append(model.gradients.norms())
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)


def test_prediction_needs_no_lidar_and_runs_no_teacher(model, monkeypatch):
    batch = collate(sample(seed=1, place=RANGE))
    for key in ('points', 'depth_target'):
        del batch['inputs'][key]
    monkeypatch.setattr(model.teachers, 'run', lambda *args: pytest.fail('a teacher ran'))
    model.eval()
    found = model.val_step(batch)[0].pred_instances_3d
    assert found.bboxes_3d.tensor.shape[1] == 9
    model.train()


def test_the_deployed_weights_are_the_students_alone(model, tmp_path):
    torch.save(dict(state_dict=model.state_dict(), meta={}), tmp_path / 'run.pth')
    weights = student_weights(tmp_path / 'run.pth')
    assert weights.keys() == MODELS.build(OPTIONS['student']).state_dict().keys()
    assert not any(word in name for name in weights for word in ('pairs', 'teacher', 'connector', 'balance'))
    adapters = [name for name in model.state_dict() if name.startswith('pairs.')]
    assert adapters and all(name.startswith(('student.', 'pairs.')) for name in model.state_dict())
