"""Maps: shared scales, means, models before and after training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from perception_kd.distill import Distiller
from perception_kd.structures import BEVGrid, TapSpec
from perception_kd.visualization.maps.bev_map import BEVMap, limits_of
from perception_kd.visualization.maps.models import load_model
from perception_kd.visualization.maps.observe import Observation, PairView
from perception_kd.visualization.maps.pair_maps import mean_view, pair_maps
from perception_kd.visualization.maps.student_maps import mean_student, student_maps
from tests.distill.toys import ToyStudent, feature_pair, toy_teacher

GRID = BEVGrid(-1.0, -2.0, 2.0, 0.0, 1.0)  # 2 x 3 cells


def full(value: float) -> np.ndarray:
    return np.full(GRID.shape, value, np.float32)


BEFORE = PairView(GRID, full(4), full(9), full(5), full(0.5), None, 2.0)
AFTER = PairView(GRID, full(4), full(5), full(1), full(0.5), None, 0.5)


def test_a_map_fits_its_grid():
    with pytest.raises(ValueError, match=r"map 'a' has shape \(3, 2\), its grid has \(2, 3\)"):
        BEVMap('a', 'A', np.zeros((3, 2)), GRID)
    with pytest.raises(ValueError, match="scale is one of sequential, diverging, mask, got 'rainbow'"):
        BEVMap('a', 'A', full(0), GRID, 'rainbow')
    assert BEVMap('a', 'A', full(0.03), GRID).shown_limits == (0, 0.03)


@pytest.mark.parametrize(('values', 'scale', 'limits'), [
    ([1.234], 'sequential', (0, 1.3)), ([-1.234, 0.2], 'diverging', (-1.3, 1.3)), ([0.4], 'mask', (0, 1)),
    ([3.01], 'mask', (0, 3.1)), ([0.0], 'sequential', (0, 1)), ([], 'diverging', (-1, 1)),
    ([float('nan'), 2.0], 'sequential', (0, 2))])
def test_limits_are_rounded_up(values, scale, limits):
    assert limits_of([np.array(values)], scale) == limits


def test_one_bright_cell_does_not_darken_the_rest():
    values = np.ones(10_000)
    values[0] = 1e6
    assert limits_of([values], 'sequential') == (0, 1)


def test_maps_of_a_pair_share_their_scales():
    maps = pair_maps('p', BEFORE, AFTER)
    assert {maps[part].limits for part in ('teacher', 'student/before', 'student/after')} == {(0, 9)}
    assert {maps[part].limits for part in ('difference/before', 'difference/after')} == {(-5, 5)}
    assert (maps['difference/before'].values == 5).all() and (maps['difference/after'].values == 1).all()
    assert (maps['change'].values == -4).all() and maps['change'].scale == 'diverging'
    assert 'target_scale' not in maps and maps['mask'].scale == 'mask'
    assert {shown.group for shown in maps.values()} == {'p'} and maps['teacher'].name == 'p/teacher'
    alone = pair_maps('p', None, AFTER)
    assert 'change' not in alone and 'student/before' not in alone and alone['student/after'].title == 'Student'


def test_what_one_view_lacks_the_mean_lacks_too():
    mean = mean_view([BEFORE, replace(AFTER, distance=None)])
    assert (mean.student == 7).all() and mean.loss == 1.25 and mean.distance is None and mean.grid == GRID
    assert 'distance/after' not in pair_maps('p', mean, mean)


def observation(**maps: float) -> Observation:
    specs = {name: TapSpec(name, 'bev', 4, '', grid=GRID) for name in maps}
    return Observation({}, {}, {name: full(value) for name, value in maps.items()}, specs)


def test_maps_of_a_student():
    before = observation(fused_bev=1, camera_intensity=0.9, camera_gated=1, merged_bev=1, trunk_s16=2, camera_bev=3)
    after = observation(fused_bev=2, camera_intensity=0.8, camera_gated=1, merged_bev=2, trunk_s16=2, camera_bev=3)
    maps = student_maps(before, after)
    assert list(maps) == ['camera_bev', 'camera_intensity', 'fused_bev']
    assert len(maps['camera_bev']) == 1, 'training has not changed it'
    assert [shown.title for shown in maps['fused_bev']] == ['Fused features, before', 'Fused features, after']
    assert {shown.limits for shown in maps['fused_bev']} == {(0, 2)}
    assert list(student_maps(None, observation(lift=1, other=2))) == ['lift', 'other'], 'of a model of other names'
    assert (mean_student([before, after]).student['fused_bev'] == 1.5).all()


def test_checkpoints_of_distillers_and_of_students_load_into_both(tmp_path):
    model = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    other = Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair()))
    files = {}
    for name, source in dict(whole=model, student=model.student).items():
        files[name] = tmp_path / f'{name}.pth'
        torch.save({'state_dict': {key: value + 1 for key, value in source.state_dict().items()}}, files[name])
    assert load_model(other, files['whole']) == ()
    assert torch.equal(other.pairs['one'].connector.conv.weight, model.pairs['one'].connector.conv.weight + 1)
    assert load_model(model, files['student']) == ('one',)
    assert torch.equal(model.student.stem.conv.weight, other.student.stem.conv.weight)
    bare = ToyStudent()
    for path in files.values():
        assert load_model(bare, path) == ()
        assert torch.equal(bare.stem.conv.weight, other.student.stem.conv.weight)
    with pytest.raises(ValueError, match=r'whole\.pth: the checkpoint does not fit'):
        load_model(ToyStudent(channels=5), files['whole'])
