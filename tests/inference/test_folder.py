"""A folder gives the infos, and through a pipeline the inputs, that the tables give which it was made from."""

import runpy
import sys

import cv2
import numpy as np
import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.inference.dataset import build_dataset, note_on_sweeps
from perception_kd.inference.folder import samples_of_folder
from perception_kd.inference.folder_writer import write_folder
from perception_kd.inference.root import samples_of_root
from tests.inference.conftest import CAMERA
from tests.tiny_world import VERSION

KEYS = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar', 'past')
LOAD = [dict(type='LoadMultiViewImages'), dict(type='LoadRadarSweeps', sweeps_num=4, filter_preset='crn')]


def config(frame: str = 'lidar', **changes) -> Config:
    pipeline = [*LOAD, dict(type='LoadPastFrames', transforms=LOAD), dict(type='ToBEVFrame', frame=frame),
                dict(type='ImageAug', final_size=(64, 96)), dict(type='PackInputs', keys=KEYS)]
    return Config(dict(test_dataloader=dict(dataset=dict(
        type='NuScenesRadarDataset', ann_file='nuscenes_infos_tiny_train.pkl', data_root='', test_mode=True,
        pipeline=pipeline, past_frames=[1, 2], **changes))))


@pytest.fixture
def drive(tiny_root, tmp_path):
    write_folder(tiny_root, tmp_path / 'drive', samples=['tiny-1'], lidar=False)
    return tmp_path / 'drive'


def test_every_matrix_is_that_of_the_tables(tiny_root, drive, tmp_path):
    """Sensors fire at different times while the vehicle drives and turns; sweeps are earlier files."""
    own = samples_of_folder(drive, prepared=tmp_path / 'p')
    tables = samples_of_root(tiny_root, chosen=['tiny-1'])
    assert len(own.infos) == len(tables.infos) == 3 and own.frame['name'] == 'vehicle' and not tables.frame
    for ours, theirs in zip(own.infos, tables.infos):
        assert ours['token'] == str(round(theirs['timestamp'] * 1e6)) and ours['timestamp'] == theirs['timestamp']
        assert 'lidar_path' not in ours['lidar_points'] and 'instances' not in ours
        np.testing.assert_allclose(ours['ego2global'], theirs['ego2global'], atol=1e-9)
        for name, image in theirs['images'].items():
            for key in ('cam2img', 'cam2ego', 'lidar2cam', 'height', 'width', 'timestamp'):
                np.testing.assert_allclose(ours['images'][name][key], image[key], atol=1e-9, err_msg=key)
        for name, radar in theirs['radar_points'].items():
            sweeps = [radar, *radar['sweeps']]
            found = [ours['radar_points'][name], *ours['radar_points'][name]['sweeps']]
            assert [one['timestamp'] for one in found] == [one['timestamp'] for one in sweeps]
            np.testing.assert_allclose([one['radar2lidar'] for one in found], [one['radar2lidar'] for one in sweeps],
                                       atol=1e-9)
    assert len(own.infos[2]['radar_points']['RADAR_FRONT']['sweeps']) == 6 and not note_on_sweeps(config(), own)


@pytest.mark.parametrize('frame', ['lidar', 'ego'])
def test_every_input_is_that_of_the_data_set(tiny_root, drive, tmp_path, frame):
    cfg = config(frame)
    init_default_scope('perception_kd')
    settings = {**cfg.test_dataloader.dataset, 'data_root': str(tiny_root)}
    del settings['type']
    tested = NuScenesRadarDataset(**settings)
    rows = [row for row in range(len(tested)) if tested.get_data_info(row)['token'] in
            {info['token'] for info in samples_of_root(tiny_root, chosen=['tiny-1']).frames}]
    own = build_dataset(cfg, samples_of_folder(drive, prepared=tmp_path / 'p', chosen=['2', '-2'], back=2))
    assert len(own) == 2 and own.metainfo['classes'] == tested.metainfo['classes']
    for number, row in ((0, rows[2]), (1, rows[1])):
        mine, theirs = own[number]['inputs'], tested[row]['inputs']
        assert set(mine) == set(theirs) == set(KEYS)
        for one, other in ((mine, theirs), *zip(mine['past'], theirs['past'])):
            for key in set(one) - {'past'}:
                torch.testing.assert_close(one[key], other[key], rtol=0, atol=1e-5, msg=key)
        assert len(mine['radar']) > 20


def test_without_poses_each_moment_stands_alone(drive, tmp_path):
    (drive / 'poses.csv').unlink()
    own = samples_of_folder(drive, prepared=tmp_path / 'p')
    assert len({info['scene_token'] for info in own.infos}) == 3
    assert not any(radar['sweeps'] for info in own.infos for radar in info['radar_points'].values())
    np.testing.assert_array_equal(own.infos[1]['ego2global'], np.eye(4))
    assert 'the config adds 4, so the student sees fewer returns' in note_on_sweeps(config(), own)


def test_moments_before_the_chosen_ones_are_kept_for_past_frames(drive, tmp_path):
    own = samples_of_folder(drive, prepared=tmp_path / 'p', chosen=['2'], back=1)
    assert [len(own.infos), own.chosen] == [2, [1]]
    assert len(samples_of_folder(drive, prepared=tmp_path / 'p', chosen=['2']).infos) == 1
    with pytest.raises(ValueError, match="no sample '7' among its 3"):
        samples_of_folder(drive, prepared=tmp_path / 'p', chosen=['7'])
    (drive / 'times.txt').write_text('')
    with pytest.raises(ValueError, match='there is no sample to predict'):
        samples_of_folder(drive, prepared=tmp_path / 'p')


@pytest.mark.parametrize(('model', 'coefficients'), [('pinhole', [-0.2, 0.05, 0.001, -0.002, 0.0]),
                                                     ('fisheye', [0.1, -0.05, 0.01, 0.0])])
def test_what_a_lens_bent_lies_where_a_pinhole_sees_it(folder, tmp_path, model, coefficients):
    """A dot at the distorted projection of a point is found at its plain projection after undistorting."""
    intrinsics, size = np.array([[200.0, 0, 199.5], [0, 210.0, 149.5], [0, 0, 1]]), (400, 300)
    point = np.array([[0.5, -0.35, 1.0]])
    if model == 'fisheye':
        bent, _ = cv2.fisheye.projectPoints(point[None], *np.zeros((2, 3)), intrinsics, np.array(coefficients))
    else:
        bent, _ = cv2.projectPoints(point, *np.zeros((2, 3)), intrinsics, np.array(coefficients))
    plain = (intrinsics @ point[0])[:2]
    assert np.linalg.norm(bent.ravel() - plain) > 4
    camera = {**CAMERA, 'size': list(size), 'intrinsics': intrinsics.tolist(),
              'distortion': {'model': model, 'coefficients': coefficients}}
    root = folder(cameras={'CAM': camera})
    picture = np.zeros((*size[::-1], 3), np.uint8)
    cv2.circle(picture, tuple(map(round, bent.ravel().tolist())), 4, (255, 255, 255), -1)
    cv2.imwrite(str(root / 'CAM' / 'one.png'), picture)
    (info,) = samples_of_folder(root, prepared=tmp_path / 'p').infos
    seen = cv2.imread(info['images']['CAM']['img_path'])[..., 0] > 128
    assert info['images']['CAM']['img_path'].startswith(str(tmp_path / 'p'))
    np.testing.assert_allclose([axis.mean() for axis in np.nonzero(seen)[::-1]], plain, atol=1.0)


def test_sensors_that_a_config_needs(folder, tmp_path):
    lidar = config()
    lidar.test_dataloader.dataset.pipeline.insert(0, dict(type='LoadLidarSweeps', sweeps_num=0))
    samples = samples_of_folder(folder(), prepared=tmp_path / 'p')
    with pytest.raises(ValueError, match=r'reads LiDAR, and .*calib.yaml names none'):
        build_dataset(lidar, samples)
    with pytest.raises(ValueError, match=r'no radar REAR; it has RADAR'):
        build_dataset(config(radars=['REAR']), samples)
    nowhere = samples_of_folder(folder(lidar=None), prepared=tmp_path / 'p')
    with pytest.raises(ValueError, match='does not say where that would be on this vehicle: add lidar'):
        build_dataset(config(), nowhere)
    assert build_dataset(config('ego'), nowhere)[0]['inputs']['radar'].shape == (2, 7)
    blind = samples_of_folder(folder(cameras=None), prepared=tmp_path / 'p')
    with pytest.raises(ValueError, match='names no camera'):
        build_dataset(config('ego'), blind)


def test_radars_without_a_file_are_told(folder, tmp_path):
    lines: list[str] = []
    root = folder(('a', 'b', 'c'))
    (root / 'RADAR' / 'b.pcd').unlink()
    samples_of_folder(root, prepared=tmp_path / 'p', chosen=['c'], echo=lines.append)
    assert not lines
    samples_of_folder(root, prepared=tmp_path / 'p', echo=lines.append)
    assert lines == [f'{root}: RADAR has no file for 1 of 3 samples (b); they are predicted without it']
    samples = samples_of_folder(root, prepared=tmp_path / 'p', chosen=['b'], echo=lines.append)
    with pytest.raises(ValueError, match=r'reads radar, and .* has no radar file for any of the chosen samples'):
        build_dataset(config(), samples)


def test_pictures_of_another_size_or_none_at_all(folder, tmp_path):
    root = folder(cameras={'CAM': {**CAMERA, 'size': [80, 40]}})
    with pytest.raises(ValueError, match=r'the picture has 40 x 20 pixels, calib\.yaml says 80 x 40'):
        samples_of_folder(root, prepared=tmp_path / 'p')
    (root / 'CAM' / 'one.png').write_bytes(b'none')
    with pytest.raises(ValueError, match=r'one\.png: no picture that can be read'):
        samples_of_folder(root, prepared=tmp_path / 'p')


def test_poses_need_time_stamps(folder, tmp_path):
    root = folder()
    (root / 'poses.csv').write_text('')
    with pytest.raises(ValueError, match=r'poses\.csv is there, so file names must be time stamps'):
        samples_of_folder(root, prepared=tmp_path / 'p')


def test_what_the_writer_refuses(tiny_root, drive):
    with pytest.raises(FileExistsError, match='exists and is not empty'):
        write_folder(tiny_root, drive)
    for place in (tiny_root, tiny_root / 'samples' / '..', tiny_root.parent):
        with pytest.raises(FileExistsError, match=r'holds the root .* itself'):
            write_folder(tiny_root, place, force=True)
    with pytest.raises(ValueError, match=r'of several scenes, and the sensors of .* measured at 5 times'):
        write_folder(tiny_root, drive, force=True)
    with pytest.raises(ValueError, match="no sample 'tiny-9' among its 9"):
        write_folder(tiny_root, drive.parent / 'other', samples=['tiny-9'])
    assert write_folder(tiny_root, drive, samples=['tiny-0'], force=True, version=VERSION) == drive / 'calib.yaml'
    assert yaml.safe_load((drive / 'calib.yaml').read_text())['lidar']['files'] == 'LIDAR_TOP/*'
    assert len(list((drive / 'LIDAR_TOP').iterdir())) == 3


def test_the_command_line_of_the_writer(tiny_root, tmp_path, monkeypatch, capsys):
    out = tmp_path / 'drive'
    monkeypatch.setattr(sys, 'argv', ['convert.py', 'folder', '--root', str(tiny_root), '--samples', '3', '--no-lidar',
                                      '--out', str(out)])
    for status, line in ((0, f'{out}/calib.yaml'), (1, f'error: {out} exists and is not empty')):
        with pytest.raises(SystemExit) as left:
            runpy.run_path('tools/convert.py', run_name='__main__')
        assert left.value.code == status and line in ''.join(capsys.readouterr())
    assert sorted(path.name for path in out.iterdir()) == [
        'CAM_BACK', 'CAM_FRONT', 'RADAR_BACK_LEFT', 'RADAR_FRONT', 'calib.yaml', 'poses.csv', 'times.txt']
