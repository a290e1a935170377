"""Radar files that are not there, and what the stamp says of a data set."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.infos import resolve_path
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.transforms import LoadRadarSweeps
from tests.tiny_world import VERSION

FRONT, BACK = 'RADAR_FRONT', 'RADAR_BACK_LEFT'


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy in which files may be removed, without info files."""
    return Path(shutil.copytree(tiny_root, tmp_path / 'root', ignore=shutil.ignore_patterns('*.pkl')))


def make(root: Path, **options: object) -> tuple[dict, list[dict], list[str]]:
    """Stamp, infos and report of the training split."""
    lines: list[str] = []
    files = create_infos(InfoJob(root=root, version=VERSION, out=root), splits=['tiny_train'], echo=lines.append,
                         **options)
    return *load_infos(files['tiny_train']), lines


def test_nothing_is_missing(root: Path) -> None:
    metainfo, _, lines = make(root, strict=True)
    assert metainfo['missing_radar'] == 0 and len(lines) == 1
    assert 'up to date' in make(root, strict=True)[2][0]


def test_files_are_left_out_until_they_are_there(root: Path) -> None:
    whole = make(root)[1]
    radar = whole[1]['radar_points'][FRONT]  # the second key frame of the first scene
    removed = [radar['radar_path'], radar['sweeps'][0]['radar_path']]
    kept = {name: resolve_path(root, FRONT, name).read_bytes() for name in removed}
    for name in removed:
        resolve_path(root, FRONT, name).unlink()
    metainfo, infos, lines = make(root, force=True)
    assert metainfo['missing_radar'] == 2  # files, though three key frames name them
    assert lines[1].startswith('left out: 2 radar files missing: RADAR_FRONT 2 (')
    assert all(name in lines[1] for name in removed)
    assert [sorted(info['radar_points']) for info in infos[:3]] == [[BACK, FRONT], [BACK], [BACK, FRONT]]
    listed = [sweep['radar_path'] for sweep in infos[2]['radar_points'][FRONT]['sweeps']]
    assert listed == [sweep['radar_path'] for sweep in whole[2]['radar_points'][FRONT]['sweeps']
                      if sweep['radar_path'] not in removed]
    with pytest.raises(FileNotFoundError, match=r'split tiny_train: 2 radar files missing: RADAR_FRONT 2 \(.*strict'):
        make(root, strict=True)
    for name, content in kept.items():
        resolve_path(root, FRONT, name).write_bytes(content)
    assert make(root)[1] == whole  # no --force needed


def test_many_missing_files_are_counted_and_some_named(root: Path) -> None:
    shutil.rmtree(root / 'samples' / FRONT)
    _, infos, lines = make(root)
    assert 'RADAR_FRONT 6 (' in lines[1] and lines[1].endswith(', ...)') and lines[1].count('.pcd') == 3
    assert all(list(info['radar_points']) == [BACK] for info in infos)


def test_key_frames_without_a_row_count_too(root: Path) -> None:
    table = root / VERSION / 'sample_data.json'
    rows = json.loads(table.read_text())
    gone = next(row for row in rows if row['is_key_frame'] and f'samples/{BACK}' in row['filename'])
    table.write_text(json.dumps([{**row, 'prev': row['prev'].replace(gone['token'], gone['prev'])}
                                 for row in rows if row is not gone]))
    _, _, lines = make(root)
    assert f'RADAR_BACK_LEFT 1 (no row for key frame {gone["sample_token"]})' in lines[1]


def test_chosen_radars_may_be_missing_in_some_key_frames(root: Path) -> None:
    for path in sorted((root / 'samples' / FRONT).iterdir())[:1]:
        path.unlink()
    make(root)
    data = dict(ann_file='nuscenes_infos_tiny_train.pkl', data_root=str(root))
    dataset = NuScenesRadarDataset(**data, radars=[FRONT])
    radars = [list(dataset.get_data_info(index)['radar_points']) for index in range(len(dataset))]
    assert radars == [[], *[[FRONT]] * 5]
    assert LoadRadarSweeps()(dataset.get_data_info(0))['radar'].shape == (0, 7)
    with pytest.raises(ValueError, match='no radar RADAR_FRONT_LEFT; it has'):
        NuScenesRadarDataset(**data, radars=[FRONT, 'RADAR_FRONT_LEFT'])


def test_the_stamp_names_the_simulated_world(root: Path) -> None:
    assert make(root)[0]['world'] == ''
    table = root / VERSION / 'log.json'
    logs = json.loads(table.read_text())
    table.write_text(json.dumps([{**log, 'vehicle': 'simulated', 'logfile': 'tiny-seed3-0123456789ab'}
                                 for log in logs]))
    assert make(root)[0]['world'] == 'tiny-seed3-0123456789ab'
    table.write_text('[{}')
    with pytest.raises(ValueError, match=r'log\.json is not valid JSON'):
        make(root)
