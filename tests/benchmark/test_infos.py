"""Both ways to infos agree on tables like nuScenes's, and the comparison tells time and memory of both."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perception_kd.benchmark import infos
from perception_kd.benchmark.child import Measured
from perception_kd.benchmark.infos import largest_difference
from perception_kd.benchmark.scaled_tables import VERSION, write_scaled_tables
from perception_kd.datasets.nuscenes.tables import split_scenes

STAGES = {'tables', 'tables to info files'}


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('scaled')
    write_scaled_tables(folder, scenes=2, seed=3)
    return folder


def rows_of(root: Path, table: str) -> list[dict]:
    return json.loads((root / VERSION / f'{table}.json').read_text())


def test_scaled_tables_have_the_rates_of_nuscenes(root):
    scenes, samples, measurements = (rows_of(root, name) for name in ('scene', 'sample', 'sample_data'))
    of_split = [[scene for scene in scenes if scene['name'] in names]
                for names in split_scenes(root, VERSION).values()]
    assert list(map(len, of_split)) == [1, 1] and len(samples) == 82
    seconds = (len(samples) / 2 - 1) / 2
    channels = {row['token']: row['channel'] for row in rows_of(root, 'sensor')}
    channel_of = {row['token']: channels[row['sensor_token']] for row in rows_of(root, 'calibrated_sensor')}
    for channel, rate in (('CAM_FRONT', 12), ('LIDAR_TOP', 20), ('RADAR_FRONT', 13)):
        rows = [row for row in measurements if channel_of[row['calibrated_sensor_token']] == channel]
        assert len(rows) == pytest.approx(2 * seconds * rate, rel=0.02)
        assert sum(row['is_key_frame'] for row in rows) == len(samples)
        assert all(row['filename'].startswith(f'{"samples" if row["is_key_frame"] else "sweeps"}/{channel}/')
                   for row in rows)
    assert len(rows_of(root, 'sample_annotation')) / len(samples) == pytest.approx(34.15, rel=0.1)


def test_the_devkit_loads_scaled_tables(root):
    from nuscenes import NuScenes

    nusc = NuScenes(VERSION, str(root), verbose=False)
    sample = nusc.get('sample', nusc.scene[0]['first_sample_token'])
    assert len(sample['data']) == 12 and sample['anns']
    speeds = [np.linalg.norm(nusc.box_velocity(row['token'])) for row in nusc.sample_annotation]
    assert np.nanmax(speeds) < 15 and np.nanmin(speeds) == 0


def test_scaled_tables_are_those_of_the_seed(root, tmp_path):
    write_scaled_tables(tmp_path, scenes=2, seed=3)
    for path in (root / VERSION).iterdir():
        assert path.read_bytes() == (tmp_path / VERSION / path.name).read_bytes()
    with pytest.raises(FileExistsError, match='exists already'):
        write_scaled_tables(tmp_path, scenes=2)
    with pytest.raises(ValueError, match='1 to 850'):
        write_scaled_tables(tmp_path, scenes=0)


def test_both_sides_agree(root, monkeypatch):
    def run_here(work, *args):
        work(*args)
        return Measured(2.0 if 'devkit' in work.__name__ else 0.5, 300_000_000)

    monkeypatch.setattr(infos, 'run_in_child', run_here)
    report = infos.benchmark_infos(root=root, workers=2)
    found = report.to_json()
    assert set(found['seconds']) == set(found['peak_bytes']) == set(found['memory_ratio']) == STAGES
    assert 0 < found['max_difference']['tables to info files']['infos'] < 1e-9
    assert found['setting']['rows']['sample'] == 82
    for stage in STAGES:
        assert found['ratio'][stage] == 4 and found['memory_ratio'][stage] == 1
        assert f'memory, {stage}: 300 MB and 300 MB' in report.table()
    monkeypatch.setattr(infos, '_ROUNDING', 0.0)
    with pytest.raises(ValueError, match='numbers of the two sides differ by up to'):
        infos.benchmark_infos(root=root, workers=1)


def test_differences_show():
    one = {'a': [1.0, float('nan')], 'b': 'x', 'c': True}
    assert largest_difference(one, {**one, 'a': [1.5, float('nan')]}) == 0.5
    for other in ({'a': [1.0]}, {'b': 'y'}, {'c': 1.0}, {'a': [1.0, 2.0]}, {'d': 1}):
        with pytest.raises(ValueError, match=r'split: .* differ'):
            largest_difference(one, {**one, **other}, 'split: ')
