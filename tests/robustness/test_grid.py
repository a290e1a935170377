"""The grid: every cell once, as ``tools/test.py`` would score it, and nothing is lost when it is killed."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from perception_kd.engine.build import load_config
from perception_kd.engine.stages import score
from perception_kd.faults import with_faults
from perception_kd.robustness.job import Grid


def make(out: Path, *models: tuple[str, str], told: list[str] | None = None, **options) -> Grid:
    settings = dict(faults=['radars_lost'], severities=[2, 5], engine='fast', resamples=20, **options)
    return Grid(models, out, echo=[].append if told is None else told.append, **settings)


def started(told: list[str]) -> list[str]:
    """Names of the cells that were begun."""
    return [line.split()[1] for line in told if line.endswith('...') or '(about' in line]


def test_a_grid_is_made_once_and_says_what_it_found(files, tmp_path: Path) -> None:
    out, told, models = tmp_path / 'out', [], (files.radar(), files.blind())
    text = make(out, *models, told=told).run()
    assert started(told) == ['radar.clean', 'radar.radars_lost-2', 'radar.radars_lost-5', 'blind.clean']
    found = json.loads((out / 'robustness.json').read_text())
    radar, blind = found['models']
    assert radar['faults']['radars_lost']['mAP'][1] == 0 < radar['clean']['mAP'] < blind['clean']['mAP']
    assert blind['faults']['radars_lost']['NDS'] == [blind['clean']['NDS']] * 2  # it reads no radar
    assert blind['mRR']['NDS'] == 1.0 > radar['mRR']['NDS'] and radar['mCE']['NDS'] == 1.0 > blind['mCE']['NDS']
    assert 'blind reads lidar only' in text and '| radars_lost * |' in text and '## blind less radar' in text
    gap, = found['differences']
    assert gap['faults']['radars_lost']['mAP'][1] == blind['clean']['mAP']
    low, high = gap['clean']['interval']
    assert low <= blind['clean']['NDS'] - radar['clean']['NDS'] <= high
    assert {path.name for path in out.iterdir()} >= {'robustness.md', 'scores.png', 'scores.svg', 'resilience.png'}
    assert not list((out / 'work').glob('*/'))  # no predictions stay
    again: list[str] = []
    grid = make(out, *models, told=again)
    assert grid.run() == text and again == [] and '4 of 4 runs are finished' in grid.plan()


def test_other_weights_make_the_cells_of_that_model_again(files, tmp_path: Path) -> None:
    models = files.radar(), files.radar('other')
    make(tmp_path / 'out', *models).run()
    told: list[str] = []
    files.weights('other', 0.5)
    make(tmp_path / 'out', *models, told=told).run()
    assert started(told) == ['other.clean', 'other.radars_lost-2', 'other.radars_lost-5']
    told.clear()
    make(tmp_path / 'out', models[0], told=told, seed=1).run()
    assert started(told) == ['radar.radars_lost-2', 'radar.radars_lost-5']  # sound sensors have no seed


def test_a_cell_is_what_the_tool_for_testing_finds_with_the_same_faults(files, tmp_path: Path) -> None:
    config, checkpoint = files.radar()
    Grid([(config, checkpoint)], tmp_path / 'out', faults=['radar_drop'], severities=[3], seed=3, resamples=0,
         echo=[].append).run()
    cell = json.loads((tmp_path / 'out' / 'cells' / 'radar.radar_drop-3.json').read_text())
    loader = with_faults(load_config(config).test_dataloader, [dict(type='RadarDrop', share=0.75)], 3)
    faulty = tmp_path / 'faulty.py'
    faulty.write_text(f'{Path(config).read_text()}\ntest_dataloader = {dict(loader)}\n')
    expected = score(faulty, Path(checkpoint), tmp_path / 'expected', {})
    clean = json.loads((tmp_path / 'out' / 'cells' / 'radar.clean.json').read_text())
    assert cell['metrics'] == expected and 0 < cell['metrics']['mAP'] < clean['metrics']['mAP']


def test_killed_half_way_it_loses_one_cell_at_most(files, tmp_path: Path) -> None:
    out, model = tmp_path / 'out', files.radar(seconds=0.15)
    process = multiprocessing.get_context('fork').Process(target=lambda: make(out, model).run())
    process.start()
    deadline = time.monotonic() + 60
    while not list(out.glob('cells/*.json')) and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(0.2)  # into the next cell
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    finished = {path.stem for path in out.glob('cells/*.json')}
    assert 1 <= len(finished) < 3
    told: list[str] = []
    make(out, model, told=told).run()
    assert {*started(told)} == {'radar.clean', 'radar.radars_lost-2', 'radar.radars_lost-5'} - finished


def test_bad_input_is_said_before_anything_is_made(files, tmp_path: Path) -> None:
    radar, out = files.radar(), tmp_path / 'out'
    for options, message in [
            (dict(faults=['hail']), 'no fault or family of faults hail; families: camera, .* faults: brightness'),
            (dict(severities=[9]), r'none of the faults and severities asked for touches .* \(radar\)'),
            (dict(faults=['fog']), r'touches what the models read \(radar\)'),
            (dict(options={'test_evaluator.modality.use_radar': False}), r'what the models read \(no sensor\)'),
            (dict(frames=7), 'has 6 key frames; cannot take 7'),
            (dict(resamples=-1), '0 times or more, got -1'),
            (dict(options={'data_root': str(tmp_path / 'no')}), 'info file nuscenes_infos_tiny_train.pkl is missing'),
            (dict(baseline=Path(radar[0])), 'is not the robustness.json of an earlier run')]:
        with pytest.raises((ValueError, OSError), match=message):
            Grid([radar], out, **options)
    with pytest.raises(OSError, match=r'radar\.py'):
        Grid([radar], Path(radar[0]))
    with pytest.raises(FileNotFoundError, match=r'checkpoint nothing\.pth does not exist'):
        Grid([(radar[0], 'nothing.pth')], out)
    with pytest.raises(ValueError, match='two entries are called radar; name them'):
        Grid([radar, radar], out)
    elsewhere = f'{files.radar("other")[0]}@test_split=tiny_val'
    with pytest.raises(ValueError, match=r'other is scored on other data .* than radar'):
        Grid([radar, (elsewhere, radar[1])], out)
    assert not out.exists()


def test_an_earlier_run_can_be_the_baseline(files, tmp_path: Path) -> None:
    make(tmp_path / 'base', files.radar()).run()
    base = tmp_path / 'base' / 'robustness.json'
    grid = make(tmp_path / 'out', files.radar('short', reach=0.5), baseline=base)
    text = grid.run()
    found = json.loads((tmp_path / 'out' / 'robustness.json').read_text())
    assert found['models'][0]['mCE']['mAP'] > 1.0
    assert 'as a part of that of radar (an earlier run)' in text
    with pytest.raises(ValueError, match='the baseline was scored with another seed: 0 instead of 1'):
        make(tmp_path / 'out', files.radar(), baseline=base, seed=1)
