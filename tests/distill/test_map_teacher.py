"""Maps as teachers."""

import pytest
import torch

from perception_kd.distill import DistillBatch, Distiller, MapTeacher
from perception_kd.distill.masks import IntensityMap
from tests.distill.toys import GRID, ToyStudent, feature_pair, toy_batch

PLACE = dict(point_cloud_range=[-3.2, -3.2, -1, 3.2, 3.2, 1], cell=0.8)


def test_it_measures_the_batch():
    teacher, raw = MapTeacher(maps=dict(lidar=dict(type='IntensityMap')), **PLACE), toy_batch(1, 2)
    spec = teacher.tap_specs()['lidar']
    assert (spec.kind, spec.channels, spec.grid) == ('bev', 1, GRID)
    found = teacher.run(raw['inputs'], raw['data_samples'], ['lidar'])['lidar']
    torch.testing.assert_close(found, IntensityMap()(DistillBatch(**raw, grid=GRID)))
    assert 'IntensityMap(log, max, floor 0)' in str(teacher)


def test_a_pair_learns_a_map():
    torch.manual_seed(0)
    teacher = dict(type='MapTeacher', maps=dict(lidar=dict(type='IntensityMap')), **PLACE)
    pair = feature_pair(teacher='measured.lidar', connector=dict(type='Conv1x1'), loss=dict(type='MSE'))
    model = Distiller(student=ToyStudent(), teachers=dict(measured=teacher), pairs=dict(one=pair))
    losses = model(**toy_batch(1, 2), mode='loss')
    losses['loss_distill.one'].backward()
    assert model.student.stem.conv.weight.grad.any()
    assert model.teachers['measured'].device.type == 'cpu'
    model.to('meta')
    assert model.teachers['measured'].device.type == 'meta'


def test_maps_that_read_taps_are_refused():
    with pytest.raises(ValueError, match="map 'lidar' reads taps"):
        MapTeacher(maps=dict(lidar=dict(type='ActivationMap', tap='a.b')), **PLACE)
