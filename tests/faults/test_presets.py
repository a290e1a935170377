"""The named cases, and configs that get them."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.faults import FAMILIES, LEVELS, Draw, build_fault, fault_cases, with_faults
from perception_kd.registry import FAULTS

ROBOBEV = ('brightness', 'dark', 'fog', 'snow', 'motion_blur', 'color_quant', 'camera_crash', 'frame_lost')


def test_every_case_builds_and_every_fault_is_in_one():
    names = [case.name for case in fault_cases()]
    assert len(set(names)) == len(names)
    used = set()
    for case in fault_cases():
        assert case.family in FAMILIES and case.severities
        for faults in case.severities.values():
            used |= {type(build_fault(fault)).__name__ for fault in faults}
            kinds = {build_fault(fault).sensor for fault in faults}
            assert kinds == ({'camera', 'radar'} if case.family == 'crosses' else {case.family.split('_')[0]})
    assert used == set(FAULTS.module_dict)


def test_camera_family_is_robobev():
    cases = fault_cases(['camera'])
    assert tuple(case.name for case in cases) == ROBOBEV
    assert all(tuple(case.severities) == LEVELS for case in cases)


def test_cases_by_name_and_family():
    assert [case.name for case in fault_cases(['fog', 'radar_drop'])] == ['fog', 'radar_drop']
    assert {case.family for case in fault_cases(['radar', 'crosses'])} == {'radar', 'crosses'}
    with pytest.raises(ValueError, match='no fault or family of faults mist'):
        fault_cases(['mist'])


@pytest.mark.parametrize('name', ['RadarDrop', 'RadarSweepsLost', 'LidarDrop', 'LidarSector'])
def test_what_a_milder_fault_takes_a_harder_one_takes_too(name):
    points = np.random.default_rng(0).uniform(-50, 50, (300, 18 if 'Radar' in name else 5)).astype(np.float32)
    for file in map(str, range(8)):
        left = [{row.tobytes() for row in build_fault(dict(type=name, severity=level)).change(
            points.copy(), Draw(('seed', 0, name), 'scene', 'SENSOR', file))} for level in LEVELS]
        assert left[0] >= left[1] >= left[2]


def test_nested_data_sets_get_the_faults_once():
    inner = dict(type='NuScenesRadarDataset', pipeline=[dict(type='PackInputs')])
    loader = dict(batch_size=1, dataset=dict(type='ConcatDataset', datasets=[
        inner, dict(type='CBGSDataset', dataset=dict(inner, earlier_frames=3))]))
    found = with_faults(loader, [dict(type='CameraStale', delay=1.0)], seed=5)
    first, second = found['dataset']['datasets'][0], found['dataset']['datasets'][1]['dataset']
    for data in (first, second):
        assert [step['type'] for step in data['pipeline']] == ['ApplyFaults', 'PackInputs']
        assert data['pipeline'][0]['seed'] == 5
    assert (first['earlier_frames'], second['earlier_frames']) == (2, 3)
    assert inner == dict(type='NuScenesRadarDataset', pipeline=[dict(type='PackInputs')])
    kept = with_faults(dict(dataset=inner), [dict(type='LidarLost')], keep_clean=('img',))['dataset']['pipeline']
    assert [step['type'] for step in kept] == ['BesideClean'] and kept[0]['transforms'] == inner['pipeline']
    with pytest.raises(ValueError, match='pipeline'):
        with_faults(dict(dataset=dict(type='NuScenesRadarDataset')), [])
