"""The tool: reproducible whatever the workers, careful with what is there, clear on bad input."""

import sys
from dataclasses import replace

import pytest

from perception_kd.cli import run_tool
from perception_kd.simulation.writers import nuscenes as target
from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes, split_of
from tests.simulation.quiet import QUIET, digests
from tools.simulate import main


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return simulate_nuscenes(tmp_path_factory.mktemp('a') / 'root', scenes=2, seed=3, preset=QUIET, workers=1)


def test_bytes_do_not_depend_on_the_workers(made, tmp_path):
    other = simulate_nuscenes(tmp_path / 'root', scenes=2, seed=3, preset=QUIET, workers=2)
    assert digests(other) == digests(made) and len(digests(made)) > 60
    assert not list(tmp_path.glob('.*')), 'nothing is left beside'


def test_another_seed_is_another_world_with_other_tokens(made, tmp_path):
    other = simulate_nuscenes(tmp_path / 'root', scenes=1, seed=4, preset=QUIET, workers=1)
    image = 'samples/CAM_FRONT/scene-0000__CAM_FRONT__1600000000000000.jpg'
    assert digests(other)[image] != digests(made)[image]
    assert 'sim_val' in (other / VERSION / 'splits.json').read_text()


def test_existing_folders_are_not_lost(made, tmp_path, monkeypatch):
    before = digests(made)
    with pytest.raises(FileExistsError, match=r'not empty; choose another folder or use --force'):
        simulate_nuscenes(made, scenes=2, preset=QUIET)
    holiday = tmp_path / 'holiday'
    holiday.mkdir()
    (holiday / 'photo.jpg').write_text('x')
    with pytest.raises(FileExistsError, match=r'holds no simulated data set .*--force will not replace it'):
        simulate_nuscenes(holiday, scenes=1, preset=QUIET, force=True)
    with pytest.raises(NotADirectoryError, match=r'photo\.jpg is a file; name a folder'):
        simulate_nuscenes(holiday / 'photo.jpg', scenes=1, preset=QUIET, force=True)

    def fail(_job):
        raise RuntimeError('the disk is full')

    monkeypatch.setattr(target, 'simulate_scene', fail)
    with pytest.raises(RuntimeError, match='disk is full'):
        simulate_nuscenes(made, scenes=2, preset=QUIET, force=True, workers=1)
    assert digests(made) == before and not list(made.parent.glob('.*'))


def test_failing_workers_leave_nothing_behind(tmp_path):
    unknown = replace(QUIET, counts={'tram': 1})
    with pytest.raises(ValueError, match='preset quiet counts unknown classes: tram'):
        simulate_nuscenes(tmp_path / 'root', scenes=2, preset=unknown, workers=2)
    assert not list(tmp_path.iterdir())


def test_force_replaces_a_simulated_set(tmp_path):
    root = simulate_nuscenes(tmp_path / 'root', scenes=1, seed=3, preset=QUIET, workers=1)
    (root / 'stale.pkl').write_text('x')
    first = digests(root)
    again = simulate_nuscenes(root, scenes=1, seed=5, preset=QUIET, workers=1, force=True)
    assert again == root and 'stale.pkl' not in digests(root) and digests(root) != first


def test_splits_are_disjoint_and_filled_from_three_scenes_on():
    for scenes in range(1, 40):
        splits = [split_of(scene, scenes) for scene in range(scenes)]
        assert set(splits) == ({'sim_train', 'sim_val', 'sim_test'} if scenes >= 3 else {'sim_train'})
    assert [splits.count(name) for name in ('sim_train', 'sim_val', 'sim_test')] == [27, 6, 6]
    twelve = [split_of(scene, 12) for scene in range(12)]
    assert [twelve.count(name) for name in ('sim_train', 'sim_val', 'sim_test')] == [8, 2, 2]


def status_of(arguments: list[str]) -> int:
    """Of the tool, as a process would end."""
    with pytest.raises(SystemExit) as stop:
        run_tool(lambda: main(arguments))
    return stop.value.code


@pytest.mark.parametrize(('options', 'message'), [
    (['--preset', 'huge'], "unknown preset 'huge'; there are: tiny"),
    (['--scenes', '0'], 'scenes must be at least 1, got 0'),
    (['--scenes', '99999999999999999999'], 'scenes must be at most 100000, got 99999999999999999999'),
    (['--seed', '-1'], 'seed must be at least 0, got -1'),
    (['--workers', '0'], 'workers must be at least 1, got 0'),
])  # fmt: skip
def test_tool_says_in_one_line_what_is_wrong(options, message, tmp_path, capsys):
    assert status_of(['nuscenes', '--out', str(tmp_path / 'x'), *options]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1 and not (tmp_path / 'x').exists()


@pytest.mark.parametrize(('error', 'status', 'message'), [
    (KeyboardInterrupt(), 130, 'interrupted; run the same command again to go on'),
    (RuntimeError('scene 0 of seed 0: no street shows every class'), 1, 'every class; try another --seed'),
])  # fmt: skip
def test_tool_on_interruption_and_without_a_street(error, status, message, tmp_path, capsys, monkeypatch):
    def fail(*_args, **_kwargs):
        raise error

    monkeypatch.setattr(target, 'simulate_nuscenes', fail)
    assert status_of(['nuscenes', '--out', str(tmp_path / 'x')]) == status
    assert message in capsys.readouterr().err


def test_tool_without_open3d(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, target.__name__, None)  # as if something that it imports were missing
    assert status_of(['nuscenes', '--out', str(tmp_path / 'x')]) == 1
    assert 'install the extra "sim"' in capsys.readouterr().err


def test_tool_refuses_a_full_folder_and_shows_help(made, capsys):
    assert status_of(['nuscenes', '--out', str(made)]) == 1
    assert 'use --force' in capsys.readouterr().err
    with pytest.raises(SystemExit) as stop:
        main(['--help'])
    assert stop.value.code == 0 and 'examples' in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(['nuscenes'])
    assert stop.value.code == 2
