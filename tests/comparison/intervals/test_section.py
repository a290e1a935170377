"""Intervals over frames, beside a bootstrap written out and results of the fast engine."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from perception_kd.comparison import place as place_module
from perception_kd.comparison.intervals.section import Intervals
from perception_kd.comparison.intervals.units import find_units
from perception_kd.comparison.parts import KEY_FILE
from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.evaluation.resampling.bootstrap import draw_scenes
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.evaluation.slice_world import SPLIT, VERSION, make_sliced_world

KEY = dict(model='a')


def test_scenes_are_drawn_where_there_are_ten() -> None:
    scene = np.repeat(np.arange(12), 3)
    units = find_units(scene, np.arange(36), 2)
    assert str(units) == '12 scenes' and np.array_equal(units.of_frame, scene)


def test_few_scenes_are_cut_into_blocks_in_order_of_time() -> None:
    scene = np.array([1, 0, 0, 1, 0, 0, 1, 0])
    time = np.array([9, 4, 3, 7, 2, 1, 8, 5])
    units = find_units(scene, time, 2)
    assert str(units) == '4 blocks of about 2 consecutive frames'
    assert units.of_frame.tolist() == [3, 1, 0, 2, 0, 0, 2, 1]  # scene 0 by time: 5 4 2 1 7; scene 1: 3 6 0


def test_scenes_of_one_frame_are_one_recording() -> None:
    units = find_units(np.arange(100), np.arange(100)[::-1], 10)
    assert units.count == 10 and units.of_frame.tolist() == np.repeat(np.arange(10)[::-1], 10).tolist()
    with pytest.raises(ValueError, match='a block has at least one frame'):
        find_units(np.zeros(3, int), np.arange(3), 0)


@pytest.fixture(scope='module')
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """Root, and a perfect result file's content."""
    root = make_sliced_world(tmp_path_factory.mktemp('world'))
    return root, perfect_results(root, VERSION, SPLIT)


@pytest.fixture
def grid(world: tuple[Path, dict], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[SimpleNamespace, list]:
    """A queue of two methods with two seeds, all finished, and their files."""
    monkeypatch.setattr(place_module, '_stamp', lambda infos: (VERSION, SPLIT))
    root, perfect = world
    cfg = Config(dict(test_evaluator=dict(type='NuScenesDetMetric', data_root=str(root), ann_file='i.pkl')))
    runs, results = [], []
    for number, (name, seed) in enumerate((name, seed) for name in ('none', 'kd') for seed in (0, 1)):
        folder = tmp_path / 'work' / f'{name}-seed{seed}'
        folder.mkdir(parents=True)
        (folder / KEY_FILE).write_text(json.dumps(KEY))
        save(folder / 'results_nusc.json', disturb(perfect, number))
        summary = evaluate_fast(folder / 'results_nusc.json', root, VERSION, SPLIT)
        runs.append(SimpleNamespace(name=folder.name, entry=SimpleNamespace(name=name), seed=seed, cfg=cfg, key=KEY))
        results.append(dict(name=name, seed=seed, metrics=dict(mAP=summary['mean_ap'], NDS=summary['nd_score'])))
    return SimpleNamespace(runs=runs, out=tmp_path, work=tmp_path / 'work'), results


def test_intervals_are_of_paired_resamples_averaged_over_seeds(world, grid) -> None:
    queue, results = grid
    lines = Intervals(queue, ['mAP', 'gold'], 6, block_frames=1).section(results, ['none', 'kd'], {})
    row, = json.loads((queue.out / 'intervals.json').read_bytes())['rows']
    assert (row['method'], row['reference'], row['metric'], row['seeds']) == ('kd', 'none', 'mAP', [0, 1])
    assert row['units'] == 12, 'three frames in each of four scenes'
    values = [one['metrics']['mAP'] for one in results]
    assert row['difference'] == pytest.approx(np.mean(values[2:]) - np.mean(values[:2]))
    by_hand = [np.mean([score(world, queue, 'kd', seed, drawn) - score(world, queue, 'none', seed, drawn)
                        for seed in (0, 1)]) for drawn in draw_scenes(12, 6, 0)]
    assert row['over_frames'] == pytest.approx(np.percentile(by_hand, [2.5, 97.5]))
    assert '12 blocks of about 1 consecutive frames (6 resamples)' in lines[-1]
    assert '| kd' in lines[3] and f'[{row["over_frames"][0]:+.3f}' in lines[3]


def score(world: tuple[Path, dict], queue: SimpleNamespace, name: str, seed: int, drawn: np.ndarray) -> float:
    """mAP of a data set in which every key frame really stands as often as it was drawn."""
    from perception_kd.evaluation.fast.boxes import BoxArrays
    from perception_kd.evaluation.fast.evaluate import load_arrays
    from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
    from perception_kd.evaluation.fast.metrics import evaluate_arrays
    from perception_kd.evaluation.fast.settings import OfficialSettings

    settings = OfficialSettings()
    arrays = load_arrays(queue.work / f'{name}-seed{seed}' / 'results_nusc.json', world[0], VERSION, SPLIT)
    truth = filter_truth(arrays.truth, settings.class_range)
    found = filter_boxes(arrays.predictions, arrays.truth.racks, settings.class_range)
    frames = np.repeat(by_time(world[0], truth.tokens, truth.scene), drawn)

    def repeated(boxes: BoxArrays) -> BoxArrays:
        places = [np.flatnonzero(boxes.frame == frame) for frame in frames]
        many = boxes.take(np.concatenate(places))
        number = np.repeat(np.arange(len(frames)), [len(one) for one in places])
        return BoxArrays(**{**vars(many), 'frame': number})

    return evaluate_arrays(repeated(truth.boxes), repeated(found), settings)[0]['mean_ap']


def by_time(root: Path, tokens: tuple[str, ...], scene: np.ndarray) -> list[int]:
    """Places of the key frames scene by scene, in order of time: the order in which blocks of one frame are drawn."""
    rows = json.loads((root / VERSION / 'sample.json').read_bytes())
    time = {row['token']: row['timestamp'] for row in rows}
    return sorted(range(len(tokens)), key=lambda place: (scene[place], time[tokens[place]]))


def test_what_is_gone_is_one_line_and_an_earlier_interval_stays(grid) -> None:
    queue, results = grid
    Intervals(queue, ['mAP'], 5).section(results, ['none', 'kd'], {})
    before = json.loads((queue.out / 'intervals.json').read_bytes())
    (queue.work / 'kd-seed1' / 'results_nusc.json').unlink()
    lines = Intervals(queue, ['mAP'], 5).section(results, ['none', 'kd'], {})
    assert lines[-1].startswith('Without intervals over frames: kd-seed1 (its result file is not in the work folder')
    assert json.loads((queue.out / 'intervals.json').read_bytes())['rows'] == before['rows']
    (queue.out / 'intervals.json').unlink()
    Intervals(queue, ['mAP'], 5).section(results, ['none', 'kd'], {})
    row = json.loads((queue.out / 'intervals.json').read_bytes())['rows'][0]
    assert row['seeds'] == [0] and row['over_seeds'] is None, 'both are of the seeds with result files'
    results[0]['metrics']['mAP'] += 0.1
    lines = Intervals(queue, ['mAP'], 5).section(results, ['none', 'kd'], {})
    assert any('it is of another scoring' in line for line in lines)


def test_other_tasks_are_refused() -> None:
    run = SimpleNamespace(cfg=Config(dict(test_evaluator=dict(type='UAVMetric'))))
    with pytest.raises(ValueError, match='--intervals is for detection in the nuScenes format, not for what UAVMetric'):
        Intervals(SimpleNamespace(runs=[run], out=Path()), ['AP'], 10)
