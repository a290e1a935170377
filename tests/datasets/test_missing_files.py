"""Sensor files that are not there, and what the stamp says of a data set."""

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
    assert metainfo['missing_files'] == 0 and len(lines) == 1
    assert 'up to date' in make(root, strict=True)[2][0]


def test_files_are_left_out_until_they_are_there(root: Path) -> None:
    whole = make(root)[1]
    radar = whole[1]['radar_points'][FRONT]  # the second key frame of the first scene
    removed = [radar['radar_path'], radar['sweeps'][0]['radar_path']]
    kept = {name: resolve_path(root, FRONT, name).read_bytes() for name in removed}
    for name in removed:
        resolve_path(root, FRONT, name).unlink()
    metainfo, infos, lines = make(root, force=True)
    assert metainfo['missing_files'] == 2  # files, though three key frames name them
    assert lines[1].startswith('left out: 2 sensor files missing: RADAR_FRONT 2 (')
    assert all(name in lines[1] for name in removed)
    assert [sorted(info['radar_points']) for info in infos[:3]] == [[BACK, FRONT], [BACK], [BACK, FRONT]]
    listed = [sweep['radar_path'] for sweep in infos[2]['radar_points'][FRONT]['sweeps']]
    assert listed == [sweep['radar_path'] for sweep in whole[2]['radar_points'][FRONT]['sweeps']
                      if sweep['radar_path'] not in removed]
    with pytest.raises(FileNotFoundError, match=r'split tiny_train: 2 sensor files missing: RADAR_FRONT 2 \(.*strict'):
        make(root, strict=True)
    for name, content in kept.items():
        resolve_path(root, FRONT, name).write_bytes(content)
    assert make(root)[1] == whole  # no --force needed


def test_many_missing_files_are_counted_and_some_named(root: Path) -> None:
    shutil.rmtree(root / 'samples' / FRONT)
    _, infos, lines = make(root)
    assert 'RADAR_FRONT 6 (' in lines[1] and ', ...) (all in ' in lines[1] and lines[1].count('.pcd') == 3
    assert all(list(info['radar_points']) == [BACK] for info in infos)


def test_missing_lidar_sweeps_leave_the_list(root: Path) -> None:
    whole = make(root)[1]
    gone = whole[2]['lidar_sweeps'][1]['lidar_points']['lidar_path']
    (root / gone).unlink()
    metainfo, infos, lines = make(root, force=True)
    assert (metainfo['missing_files'], metainfo['left_out']) == (1, 0) and f'LIDAR_TOP 1 ({gone})' in lines[1]
    listed = [sweep['lidar_points']['lidar_path'] for sweep in infos[2]['lidar_sweeps']]
    assert listed == [sweep['lidar_points']['lidar_path'] for sweep in whole[2]['lidar_sweeps']
                      if sweep['lidar_points']['lidar_path'] != gone]


def test_key_frames_without_lidar_or_picture_stop_the_run_or_are_left_out(root: Path) -> None:
    whole = make(root)[1]
    bad = {whole[1]['token']: ('LIDAR_TOP', whole[1]['lidar_points']['lidar_path']),
           whole[4]['token']: ('CAM_BACK', whole[4]['images']['CAM_BACK']['img_path'])}
    kept = {resolve_path(root, *file): resolve_path(root, *file).read_bytes() for file in bad.values()}
    for path in kept:
        path.unlink()
    for path in root.glob('*.pkl'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r'tiny_train: 2 key frames lack .* --max-missing 2 \(now 1\)'):
        make(root, max_missing=1)
    assert not list(root.glob('nuscenes_infos*')), 'it stops before it writes'
    metainfo, infos, lines = make(root, max_missing=2)
    assert (metainfo['missing_files'], metainfo['left_out']) == (2, 2)
    assert [info['token'] for info in infos] == [info['token'] for info in whole if info['token'] not in bad]
    assert [info['sample_idx'] for info in infos] == [0, 1, 2, 3]
    assert '2 key frames without LiDAR or a picture; 2 sensor files missing: CAM_BACK 1 (' in lines[1]
    told = json.loads((root / 'nuscenes_infos_tiny_train_missing.json').read_text())
    paths = {channel: f'samples/{channel}/{name}' for channel, name in bad.values()}
    assert told['missing_files'] == {channel: [path] for channel, path in paths.items()}
    assert told['left_out_key_frames'] == [{'token': token, 'why': [f'{channel} {paths[channel]}']}
                                           for token, (channel, _) in bad.items()]
    for path, content in kept.items():
        path.write_bytes(content)
    assert make(root)[1] == whole and not list(root.glob('*_missing.json'))


def test_a_camera_without_a_row_makes_a_key_frame_useless_too(root: Path) -> None:
    table = root / VERSION / 'sample_data.json'
    rows = json.loads(table.read_text())
    gone = next(row for row in rows if 'samples/CAM_BACK' in row['filename'])
    table.write_text(json.dumps([row for row in rows if row is not gone]))
    _, infos, lines = make(root, max_missing=1)
    assert len(infos) == 5 and 'CAM_BACK 1 (no row for key frame' in lines[1]


def test_in_a_root_of_tables_alone_nothing_is_looked_for(root: Path) -> None:
    whole = make(root)[1]
    for name in ('samples', 'sweeps'):
        (root / name).rename(root / f'away_{name}')
    metainfo, infos, lines = make(root, force=True)
    assert metainfo['missing_files'] is None and infos == whole and 'no sensor file was looked for' in lines[1]
    (root / 'away_samples').rename(root / 'samples')
    with pytest.raises(FileNotFoundError, match='sensor files missing: LIDAR_TOP 8'):  # sweeps/ alone lacks
        make(root, strict=True)


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
