"""The trial that compares sets of sensors: its stages, and what it concludes from given metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_kd.engine.sensor_sets import ORDER, RUNS, build_trial, collect, in_order, report


def world(**m_ap: float) -> dict[str, dict[str, float | None]]:
    return {run.name: {'mAP': m_ap.get(run.name, 0.1), 'NDS': None, 'mAP_reach': 0.5} for run in RUNS}


def test_every_set_is_trained_for_the_same_epochs(tmp_path: Path) -> None:
    recipe = build_trial(tmp_path, 6, 3, 5, 1, {'batch_size': 2})
    stages = {stage.name: stage for stage in recipe.stages}
    for run in RUNS:
        text = stages[f'train_{run.name}'].inputs
        assert 'max_epochs = 5' in text
        assert 'seed=3' in text.replace(' ', '')
        assert str(tmp_path / 'data') in text
    assert set(stages['within_reach'].after) == {f'score_{run.name}' for run in RUNS}


def test_another_world_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key() -> str:
        recipe = build_trial(tmp_path, 6, 3, 5, 1, {})
        return recipe.key(recipe.stages[0])

    before = key()
    assert key() == before
    monkeypatch.setattr('perception_kd.simulation.stamp.world_stamp', lambda preset, seed: 'another simulator')
    assert key() != before


def test_collect_joins_the_two_scores() -> None:
    results = {f'score_{run.name}': {'mAP': 0.2} for run in RUNS}
    results['within_reach'] = {run.name: 0.7 for run in RUNS}
    assert collect(results) == {run.name: {'mAP': 0.2, 'mAP_reach': 0.7} for run in RUNS}


@pytest.mark.parametrize(('values', 'holds'), [
    ((0.1, 0.2, 0.3), True), ((0.2, 0.1, 0.3), False), ((0.1, 0.3, 0.2), False), ((0.1, 0.1, 0.2), False)])
def test_order(values: tuple[float, ...], holds: bool) -> None:
    assert in_order(world(**dict(zip(ORDER, values)))) == holds


def test_report_gives_mean_spread_and_count() -> None:
    text = report([world(camera=0.1, camera_radar=0.2, lidar=0.3), world(camera=0.3, camera_radar=0.2, lidar=0.5)])
    lidar = next(line for line in text.splitlines() if line.startswith('| LiDAR'))
    assert [cell.strip() for cell in lidar.split('|')][2:4] == ['0.400', '0.141']
    assert '1 of 2 worlds' in text
    assert report([world()]).splitlines()[2].split('|')[3].strip() == '-'  # one world has no spread
