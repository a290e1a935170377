"""Sensor and info files: cut anywhere, empty, with NaN, or of another rig. An error or the right result, never more."""

from __future__ import annotations

import pickle
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from perception_kd.datasets.faults import FaultLog
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.formats import (
    RADAR_FIELDS,
    read_lidar_bin,
    read_radar_pcd,
    write_lidar_bin,
    write_radar_pcd,
)
from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.transforms import LoadLidarSweeps, LoadMultiViewImages, LoadRadarSweeps, finite
from tests.tiny_world import HEIGHT, WIDTH

TRAIN = 'nuscenes_infos_tiny_train.pkl'
anywhere = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def files_of(dataset, index=0):
    """One file of each kind of a sample."""
    info = dataset.get_data_info(index)
    return {'LiDAR': info['lidar_points']['lidar_path'], 'radar': info['radar_points']['RADAR_FRONT']['radar_path'],
            'picture': info['images']['CAM_FRONT']['img_path'], 'infos': dataset.ann_file}


READERS = {'LiDAR': read_lidar_bin, 'radar': read_radar_pcd, 'picture': read_image, 'infos': load_infos}


def equal_or_beginning(kind, whole, part):
    """What may come of a file that lost its end: all of it, or whole points from the beginning."""
    if kind == 'infos':
        return whole == part
    rows = len(part) if kind == 'LiDAR' else len(whole)
    return part.dtype == whole.dtype and part.shape == (rows, *whole.shape[1:]) and np.array_equal(part, whole[:rows])


@pytest.mark.parametrize('kind', READERS)
@anywhere
@given(share=st.floats(0, 1, exclude_max=True))
def test_cut_anywhere(tiny_dataset, tmp_path, kind, share):
    read, source = READERS[kind], files_of(tiny_dataset)[kind]
    content, whole = Path(source).read_bytes(), read(source)
    path = tmp_path / 'cut'
    path.write_bytes(content[:int(share * len(content))])
    try:
        part = read(path)
    except ValueError as error:
        assert str(path) in str(error) and '\n' not in str(error)
    else:
        assert equal_or_beginning(kind, whole, part)


@pytest.mark.parametrize('kind', READERS)
@anywhere
@given(garbage=st.binary(max_size=300))
def test_something_else_in_its_place(tmp_path, kind, garbage):
    path = tmp_path / 'other'
    path.write_bytes(garbage)
    try:
        found = READERS[kind](path)
    except ValueError as error:
        assert str(path) in str(error)
    else:  # any 20 bytes are a LiDAR point
        assert kind == 'LiDAR' and found.shape == (len(garbage) // 20, 5)


@pytest.mark.parametrize('kind', READERS)
def test_missing_and_empty(tmp_path, kind):
    with pytest.raises(FileNotFoundError, match='gone'):
        READERS[kind](tmp_path / 'gone')
    (tmp_path / 'empty').write_bytes(b'')
    with pytest.raises(ValueError, match='empty'):
        READERS[kind](tmp_path / 'empty')


@pytest.fixture
def said(monkeypatch):
    """Lines of warning about points."""
    lines = []
    monkeypatch.setattr(finite, 'FAULTS', FaultLog(what='files with such points'))
    monkeypatch.setattr('perception_kd.datasets.faults.print_log', lambda line, **_: lines.append(line))
    return lines


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_lidar_points_that_are_no_numbers(raw, tmp_path, said, bad):
    good = np.random.default_rng(0).uniform(5, 20, (50, 5)).astype(np.float32)
    spoilt = good.copy()
    spoilt[[3, 7], [0, 3]] = bad
    raw['lidar_points']['lidar_path'] = str(write_lidar_bin(tmp_path / 'a.pcd.bin', good))
    (tmp_path / 'a.pcd.bin').write_bytes(spoilt.tobytes())
    for _ in range(2):
        points = LoadLidarSweeps(sweeps_num=0)(raw)['points']
        np.testing.assert_array_equal(points[:, :4], np.delete(good, [3, 7], 0)[:, :4])
    assert len(said) == 1 and 'a.pcd.bin: 2 of 50 points hold NaN or infinity and are left out' in said[0]
    (tmp_path / 'a.pcd.bin').write_bytes(np.full((50, 5), bad, np.float32).tobytes())
    with pytest.raises(ValueError, match=r'a\.pcd\.bin: all points hold NaN or infinity'):
        LoadLidarSweeps(sweeps_num=0)(raw)


@pytest.mark.parametrize('field', ['x', 'rcs', 'vx_comp'])
def test_radar_points_that_are_no_numbers(raw, tmp_path, said, field):
    path = write_radar_pcd(tmp_path / 'a.pcd', {'x': np.arange(5.0) + 5, 'y': np.ones(5), 'rcs': np.arange(5.0)})
    raw['radar_points'] = {'RADAR_FRONT': {**raw['radar_points']['RADAR_FRONT'], 'radar_path': str(path)}}
    load = LoadRadarSweeps(sweeps_num=0)
    wanted = load(raw)['radar']
    content = bytearray(path.read_bytes())
    header = content.index(b'DATA binary\n') + 12
    offset = {'x': 0, 'rcs': 15, 'vx_comp': 27}[field]
    assert read_radar_pcd(path)[3, RADAR_FIELDS.index('rcs')] == 3
    content[header + 3 * 43 + offset:header + 3 * 43 + offset + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(content)
    assert np.isnan(read_radar_pcd(path)[3, RADAR_FIELDS.index(field)])
    np.testing.assert_array_equal(load(raw)['radar'], np.delete(wanted, 3, 0))
    assert len(said) == 1 and 'a.pcd: 1 of 5 points hold NaN' in said[0]


def own_infos(tiny_root, folder, change):
    """A data set of infos that ``change`` has spoilt."""
    metainfo, infos = load_infos(tiny_root / TRAIN)
    infos = pickle.loads(pickle.dumps(infos))
    change(infos)
    save_infos(folder / 'own.pkl', metainfo, infos)
    return lambda **more: NuScenesRadarDataset(ann_file=str(folder / 'own.pkl'), data_root=str(tiny_root), **more)


@pytest.mark.parametrize(('place', 'what'), [
    (lambda info: info['ego2global'][0], 'ego2global'),
    (lambda info: info['lidar_points']['lidar2ego'][1], 'lidar2ego'),
    (lambda info: info['lidar_sweeps'][0]['lidar_points']['lidar2sensor'][2], 'lidar2sensor'),
    (lambda info: info['images']['CAM_BACK']['cam2img'][0], 'cam2img'),
    (lambda info: info['images']['CAM_BACK']['lidar2cam'][0], 'lidar2cam'),
    (lambda info: info['radar_points']['RADAR_FRONT']['sweeps'][0]['radar2lidar'][0], 'radar2lidar'),
    (lambda info: info['instances'][1]['bbox_3d'], 'a box'),
])  # fmt: skip
def test_infos_with_nan(tiny_root, tmp_path, place, what):
    def change(infos):
        place(infos[1])[2] = float('nan')

    dataset = own_infos(tiny_root, tmp_path, change)()
    with pytest.raises(ValueError, match=rf'own\.pkl: sample \w{{32}}: {what} holds NaN or infinity') as caught:
        dataset.get_data_info(1)
    assert '\n' not in str(caught.value)


def test_a_key_frame_that_lacks_a_camera(tiny_root, tmp_path):
    build = own_infos(tiny_root, tmp_path, lambda infos: infos[4]['images'].pop('CAM_FRONT'))
    for more in ({}, {'cameras': ['CAM_FRONT']}):
        with pytest.raises(ValueError, match=r'own\.pkl: sample \w{32} has no camera CAM_FRONT; it has CAM_BACK'):
            build(**more)
    assert len(build(cameras=['CAM_BACK'])) == 6


@pytest.mark.parametrize('decode_scale', [1, 2])
@pytest.mark.parametrize('size', [(WIDTH * 2, HEIGHT * 2), (WIDTH, HEIGHT - 4), (HEIGHT, WIDTH)])
def test_pictures_of_another_rig(raw, tmp_path, size, decode_scale):
    path = tmp_path / 'a.jpg'
    cv2.imwrite(str(path), np.zeros((size[1], size[0], 3), np.uint8))
    raw['images']['CAM_FRONT']['img_path'] = str(path)
    found, wanted = f'{size[0]} x {size[1]} pixels', f'for {WIDTH} x {HEIGHT}'
    with pytest.raises(ValueError, match=rf'a\.jpg: the picture has {found}, its calibration is {wanted}'):
        LoadMultiViewImages(decode_scale=decode_scale)(raw)


def test_odd_sizes_are_decoded_small(raw, tmp_path):
    path = tmp_path / 'a.jpg'
    cv2.imwrite(str(path), np.zeros((HEIGHT - 3, WIDTH - 1, 3), np.uint8))
    raw['images'] = {'CAM_FRONT': {**raw['images']['CAM_FRONT'], 'img_path': str(path), 'height': HEIGHT - 3,
                                   'width': WIDTH - 1}}
    assert LoadMultiViewImages(decode_scale=8)(raw)['img'][0].shape == (8, 22, 3)


class Count:
    """Stands in for a pipeline of one transform."""

    def __init__(self, root):
        self.pipeline = [dict(type='LoadLidarSweeps', sweeps_num=0)]
        self.root = str(root)

    def build(self, **more):
        from mmengine.registry import DefaultScope, init_default_scope
        init_default_scope('perception_kd')
        try:
            return NuScenesRadarDataset(ann_file=TRAIN, data_root=self.root, pipeline=self.pipeline, **more)
        finally:
            DefaultScope._instance_dict.popitem()


@pytest.fixture
def broken(tiny_root, tmp_path):
    """A root in which the LiDAR of the samples 1 and 4 is broken."""
    root = tmp_path / 'root'
    shutil.copytree(tiny_root, root)
    dataset = NuScenesRadarDataset(ann_file=TRAIN, data_root=str(root))
    for index, content in ((1, b'1234567'), (4, None)):
        path = Path(files_of(dataset, index)['LiDAR'])
        path.unlink() if content is None else path.write_bytes(content)
    return Count(root)


def test_corrupt_samples_stop_training_unless_they_may_be(broken):
    dataset = broken.build()
    with pytest.raises(ValueError, match=r'\.pcd\.bin: truncated'):
        dataset[1]
    with pytest.raises(FileNotFoundError, match='no such LiDAR sweep'):
        dataset[4]


def test_corrupt_samples_are_named_counted_and_limited(broken, monkeypatch):
    lines = []
    monkeypatch.setattr('perception_kd.datasets.faults.print_log', lambda line, **_: lines.append(line))
    dataset = broken.build(max_corrupt=2)
    good = {info['token'] for index, info in enumerate(load_infos(dataset.ann_file)[1]) if index not in (1, 4)}
    for index in (*range(6), *range(6)):
        assert dataset[index]['token'] in good
    assert len(lines) == 2, lines
    assert all('pcd.bin' in line and 'is corrupt' in line for line in lines) and 'corrupt samples so far: 2' in lines[1]
    dataset = broken.build(max_corrupt=1)
    with pytest.raises(ValueError, match='these are 2 corrupt samples, and at most 1 may be'):
        [dataset[index] for index in (*range(6), *range(6))]


def test_corrupt_samples_always_stop_testing(broken):
    dataset = broken.build(max_corrupt=9, test_mode=True)
    with pytest.raises(ValueError, match='truncated'):
        dataset[1]


def test_only_the_first_faults_are_named(monkeypatch):
    lines = []
    monkeypatch.setattr('perception_kd.datasets.faults.print_log', lambda line, **_: lines.append(line))
    log = FaultLog(what='things', named=3)
    for number in (0, 0, 1, 2, 3, 4):
        log.add(str(number), f'thing {number} is odd')
    assert len(lines) == 3 and lines[2].endswith('(things so far: 3; further ones will not be named)')
    assert len(log.names) == 5
