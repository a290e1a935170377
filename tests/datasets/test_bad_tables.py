"""Every table that is missing, empty, cut off, of another form, or holds a number that cannot be: named in one line."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.vocabulary import TABLES
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from tests.evaluation.helpers import perfect_results, save
from tests.tiny_world import VERSION

READ_BY_US = ('scene', 'sample', 'sample_data', 'ego_pose', 'calibrated_sensor', 'sensor', 'instance', 'category',
              'sample_annotation', 'log', 'splits')  # fmt: skip
DAMAGE = {
    'missing': None, 'empty': b'', 'cut off': b'[{"token": "a"', 'no list': b'{"a": 1}', 'no rows': b'[1, 2]',
    'other columns': b'[{"key": "a"}]', 'no text': b'\xff\xfe\x00[', 'brackets': b'[' * 100_000,
}  # fmt: skip
NUMBERS = [
    ('ego_pose', 'translation'), ('ego_pose', 'rotation'), ('calibrated_sensor', 'translation'),
    ('calibrated_sensor', 'rotation'), ('calibrated_sensor', 'camera_intrinsic'), ('sample_annotation', 'translation'),
    ('sample_annotation', 'size'), ('sample_annotation', 'rotation'), ('sample_annotation', 'num_lidar_pts'),
    ('sample', 'timestamp'), ('sample_data', 'timestamp'),
]  # fmt: skip


@pytest.fixture(scope='module')
def copy(tiny_root, tmp_path_factory):
    """A root whose tables a test may spoil; put in order again after each."""
    root = tmp_path_factory.mktemp('tables')
    shutil.copytree(tiny_root / 'maps', root / 'maps')
    shutil.copytree(tiny_root / VERSION, root / VERSION)
    return root


@pytest.fixture
def root(copy, tiny_root):
    yield copy
    shutil.copytree(tiny_root / VERSION, copy / VERSION, dirs_exist_ok=True)


@pytest.fixture(scope='module')
def results(tiny_root, tmp_path_factory):
    return save(tmp_path_factory.mktemp('results') / 'r.json', perfect_results(tiny_root, VERSION, 'tiny_val'))


def make_infos(root: Path, out: Path) -> None:
    create_infos(InfoJob(root=root, version=VERSION, out=out), echo=lambda line: None)


def refused(work, *arguments) -> str:
    """The one line that the work ends with."""
    with pytest.raises((ValueError, FileNotFoundError)) as caught:
        work(*arguments)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def spoil(table: Path, content: bytes | None) -> None:
    table.unlink() if content is None else table.write_bytes(content)


@pytest.mark.parametrize(('table', 'damage'), [
    pair for pair in product(READ_BY_US, DAMAGE) if pair != ('splits', 'missing')])  # a root without has one split
def test_damaged_table_stops_create_data(root, tmp_path, table, damage):
    spoil(root / VERSION / f'{table}.json', DAMAGE[damage])
    said = refused(make_infos, root, tmp_path / 'out')
    assert f'{table}.json' in said or ((table, damage) == ('scene', 'missing') and 'has no version' in said)
    assert not list(tmp_path.rglob('*.pkl'))


@pytest.mark.parametrize('damage', ['missing', 'empty', 'cut off', 'no rows', 'other columns'])
@pytest.mark.parametrize('table', [*TABLES, 'splits'])
def test_damaged_table_stops_evaluation(root, results, table, damage):
    spoil(root / VERSION / f'{table}.json', DAMAGE[damage])
    said = refused(evaluate_devkit, results, root, VERSION, 'tiny_val')
    known = {('scene', 'missing'): 'has no version', ('splits', 'missing'): 'it has all'}
    other = damage == 'other columns' and 'cannot join these tables' in said
    assert f'{table}.json' in said or known.get((table, damage), '?') in said or other, said


def test_missing_map_mask_stops_evaluation(tiny_root, results, tmp_path):
    shutil.copytree(tiny_root / VERSION, tmp_path / VERSION)
    said = refused(evaluate_devkit, results, tmp_path, VERSION, 'tiny_val')
    assert 'maps/' in said and '.png is missing: the devkit wants the map mask' in said


def with_number(value: object, bad: object) -> object:
    """The value with ``bad`` in the place of its last number."""
    return [*value[:-1], with_number(value[-1], bad)] if isinstance(value, list) else bad


@pytest.mark.parametrize('bad', [float('nan'), float('-inf'), None, 'x'], ids=str)
@pytest.mark.parametrize(('table', 'column'), NUMBERS, ids='.'.join)
def test_numbers_that_cannot_be(root, tmp_path, table, column, bad):
    path = root / VERSION / f'{table}.json'
    rows = json.loads(path.read_text())
    row = next(row for row in reversed(rows) if row[column] != [])
    row[column] = with_number(row[column], bad)
    path.write_text(json.dumps(rows))
    said = refused(make_infos, root, tmp_path / 'out')
    assert f'{table}.json: row {row["token"]}: {column} is ' in said


@pytest.mark.parametrize(('table', 'column', 'bad'), [
    ('ego_pose', 'rotation', [0, 0, 0, 0]), ('sample_annotation', 'rotation', [2, 0, 0, 0]),
    ('sample_annotation', 'size', [1, 0, 2]), ('sample_annotation', 'size', [1, -4, 2]),
    ('sample_annotation', 'size', [1, 4]), ('calibrated_sensor', 'camera_intrinsic', [[1, 0], [0, 1]]),
])  # fmt: skip
def test_poses_and_sizes_that_cannot_be(root, results, tmp_path, table, column, bad):
    path = root / VERSION / f'{table}.json'
    rows = json.loads(path.read_text())
    rows[-1][column] = bad
    path.write_text(json.dumps(rows))
    for said in (refused(make_infos, root, tmp_path), refused(evaluate_devkit, results, root, VERSION, 'tiny_val')):
        assert f'{table}.json: row {rows[-1]["token"]}: {column} is {bad}' in said


@pytest.mark.parametrize('bad', ['false', 0, None], ids=str)
def test_key_frames_that_are_neither_true_nor_false(root, tmp_path, bad):
    path = root / VERSION / 'sample_data.json'
    rows = json.loads(path.read_text())
    rows[3]['is_key_frame'] = bad
    path.write_text(json.dumps(rows))
    assert f'sample_data.json: row 3: is_key_frame is {bad!r}, no truth value' in refused(make_infos, root, tmp_path)


def test_nan_box_does_not_reach_a_metric(root, results):
    path = root / VERSION / 'sample_annotation.json'
    rows = json.loads(path.read_text())
    rows[0]['translation'][0] = float('nan')
    path.write_text(json.dumps(rows))
    assert 'translation is [nan' in refused(evaluate_devkit, results, root, VERSION, 'tiny_val')


def test_key_frames_in_a_circle(root, tmp_path):
    path = root / VERSION / 'sample.json'
    rows = json.loads(path.read_text())
    last = next(row for row in rows if not row['next'])
    last['next'] = next(row for row in rows if row['scene_token'] == last['scene_token'])['token']
    path.write_text(json.dumps(rows))
    assert 'run in a circle' in refused(make_infos, root, tmp_path)
