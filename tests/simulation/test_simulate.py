"""The tool: reproducible whatever the workers, careful with what is there, clear on bad input."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.writers import nuscenes as target
from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes, split_of
from tools.simulate import main


@pytest.fixture(scope='module')
def small():
    """Two key frames of a quiet street: enough to compare bytes."""
    counts = {'car': 8, 'pedestrian': 6}
    return replace(
        get_preset('tiny'),
        name='quiet',
        key_frames=2,
        image_size=(88, 32),
        lidar_azimuths=360,
        counts=counts,
        lidar_sweeps=0,
        radar_sweeps=1,
        ego_speed=(5.0, 6.0),
    )


@pytest.fixture(scope='module')
def made(small, tmp_path_factory):
    return simulate_nuscenes(tmp_path_factory.mktemp('a') / 'root', scenes=2, seed=3, preset=small, workers=1)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob('*'))
        if path.is_file()
    }


def test_bytes_do_not_depend_on_the_workers(made, small, tmp_path):
    other = simulate_nuscenes(tmp_path / 'root', scenes=2, seed=3, preset=small, workers=2)
    assert digests(other) == digests(made) and len(digests(made)) > 60
    assert not list(tmp_path.glob('.*')), 'nothing is left beside'


def test_another_seed_is_another_world_with_other_tokens(made, small, tmp_path):
    other = simulate_nuscenes(tmp_path / 'root', scenes=1, seed=4, preset=small, workers=1)
    image = 'samples/CAM_FRONT/scene-0000__CAM_FRONT__1600000000000000.jpg'
    assert digests(other)[image] != digests(made)[image]
    assert 'sim_val' in (other / VERSION / 'splits.json').read_text()


def test_existing_folders_are_not_lost(made, small, tmp_path, monkeypatch):
    before = digests(made)
    with pytest.raises(FileExistsError, match=r'not empty; choose another folder or use --force'):
        simulate_nuscenes(made, scenes=2, preset=small)
    holiday = tmp_path / 'holiday'
    holiday.mkdir()
    (holiday / 'photo.jpg').write_text('x')
    with pytest.raises(FileExistsError, match=r'holds no simulated data set .*--force will not replace it'):
        simulate_nuscenes(holiday, scenes=1, preset=small, force=True)
    with pytest.raises(FileExistsError, match=r'photo\.jpg is a file; name a folder'):
        simulate_nuscenes(holiday / 'photo.jpg', scenes=1, preset=small, force=True)

    def fail(_job):
        raise RuntimeError('the disk is full')

    monkeypatch.setattr(target, 'simulate_scene', fail)
    with pytest.raises(RuntimeError, match='disk is full'):
        simulate_nuscenes(made, scenes=2, preset=small, force=True, workers=1)
    assert digests(made) == before and not list(made.parent.glob('.*'))


def test_failing_workers_leave_nothing_behind(small, tmp_path):
    unknown = replace(small, counts={'tram': 1})
    with pytest.raises(ValueError, match='preset quiet counts unknown classes: tram'):
        simulate_nuscenes(tmp_path / 'root', scenes=2, preset=unknown, workers=2)
    assert not list(tmp_path.iterdir())


def test_force_replaces_a_simulated_set(small, tmp_path):
    root = simulate_nuscenes(tmp_path / 'root', scenes=1, seed=3, preset=small, workers=1)
    (root / 'stale.pkl').write_text('x')
    first = digests(root)
    again = simulate_nuscenes(root, scenes=1, seed=5, preset=small, workers=1, force=True)
    assert again == root and 'stale.pkl' not in digests(root) and digests(root) != first


def test_splits_are_disjoint_and_filled_from_three_scenes_on():
    for scenes in range(1, 40):
        splits = [split_of(scene, scenes) for scene in range(scenes)]
        assert set(splits) == ({'sim_train', 'sim_val', 'sim_test'} if scenes >= 3 else {'sim_train'})
    assert [splits.count(name) for name in ('sim_train', 'sim_val', 'sim_test')] == [27, 6, 6]
    twelve = [split_of(scene, 12) for scene in range(12)]
    assert [twelve.count(name) for name in ('sim_train', 'sim_val', 'sim_test')] == [8, 2, 2]


@pytest.mark.parametrize(('options', 'message'), [
    (['--preset', 'huge'], "unknown preset 'huge'; there are: tiny"),
    (['--scenes', '0'], 'scenes must be at least 1, got 0'),
    (['--seed', '-1'], 'seed must be at least 0, got -1'),
    (['--workers', '0'], 'workers must be at least 1, got 0'),
])  # fmt: skip
def test_tool_says_in_one_line_what_is_wrong(options, message, tmp_path, capsys):
    assert main(['nuscenes', '--out', str(tmp_path / 'x'), *options]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1 and not (tmp_path / 'x').exists()


@pytest.mark.parametrize(('error', 'status', 'message'), [
    (KeyboardInterrupt(), 130, 'interrupted; nothing was written'),
    (ImportError("No module named 'open3d'"), 1, 'open3d\'; install the extra "sim"'),
])  # fmt: skip
def test_tool_on_interruption_and_without_open3d(error, status, message, tmp_path, capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(target, 'simulate_nuscenes', fail)
    assert main(['nuscenes', '--out', str(tmp_path / 'x')]) == status
    assert message in capsys.readouterr().err


def test_tool_refuses_a_full_folder_and_shows_help(made, capsys):
    assert main(['nuscenes', '--out', str(made)]) == 1
    assert 'use --force' in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(['--help'])
    assert stop.value.code == 0 and 'examples' in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(['nuscenes'])
    assert stop.value.code == 2
