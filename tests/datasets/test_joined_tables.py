"""Tables as arrays: rows that name rows, tokens of any form, and what does not fit together."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.nuscenes import columns
from perception_kd.datasets.nuscenes.columns import DoubleTokenError, Texts, TokenIndex, token_keys
from perception_kd.datasets.nuscenes.infos import scene_infos
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables, bytes_to_read
from tests.tiny_world import VERSION


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_root / VERSION, tmp_path / VERSION)
    return tmp_path


def change(root: Path, table: str, work) -> None:
    path = root / VERSION / f'{table}.json'
    rows = json.loads(path.read_text())
    work(rows)
    path.write_text(json.dumps(rows, indent=0))


def test_tokens_are_found_whatever_their_form():
    tokens = ['', 'a', 'é', 'A' * 32, 'a' * 32, 'f' * 31 + ' ', '0' * 31 + '1', '1' + '0' * 31, 'x' * 99]
    keys = token_keys(tokens)
    assert (keys == np.concatenate([token_keys([token]) for token in tokens])).all()  # whatever stands beside them
    index = TokenIndex(keys)
    assert index.rows(keys[::-1]).tolist() == list(range(len(tokens)))[::-1]
    assert index.rows(token_keys(['b', 'a' * 31, 'é'])).tolist() == [-1, -1, 2]
    assert TokenIndex(keys[:0]).rows(keys).tolist() == [-1] * len(tokens)
    with pytest.raises(DoubleTokenError) as caught:
        TokenIndex(token_keys(['a', 'b', 'c', 'b']))
    assert caught.value.row == 3


def test_keys_that_share_a_number_are_told_apart(monkeypatch):
    keys = np.array([[1, 3], [2, 2], [5, 9]], np.uint64)
    monkeypatch.setattr(columns, '_FACTORS', ((1, 1), (1, 2)))  # the first pair makes 4 of two keys
    assert TokenIndex(keys).rows(keys[[2, 0, 1]]).tolist() == [2, 0, 1]


def test_texts():
    texts = Texts()
    for block in (['a', '', 'éa'], [], ['xyz']):
        texts.extend(block)
    assert texts.close().take(np.array([3, 2, 1, 0, 3])) == ['xyz', 'éa', '', 'a', 'xyz']


def test_bytes_read_are_told(tiny_root):
    told = []
    NuScenesTables(tiny_root, VERSION, told.append)
    assert sum(told) == pytest.approx(bytes_to_read(tiny_root, VERSION), rel=0.01)


@pytest.mark.parametrize(('table', 'column', 'names'), [
    ('sample_data', 'ego_pose_token', 'ego_pose'), ('sample_data', 'calibrated_sensor_token', 'calibrated_sensor'),
    ('sample_data', 'sample_token', 'sample'), ('sample_annotation', 'sample_token', 'sample'),
    ('sample_annotation', 'prev', 'sample_annotation'), ('sample_annotation', 'next', 'sample_annotation'),
    ('sample_annotation', 'instance_token', 'instance'), ('instance', 'category_token', 'category'),
    ('calibrated_sensor', 'sensor_token', 'sensor'),
])  # fmt: skip
def test_lost_rows_are_named(root, table, column, names):
    change(root, table, lambda rows: rows[0].update({column: 'nowhere', 'is_key_frame': True}))
    with pytest.raises(ValueError, match=rf"/{names}\.json has no row 'nowhere'; are all tables of one version"):
        NuScenesTables(root, VERSION)


def test_a_lost_sweep_is_named_where_it_is_wanted(root):
    def lose(rows):
        key = next(row for row in reversed(rows) if row['is_key_frame'] and 'RADAR_FRONT' in row['filename'])
        before = next(row for row in rows if row['token'] == key['prev'])
        before['prev'] = 'nowhere'

    change(root, 'sample_data', lose)
    tables = NuScenesTables(root, VERSION)
    assert scene_infos(tables, 'tiny-2', radar_sweeps=1)
    with pytest.raises(ValueError, match=r'sample_data\.json has no row before the one of .*RADAR_FRONT'):
        scene_infos(tables, 'tiny-2', radar_sweeps=2)


@pytest.mark.parametrize('table', ['sample', 'sample_data', 'ego_pose', 'sample_annotation', 'instance'])
def test_double_tokens_are_refused(root, table):
    change(root, table, lambda rows: rows.append(dict(rows[0])))
    with pytest.raises(ValueError, match=rf'/{table}\.json: row \d+ has the token of an earlier row'):
        NuScenesTables(root, VERSION)


@pytest.mark.parametrize(('table', 'column'), [('sample_data', 'filename'), ('ego_pose', 'token'),
                                               ('sample_annotation', 'prev'), ('scene', 'name')])
def test_texts_that_are_none_are_refused(root, table, column):
    change(root, table, lambda rows: rows[0].update({column: None}))
    with pytest.raises(ValueError, match=rf'/{table}\.json: row 0: {column} is None, no text'):
        NuScenesTables(root, VERSION)
