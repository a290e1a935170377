"""What checkpoints tell of their training, held against the model."""

import logging
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from perception_kd.distill import FrozenTeacher, checkpoint_origin
from perception_kd.distill.checkpoint_origin import Origin, origin_doubt, origin_of, origin_problem
from perception_kd.registry import MODELS
from tests.models.det3d.test_label_encoder import encoder_cfg
from tests.models.det3d.worlds import RANGE, TASKS, build, teacher_cfg

ADAPTER = dict(type='CenterPointAdapter')
CLASSES = TASKS[0]


@pytest.fixture(scope='module')
def source() -> nn.Module:
    return build(teacher_cfg(), seed=1)


@pytest.mark.parametrize(('meta', 'line'), [
    (dict(CLASSES=('car', 'barrier', 'pedestrian')), r'classes car, barrier, pedestrian, and .* give car, ped'),
    (dict(dataset_meta=dict(classes=['car'])), 'trained on the classes car, and'),
    (dict(CLASSES=CLASSES, mmdet3d_version='0.17.1'), r'written by mmdet3d 0\.17\.1, whose boxes had other sizes'),
])
def test_other_classes_and_boxes_of_old_are_refused(tmp_path, source, meta, line) -> None:
    torch.save(dict(meta=meta, state_dict=source.state_dict()), tmp_path / 'a.pth')
    with pytest.raises(ValueError, match=line):
        FrozenTeacher(model=build(teacher_cfg()), adapter=ADAPTER, checkpoint=tmp_path / 'a.pth')


def test_a_checkpoint_that_names_no_classes_is_warned_of(tmp_path, source, monkeypatch) -> None:
    said = []
    monkeypatch.setattr(checkpoint_origin, 'print_log', lambda line, **kwargs: said.append((line, kwargs)))
    torch.save(source.state_dict(), tmp_path / 'a.pth')
    FrozenTeacher(model=build(teacher_cfg()), adapter=ADAPTER, checkpoint=tmp_path / 'a.pth')
    line, kwargs = said[-1]
    assert 'does not name its classes; their order is taken to be that of tasks: car, pedestrian, barrier' in line
    assert kwargs['level'] == logging.WARNING


@pytest.mark.parametrize(('changes', 'line'), [
    (dict(tasks=[['pedestrian', 'car', 'barrier']]), 'trained on the classes car, pedestrian, barrier, and .* ped'),
    (dict(point_cloud_range=[0.0, -12.8, -5.0, 25.6, 12.8, 3.0]),
     r'trained on the area x -12\.8\.\.12\.8, y -12\.8\.\.12\.8 m, and the config has x 0\.\.25\.6, y -12\.8'),
    (dict(point_cloud_range=[-12.8, -12.8, -3.0, 12.8, 12.8, 2.0]), None),
])
def test_a_label_encoder_of_other_classes_or_places_is_refused(tmp_path, changes, line) -> None:
    encoder = MODELS.build(encoder_cfg())
    meta = dict(dataset_meta=dict(classes=CLASSES), cfg=f'seed = 1\npoint_cloud_range = {RANGE}\nmodel = dict()')
    weights = {f'encoder.{name}': value for name, value in encoder.state_dict().items()}
    torch.save(dict(meta=meta, state_dict=weights), tmp_path / 'a.pth')
    settings = dict(adapter=dict(type='LabelEncoderAdapter'), checkpoint=tmp_path / 'a.pth', prefix='encoder.')
    with pytest.raises(ValueError, match=line) if line else nullcontext():
        FrozenTeacher(model=encoder_cfg(**changes), **settings)


def test_where_it_stands() -> None:
    newer = dict(dataset_meta=dict(classes=('a', 'b')), CLASSES=['c'], mmdet3d_version='1.0.0rc4')
    assert origin_of(dict(meta=newer)) == Origin(('a', 'b'), '1.0.0rc4')
    assert origin_of(dict(meta=dict(CLASSES=['c']))) == Origin(('c',), None)
    text = 'seed = 1\npoint_cloud_range = [-4, -8.5, -5,\n    4, 8.5, 3]\n'
    assert origin_of(dict(meta=dict(cfg=text))).area == (-4, -8.5, 4, 8.5)
    bad = [dict(meta=dict(cfg=f'point_cloud_range = {value}')) for value in ('[1, 2]', '[a]')]
    for nothing in (*bad, {}, dict(meta=None), dict(meta=dict(CLASSES=3, mmdet3d_version=1)), [1],
                    dict(meta=dict(dataset_meta='x'))):
        assert origin_of(nothing) == Origin()


def test_a_model_without_tasks_has_nothing_to_compare() -> None:
    old = Origin(('a',), '0.17.1')
    assert origin_problem(nn.Linear(1, 1), old) is None and origin_doubt(nn.Linear(1, 1), Origin()) is None
