"""What checkpoints tell of their training, held against the model."""

import logging

import pytest
import torch
from torch import nn

from perception_kd.distill import FrozenTeacher
from perception_kd.distill.checkpoint_origin import Origin, origin_doubt, origin_of, origin_problem
from tests.models.det3d.worlds import TASKS, build, teacher_cfg

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
    monkeypatch.setattr('perception_kd.distill.teacher.print_log', lambda line, **kwargs: said.append((line, kwargs)))
    torch.save(source.state_dict(), tmp_path / 'a.pth')
    FrozenTeacher(model=build(teacher_cfg()), adapter=ADAPTER, checkpoint=tmp_path / 'a.pth')
    line, kwargs = said[-1]
    assert 'does not name its classes; their order is taken to be that of tasks: car, pedestrian, barrier' in line
    assert kwargs['level'] == logging.WARNING


def test_where_it_stands() -> None:
    newer = dict(dataset_meta=dict(classes=('a', 'b')), CLASSES=['c'], mmdet3d_version='1.0.0rc4')
    assert origin_of(dict(meta=newer)) == Origin(('a', 'b'), '1.0.0rc4')
    assert origin_of(dict(meta=dict(CLASSES=['c']))) == Origin(('c',), None)
    for nothing in ({}, dict(meta=None), dict(meta=dict(CLASSES=3, mmdet3d_version=1)), [1],
                    dict(meta=dict(dataset_meta='x'))):
        assert origin_of(nothing) == Origin()


def test_a_model_without_tasks_has_nothing_to_compare() -> None:
    old = Origin(('a',), '0.17.1')
    assert origin_problem(nn.Linear(1, 1), old) is None and origin_doubt(nn.Linear(1, 1), Origin()) is None
