"""Teachers of three modalities in one config: what they teach, what they leave alone, what memory they take."""

from functools import partial
from types import SimpleNamespace

import torch
from mmengine.optim import OptimWrapper
from torch import nn

from perception_kd.benchmark.memory import peak_bytes, tensor_bytes
from perception_kd.distill import Distiller, FrozenTeacher
from perception_kd.engine.hooks import StudentEMAHook
from perception_kd.structures import TapSpec
from tests.distill.toys import GRID, Stack, ToyStudent, toy_batch
from tests.models.det3d.test_label_encoder import encoder_cfg
from tests.models.det3d.worlds import build, collate, sample, student_cfg, teacher_cfg


def config():
    """LiDAR, labels and cameras teach one camera-radar student."""
    frozen = dict(type='FrozenTeacher', allow_random=True)
    camera = student_cfg(radar_encoder=None)
    adaptor = dict(connector=dict(type='DistillAdaptor'), loss=dict(type='MSE', channel='mean'))
    return dict(
        type='Distiller', student=student_cfg(),
        teachers=dict(
            lidar=dict(model=teacher_cfg(), adapter=dict(type='CenterPointAdapter'), **frozen),
            label=dict(model=encoder_cfg(), adapter=dict(type='LabelEncoderAdapter'), **frozen),
            camera=dict(model=camera, adapter=dict(type='MarkedModelAdapter'), **frozen)),
        pairs=dict(
            lidar_to_fused=dict(student='fused_bev', teacher='lidar.bev_s16', **adaptor),
            label_to_fused=dict(
                student='fused_bev', teacher='label.bev_s16', mask=dict(type='GaussianMask'), **adaptor),
            camera_to_camera=dict(student='camera_bev', teacher='camera.camera_bev', **adaptor),
            camera_response=dict(student='head', teacher='camera.head', loss=dict(type='CenterHeadResponse'))))


def test_three_modalities_teach_and_stay_as_they_are():
    distiller = build(config()).train()
    models = {name: teacher.model.train() for name, teacher in distiller.teachers.items()}
    before = {name: {key: value.clone() for key, value in model.state_dict().items()} for name, model in models.items()}
    frozen = {id(weight) for model in models.values() for weight in [*model.parameters(), *model.buffers()]}
    losses = distiller(**collate(sample(seed=1), sample(seed=2, boxes=0)), mode='loss')
    pairs = {name for name in losses if name.startswith('loss_distill.')}
    assert len(pairs) == 4 and all(torch.isfinite(losses[name]) and losses[name] > 0 for name in pairs)
    total, _ = distiller.parse_losses(losses)
    total.backward()
    torch.optim.SGD(distiller.parameters(), lr=0.1).step()
    for name, model in models.items():
        assert not model.training and all(weight.grad is None for weight in model.parameters()), name
        assert all(torch.equal(value, before[name][key]) for key, value in model.state_dict().items()), name
    assert any('running_var' in key for state in before.values() for key in state)
    assert not frozen & {id(weight) for weight in [*distiller.parameters(), *distiller.buffers()]}
    assert {key.split('.')[0] for key in distiller.state_dict()} == {'student', 'pairs'}
    ema = StudentEMAHook()
    optimiser = torch.optim.SGD(distiller.parameters(), lr=0.1)
    ema.before_train(SimpleNamespace(model=distiller, optim_wrapper=OptimWrapper(optimiser)))
    assert set(ema.average) == set(distiller.student.state_dict())


class Wide(nn.Module):
    """A teacher whose activations are many times what it gives away."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.data_preprocessor = Stack()
        self.layers = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, 6, 1))

    def tap_specs(self):
        return {'bev_s8': TapSpec('bev_s8', 'bev', 6, 'all there is', grid=GRID)}

    def run(self, inputs, data_samples, taps):
        return {'bev_s8': self.layers(self.data_preprocessor(dict(inputs=inputs))['inputs'])}


def wide(width):
    model = Wide(width)
    return FrozenTeacher(model=model, adapter=model, allow_random=True)


def test_memory_is_that_of_the_student_the_largest_teacher_and_the_taps():
    widths, data = dict(lidar=400, label=600, camera=500), toy_batch(1, 2, 3)
    pair = dict(student='bev', connector=dict(type='Conv1x1'), loss=dict(type='MSE'))
    distiller = Distiller(student=ToyStudent(), teachers={name: wide(width) for name, width in widths.items()},
                          pairs={name: dict(pair, teacher=f'{name}.bev_s8') for name in widths})
    teachers, taps = dict(distiller.teachers.items()), [f'{name}.bev_s8' for name in widths]
    alone = {name: peak_bytes(partial(teacher.run, **data, taps=['bev_s8'])) for name, teacher in teachers.items()}

    def step(model):
        return peak_bytes(lambda: model.parse_losses(model(**data, mode='loss'))[0].backward())
    student = step(Distiller(student=ToyStudent()))
    bound = student + max(alone.values()) + tensor_bytes(distiller.teachers.run(**data, taps=taps))
    assert alone['label'] >= 3 * 64 * 600 * 4 and student < min(alone.values()) / 2  # teachers dominate
    assert max(alone.values()) < step(distiller) <= bound
    assert nested(teachers, data, taps) > bound  # what the bound is there to exclude


def nested(teachers, data, taps):
    """Peak where each teacher runs while the activations of those before it are still there."""
    order = list(teachers)

    def run(index):
        teacher = teachers[order[index]]

        def deeper(module, args):
            if index + 1 < len(order):
                run(index + 1)
        handle = teacher.model.layers[2].register_forward_pre_hook(deeper)
        teacher.run(**data, taps=['bev_s8'])
        handle.remove()
    return peak_bytes(lambda: run(0))
