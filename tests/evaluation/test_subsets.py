"""Parts of a split: the same boxes for both engines, and the key frames that are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perception_kd.evaluation.answers import load_answers
from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.evaluation.frames import choose_frames, key_frames, split_tokens
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.slices.families import default_slices, find_slice
from perception_kd.evaluation.slices.sectors import load_cameras
from perception_kd.evaluation.subsets import BoxSubset
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.evaluation.slice_world import SPLIT, VERSION, make_sliced_world


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sliced_world(tmp_path_factory.mktemp('sliced'))


@pytest.fixture(scope='module')
def content(root: Path) -> dict:
    return disturb(perfect_results(root, VERSION, SPLIT), 5)


@pytest.fixture(scope='module')
def results(content: dict, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp('results') / 'r.json', content)


def subset(root: Path, *texts: str, **area: float) -> BoxSubset:
    known = default_slices(cameras=load_cameras(root, VERSION))
    return BoxSubset(slices=tuple(find_slice(text, known) for text in texts), **area)


@pytest.mark.parametrize(('slices', 'area'), [
    ((), dict(max_forward=10)), ((), dict(max_reach=20, min_lidar_points=40)),
    (('light=night', 'distance=0-20', 'distance=30+'), {}),
    (('visibility=0-40', 'visibility=80-100', 'speed=0.2+', 'weather=dry'), dict(max_reach=30)),
    (('camera=CAM_BACK', 'class=car', 'lidar-points=3-90'), {}), (('speed=90+',), {})])
def test_both_engines_score_the_same_part(root: Path, results: Path, slices: tuple[str, ...], area: dict) -> None:
    chosen = subset(root, *slices, **area)
    official, fast = (evaluate(results, root, VERSION, SPLIT, box_filter=chosen)
                      for evaluate in (evaluate_devkit, evaluate_fast))
    whole = evaluate_fast(results, root, VERSION, SPLIT)
    assert official['num_gt'] == fast['num_gt'] and official['num_pred'] == fast['num_pred'] < whole['num_pred']
    assert 0 <= sum(fast['num_gt'].values()) < sum(whole['num_gt'].values())
    for key in ('nd_score', 'mean_ap', 'label_aps', 'tp_errors'):
        np.testing.assert_equal(fast[key], official[key])
    assert official['meta']['subset'] == fast['meta']['subset'] == str(chosen) != '' == whole['meta']['subset']


def test_values_of_a_family_add_up_and_families_narrow(root: Path, results: Path) -> None:
    def kept(*texts: str) -> set[tuple[float, ...]]:
        answers = load_answers([results], root, VERSION, SPLIT, subset=subset(root, *texts) if texts else None)
        return {tuple(centre) for boxes in (answers.truth.boxes, *answers.predicted) for centre in boxes.translation}

    near, far = kept('distance=0-20'), kept('distance=20+')
    assert kept('distance=0-20', 'distance=20+') == near | far == kept() and not near & far
    assert kept('distance=0-20', 'light=night') == near & kept('light=night') != set()
    assert kept('distance=0-20', 'light=night', 'light=day') == near


def test_every_file_of_several_gets_the_same_part(root: Path, content: dict, results: Path, tmp_path: Path) -> None:
    """A box near the border of the part belongs to its true box, whichever file it stands in."""
    chosen, other = subset(root, 'distance=0-20'), save(tmp_path / 'other.json', disturb(content, 1))
    both = load_answers([results, other], root, VERSION, SPLIT, subset=chosen)
    for path, boxes in zip((results, other), both.predicted):
        alone = load_answers([path], root, VERSION, SPLIT, subset=chosen)
        np.testing.assert_array_equal(alone.predicted[0].translation, boxes.translation)
        np.testing.assert_array_equal(alone.truth.boxes.translation, both.truth.boxes.translation)


def test_frames_by_scene_list_and_results(root: Path, content: dict, tmp_path: Path) -> None:
    tokens = split_tokens(root, VERSION, SPLIT)
    assert choose_frames(root, VERSION, SPLIT) == tokens and len(tokens) == 12
    assert key_frames(root, VERSION, SPLIT, [tokens[2], tokens[0], tokens[2]]) == [tokens[2], tokens[0]]
    with pytest.raises(ValueError, match=r'no sample of split .* is asked for'):
        key_frames(root, VERSION, SPLIT, [])
    assert choose_frames(root, VERSION, SPLIT, scenes=['sliced-3', 'sliced-1']) == tokens[3:6] + tokens[9:]
    listed, lines = save(tmp_path / 'list.json', [tokens[7], tokens[4]]), tmp_path / 'list.txt'
    lines.write_text(f'{tokens[7]}\n{tokens[4]}\n')
    for path in (listed, lines):
        assert choose_frames(root, VERSION, SPLIT, samples=path) == [tokens[4], tokens[7]]
    assert choose_frames(root, VERSION, SPLIT, samples=listed, scenes=['sliced-1']) == [tokens[4]]
    parts = [save(tmp_path / f'{end}.json', {'meta': {}, 'results': {one: content['results'][one] for one in part}})
             for end, part in (('a', tokens[:5]), ('b', tokens[3:]))]
    assert choose_frames(root, VERSION, SPLIT, results=parts) == tokens[3:5]


def test_frames_that_are_not_there(root: Path, tmp_path: Path) -> None:
    def refused(message: str, **chosen: object) -> None:
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            choose_frames(root, VERSION, SPLIT, **chosen)

    refused(r'nowhere: no scene of split .sliced., which has sliced-0, sliced-1', scenes=['sliced-1', 'nowhere'])
    refused(r'list\.json: 1 of 1 samples are not in split', samples=save(tmp_path / 'list.json', ['nowhere']))
    binary = tmp_path / 'list.bin'
    binary.write_bytes(b'\xff\xfe')
    for listed in (save(tmp_path / 'list.json', [1]), save(tmp_path / 'empty.json', []), binary):
        refused('must hold sample tokens', samples=listed)
    refused('file of samples .* does not exist', samples=tmp_path / 'none.txt')
    refused('is no result file', results=[save(tmp_path / 'r.json', {'results': 3})])
    refused('no key frame of split', results=[save(tmp_path / 'r.json', {'results': {}})])


def call(*arguments: object) -> int:
    args = build_parser('').parse_args([str(one) for one in arguments])
    return args.run(args)


def data(root: Path) -> tuple[object, ...]:
    return '--root', root, '--version', VERSION, '--split', SPLIT


@pytest.mark.parametrize('engine', ['devkit', 'fast'])
def test_a_part_from_the_command_line(root: Path, content: dict, tmp_path: Path, engine: str,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    tokens = split_tokens(root, VERSION, SPLIT)
    part = save(tmp_path / 'part.json', {'meta': {}, 'results': {one: content['results'][one] for one in tokens[2:9]}})
    command = ('nuscenes', part, *data(root), '--engine', engine)
    with pytest.raises(ValueError, match='7 samples, but 12 are expected: 5 missing'):
        call(*command)
    assert call(*command, '--partial', '--slice', 'light=night', '--out', tmp_path / 'out') == 0
    text = capsys.readouterr().out
    assert 'not the official protocol: light night' in text and 'only 7 key frames of the split' in text
    summary = json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())
    assert summary['num_samples'] == 7 and summary['meta']['subset'] == 'light night'
    assert call(*command, '--scenes', 'sliced-1') == 0


def test_slices_and_diff_from_the_command_line(root: Path, content: dict, results: Path, tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    other, out = save(tmp_path / 'other.json', disturb(content, 1)), tmp_path / 'out'
    assert call('slices', results, *data(root), '--by', 'speed', 'camera', '--min-boxes', 3, '--resamples', 5, '--out',
                out, '--scenes', 'sliced-0', 'sliced-2') == 0
    found = json.loads((out / 'slices.json').read_text())
    assert [one['name'] for one in found['slices']] == [
        '0-0.2 m/s', '0.2-5 m/s', '5+ m/s', 'unknown', 'CAM_FRONT', 'CAM_BACK', 'no camera']
    assert found['meta']['scenes'] == 2 and 'speed: unknown' in capsys.readouterr().out
    assert call('diff', results, other, *data(root), '--resamples', 8, '--out', out) == 0
    found = json.loads((out / 'difference.json').read_text())
    summaries = [evaluate_fast(path, root, VERSION, SPLIT) for path in (results, other)]
    assert found['metrics']['NDS']['difference'] == pytest.approx(summaries[1]['nd_score'] - summaries[0]['nd_score'])
    assert 'pedestrian_AOE' in capsys.readouterr().out
    assert call('diff', results, other, '--against', other, results, *data(root), '--resamples', 0) == 0
    assert '+0.0000' in capsys.readouterr().out
    with pytest.raises(ValueError, match='as many trainings of B as of A, got 2 and 1'):
        call('diff', results, other, '--against', other, *data(root))
    with pytest.raises(ValueError, match='diff compares two result files, got 1'):
        call('diff', results, *data(root))
    with pytest.raises(ValueError, match='resamples must be at least 0, got -1'):
        call('diff', results, other, *data(root), '--resamples', -1)


def test_boxes_without_a_size_are_named(root: Path, content: dict, tmp_path: Path) -> None:
    token = split_tokens(root, VERSION, SPLIT)[4]
    rows = [dict(row, size=[0.0, 4.0, 1.5]) for row in content['results'][token]]
    flat = save(tmp_path / 'flat.json', {**content, 'results': {**content['results'], token: rows}})
    for command in (('nuscenes', flat, '--engine', 'fast'), ('slices', flat), ('diff', flat, flat)):
        with pytest.raises(ValueError, match=r'flat\.json: .*size.* \[0\.0, 4\.0, 1\.5\]; width, length and height'):
            call(*command, *data(root))


def test_wrong_options_stop_before_the_work(root: Path, tmp_path: Path) -> None:
    taken, nowhere = save(tmp_path / 'file', {}), tmp_path / 'nowhere.json'
    models = ('bias', '--teacher', nowhere, '--student', nowhere, '--distilled', nowhere)
    for command in (('nuscenes', nowhere), ('slices', nowhere), ('diff', nowhere, nowhere), models):
        with pytest.raises(NotADirectoryError, match='file is a file; name a folder'):
            call(*command, *data(root), '--out', taken)
    for option, value in (('--max-forward', 'nan'), ('--max-reach', 0), ('--min-lidar-points', -1)):
        with pytest.raises(ValueError, match=f'{option[2:].replace("-", "_")} must be'):
            call('nuscenes', nowhere, *data(root), option, value)
    with pytest.raises(ValueError, match=r'speeds must rise from above 0, got .nan.'):
        call('slices', nowhere, *data(root), '--speeds', 'nan')
