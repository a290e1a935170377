"""Wrong stamps are refused in one line that says what to do."""

import pickle

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.stamp import load_infos, make_stamp, save_infos
from perception_kd.structures.classes import CATEGORY_TO_CLASS, CLASS_COLOURS, NUSCENES_CLASSES


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'nuscenes_infos_val.pkl'


def test_round_trip(path):
    stamp = make_stamp(version='v1.0-mini', split='mini_val', radar_sweeps=6)
    save_infos(path, stamp, [{'token': 'a', 'velocity': [float('nan'), 1.0]}])
    metainfo, infos = load_infos(path)
    assert metainfo == stamp and metainfo['radar_sweeps'] == 6
    assert infos[0]['token'] == 'a' and np.isnan(infos[0]['velocity'][0])
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('change, message', [
    ({'box_convention': 'mmdet3d-0.x lidar'}, r"is 'mmdet3d-0\.x lidar' but 'mmdet3d-1\.x lidar' is needed"),
    ({'schema': 'perception_kd-0'}, "schema is 'perception_kd-0'"),
    ({'dataset': 'kitti'}, "dataset is 'kitti'"),
    ({'split': None}, 'names no split'),
    ({'version': None}, 'names no version'),
    ({'categories': {'car': 1, 'truck': 0}}, 'class order differs'),
])
def test_edited_stamp(path, change, message):
    save_infos(path, {**make_stamp(version='v', split='s'), **change}, [])
    with pytest.raises(ValueError, match=message) as caught:
        load_infos(path)
    text = str(caught.value)
    assert str(path) in text and 'tools/create_data.py' in text and '\n' not in text


def test_foreign_and_damaged_files(path):
    path.write_bytes(pickle.dumps({'metainfo': {'version': 'v1.0-mini'}, 'data_list': []}))
    with pytest.raises(ValueError, match='no stamp'):
        load_infos(path)
    path.write_bytes(pickle.dumps([{'token': 'a'}]))
    with pytest.raises(ValueError, match='not an info file'):
        load_infos(path)
    path.write_bytes(pickle.dumps({'data_list': [np.eye(4)]}))
    with pytest.raises(ValueError, match=r'holds a Python object \(numpy'):
        load_infos(path)
    path.write_bytes(pickle.dumps({'metainfo': {}, 'data_list': ['x' * 1000]})[:500])
    with pytest.raises(ValueError, match='damaged'):
        load_infos(path)
    path.write_bytes(b'')
    with pytest.raises(ValueError, match='damaged'):
        load_infos(path)


def test_pickle_cannot_run_code(path, tmp_path):
    class Attack:
        def __reduce__(self):
            return (open, (str(tmp_path / 'written'), 'w'))

    path.write_bytes(pickle.dumps(Attack()))
    with pytest.raises(ValueError, match='comes from another tool'):
        load_infos(path)
    assert not (tmp_path / 'written').exists()


def test_missing_file_names_its_neighbours(path):
    save_infos(path.with_name('nuscenes_infos_train.pkl'), make_stamp(version='v', split='train'), [])
    with pytest.raises(FileNotFoundError, match=r'is missing \(there: nuscenes_infos_train\.pkl\)'):
        load_infos(path)


def test_class_tables_agree_with_mmdet3d_and_the_devkit():
    import perception_kd.compat  # noqa: F401  isort: skip
    from mmdet3d.datasets import NuScenesDataset
    from nuscenes.eval.detection.utils import category_to_detection_name

    from perception_kd.datasets.nuscenes.vocabulary import CATEGORIES

    assert NuScenesDataset.METAINFO['classes'] == NUSCENES_CLASSES
    assert NuScenesDataset.METAINFO['palette'] == [CLASS_COLOURS[name] for name in NUSCENES_CLASSES]
    assert {name: category_to_detection_name(name) for name in CATEGORIES} == {
        name: CATEGORY_TO_CLASS.get(name) for name in CATEGORIES}


@pytest.mark.parametrize('bomb', [b'\x80\x04Nr\xff\xff\xff\x7f.', b'\x80\x05\x96\x00\x00\x00\x00\x00\x01\x00\x00'],
                         ids=['place in the memo', 'bytearray'])
def test_file_that_asks_for_more_memory_than_there_is(path, bomb):
    path.write_bytes(bomb)
    with pytest.raises(ValueError, match=r'nuscenes_infos_val\.pkl: damaged'):
        load_infos(path)
