"""The data set on disk: tables, tracks, splits, seeds, resuming, refusals."""

import json
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from perception_kd.simulation.uav.casting import CATEGORIES, draw_side
from perception_kd.simulation.uav.presets import PRESETS
from perception_kd.simulation.uav.sensor import encode
from perception_kd.simulation.uav.sequence import draw_sequence, has_drones
from perception_kd.simulation.uav.stamp import uav_stamp
from perception_kd.simulation.writers import coco as target
from perception_kd.simulation.writers.coco import INFO, SPLITS, simulate_uav, split_of
from tests.simulation.quiet import digests
from tests.simulation.uav.small import SMALL
from tools.simulate import main

PROJECT = Path(__file__).parents[3]
SCENES = 7
BRIEF = replace(SMALL, name='brief', frames=2, view=(40, 60), width=96, height=64)


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    return simulate_uav(tmp_path_factory.mktemp('uav') / 'root', scenes=SCENES, seed=3, preset=SMALL, workers=1)


@pytest.fixture(scope='module')
def tables(made):
    return {split: json.loads((made / 'annotations' / f'{split}.json').read_bytes()) for split in SPLITS}


@pytest.fixture(scope='module')
def brief(tmp_path_factory):
    """Bytes of a run that nobody interrupted."""
    return digests(simulate_uav(tmp_path_factory.mktemp('brief') / 'root', scenes=4, seed=5, preset=BRIEF, workers=1))


def test_tables_are_the_contract(made, tables):
    names = set()
    for split, table in tables.items():
        assert set(table) == {'info', 'categories', 'videos', 'images', 'annotations'}
        assert set(table['info']) == {'source', 'licence', 'stamp'}
        assert table['info']['stamp'] == uav_stamp(SMALL, 3)
        assert [row['name'] for row in table['categories']] == list(CATEGORIES)
        assert [row['id'] for row in table['categories']] == [1, 2, 3, 4]
        assert [row['id'] for row in table['annotations']] == list(range(1, len(table['annotations']) + 1))
        videos = {row['id'] for row in table['videos']}
        for row in table['images']:
            picture = cv2.imread(str(made / row['file_name']))
            assert picture.shape == (row['height'], row['width'], 3) == (128, 160, 3)
            assert row['video_id'] in videos and row['file_name'].startswith(f'images/{split}/')
            names.add(row['file_name'])
        for row in table['annotations']:
            x, y, width, height = row['bbox']
            assert min(x, y) >= 0 and min(width, height) >= 1 and x + width <= 160 and y + height <= 128
            assert row['area'] == width * height
            assert row['iscrowd'] == (row['visible'] < 0.25 or row['contrast'] < 0.04)
    assert names == {str(path.relative_to(made)) for path in made.rglob('*.jpg')} and len(names) == 4 * SCENES
    assert not list(made.parent.glob('.*')), 'nothing is left beside'


def test_sequences_are_not_split(tables):
    videos = [{row['id'] for row in table['videos']} for table in tables.values()]
    assert [sorted(ids) for ids in videos] == [[1, 2, 3, 4, 7], [5], [6]]
    images = [row['id'] for table in tables.values() for row in table['images']]
    assert len(set(images)) == len(images) == 4 * SCENES
    for table in tables.values():
        frames = defaultdict(list)
        for row in table['images']:
            frames[row['video_id']].append(row['frame_id'])
        assert all(numbers == [0, 1, 2, 3] for numbers in frames.values())


@pytest.mark.parametrize(('scenes', 'splits'), [(1, 'train'), (2, 'train train'), (3, 'train val test'),
                                                (5, 'train train train val test')])  # fmt: skip
def test_short_sets_are_split_too(scenes, splits):
    assert [split_of(index, scenes) for index in range(scenes)] == splits.split()
    assert [sum(split_of(index, 60) == split for index in range(60)) for split in SPLITS] == [40, 10, 10]


def test_pycocotools_reads_it(made, capsys):
    coco = COCO(made / 'annotations' / 'train.json')
    assert len(coco.getImgIds()) == 20 and len(coco.getAnnIds()) > 20
    assert coco.loadCats([1])[0]['name'] == 'drone'
    drones = coco.getAnnIds(catIds=[1])
    assert drones and all(row['category_id'] == 1 for row in coco.loadAnns(drones))


def test_tracks_keep_their_identity_and_move_smoothly(tables):
    tracks = defaultdict(list)
    for table in tables.values():
        images = {row['id']: row for row in table['images']}
        for row in table['annotations']:
            image = images[row['image_id']]
            assert row['instance_id'] // 100 == image['video_id'] - 1
            tracks[row['instance_id']].append((image['frame_id'], row))
    assert sum(len(track) == 4 for track in tracks.values()) > 5
    for track in tracks.values():
        assert len({row['category_id'] for _, row in track}) == 1
        numbers = [frame for frame, _ in track]
        assert numbers == sorted(set(numbers))
        distance = np.array([row['distance'] for _, row in track])
        assert (np.abs(np.diff(distance)) < 0.5 * distance[:-1]).all()


def test_motion_in_the_picture_is_continuous():
    """At 32 pictures a second a target that the pictures show whole does not jump."""
    sequence, found = draw_sequence(replace(SMALL, frames=32, rate=32.0), 1, 0), 0
    places = defaultdict(dict)
    for number in range(8, 16):
        for sight in sequence.frame(number).sights:
            if sight.visible > 0.95:
                x, y, width, height = sight.box
                places[sight.track][number] = np.array([x + width / 2, y + height / 2]), max(width, height)
    for track in places.values():
        for number, (place, side) in track.items():
            if number + 1 in track:
                assert np.linalg.norm(track[number + 1][0] - place) < 0.08 * SMALL.width + 0.5 * side
                found += 1
    assert found >= 5


def test_drones_are_absent_where_the_number_says_so(tables):
    for table in tables.values():
        images = {row['id']: row['video_id'] for row in table['images']}
        drones = {images[row['image_id']] for row in table['annotations'] if row['category_id'] == 1}
        others = {images[row['image_id']] for row in table['annotations'] if row['category_id'] != 1}
        for video in table['videos']:
            assert has_drones(SMALL, video['id'] - 1) or video['id'] not in drones
        assert drones or table is not tables['train']
        assert others or table is not tables['train']
    assert sum(has_drones(SMALL, index) for index in range(100)) == 70


def test_sides_follow_the_range(tables):
    rng = np.random.default_rng(0)
    logs = np.log([draw_side(rng, (4.0, 60.0)) for _ in range(4000)])
    ends = np.log([4.32, 54.0])
    assert logs.min() >= ends[0] and logs.max() <= ends[1]
    quarters = np.histogram(logs, np.linspace(*ends, 5))[0]
    np.testing.assert_allclose(quarters, 1000, rtol=0.1)
    whole = [row for table in tables.values() for row in table['annotations'] if row['visible'] > 0.97]
    sides = np.sqrt([row['area'] for row in whole])
    assert len(sides) > 30 and ((sides >= 3) & (sides <= 33)).mean() > 0.95


def test_sequences_follow_seed_and_number(made):
    one, again = (draw_sequence(BRIEF, 3, 0) for _ in range(2))
    assert encode(one.frame(1).picture, one.sensor) == encode(again.frame(1).picture, again.sensor)
    for other in (draw_sequence(BRIEF, 4, 0), draw_sequence(BRIEF, 3, 1)):
        assert np.abs(other.frame(1).picture.astype(int) - one.frame(1).picture).mean() > 2
    assert uav_stamp(SMALL, 3).startswith('uav-test-seed3-')
    assert len({uav_stamp(SMALL, 3), uav_stamp(SMALL, 4), uav_stamp(BRIEF, 3)}) == 3
    assert len({preset.name for preset in PRESETS.values()}) == 3


def test_workers_change_nothing(brief, tmp_path):
    code = ('from perception_kd.simulation.writers.coco import simulate_uav\n'
            'from tests.simulation.uav.test_root import BRIEF\n'
            'if __name__ == "__main__":\n'
            f'    simulate_uav({str(tmp_path / "root")!r}, scenes=4, seed=5, preset=BRIEF, workers=2)\n')  # fmt: skip
    (tmp_path / 'run.py').write_text(code)
    subprocess.run([sys.executable, tmp_path / 'run.py'], check=True, cwd=PROJECT, capture_output=True,
                   env={**os.environ, 'PYTHONPATH': str(PROJECT)})  # fmt: skip
    assert digests(tmp_path / 'root') == brief


def test_an_interrupted_run_goes_on_to_equal_files(brief, tmp_path, monkeypatch):
    said, drawn = [], []

    def stop(preset, seed, index):
        drawn.append(index)
        sequence = draw_sequence(preset, seed, index)
        if index == 2 and len(drawn) == 3:
            (tmp_path / '.root.partial' / 'data' / 'images' / 'train' / '000001' / '0001.jpg').write_bytes(b'')
            raise KeyboardInterrupt
        return sequence

    monkeypatch.setattr(target, 'draw_sequence', stop)
    arguments = {'scenes': 4, 'seed': 5, 'preset': BRIEF, 'workers': 1, 'echo': said.append}
    with pytest.raises(KeyboardInterrupt):
        simulate_uav(tmp_path / 'root', **arguments)
    assert not (tmp_path / 'root').exists()
    root = simulate_uav(tmp_path / 'root', **arguments)
    assert drawn == [0, 1, 2, 1, 2, 3], 'a sequence with an empty file is made again'
    assert '2 sequences are finished' in said[-1]
    assert digests(root) == brief and not list(tmp_path.glob('.*'))


def test_a_failing_run_leaves_nothing_behind(tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError('no such light')

    monkeypatch.setattr(target, 'draw_sequence', fail)
    with pytest.raises(RuntimeError, match='no such light'):
        simulate_uav(tmp_path / 'root', scenes=1, preset=BRIEF, workers=1)
    assert not list(tmp_path.iterdir())


def test_existing_folders_are_not_lost(made, tmp_path):
    before = digests(made)
    with pytest.raises(FileExistsError, match=r'not empty; choose another folder or use --force'):
        simulate_uav(made, scenes=1, preset=BRIEF)
    (tmp_path / 'photo.jpg').write_text('x')
    with pytest.raises(FileExistsError, match=rf'no simulated drone sequences \({INFO}\), so --force will not replace'):
        simulate_uav(tmp_path, scenes=1, preset=BRIEF, force=True)
    assert digests(made) == before


@pytest.mark.parametrize(('arguments', 'words'), [
    (['--preset', 'huge'], 'unknown uav preset'),
    (['--scenes', '0'], 'scenes must be at least 1'),
    (['--count', '100001'], 'scenes must be at most 100000'),
    (['--seed', '-1'], 'seed must be at least 0'),
    (['--workers', '0'], 'workers must be at least 1'),
])  # fmt: skip
def test_the_tool_refuses_bad_numbers(tmp_path, arguments, words):
    with pytest.raises(ValueError, match=words):
        main(['uav', '--out', str(tmp_path / 'root'), *arguments])
    assert not list(tmp_path.iterdir())


def test_the_tool_writes_a_root(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(PRESETS, 'tiny', BRIEF)
    assert main(['uav', '--out', str(tmp_path / 'root'), '--count', '1', '--workers', '1']) == 0
    assert f'{tmp_path / "root"}: 1 sequences, tiny, seed 0' in capsys.readouterr().out
    assert json.loads((tmp_path / 'root' / INFO).read_text())['scenes'] == 1
