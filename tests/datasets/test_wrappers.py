"""Data sets inside of wrappers: samples know their place in the wrapper, and corrupt ones are replaced there too."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmdet3d.datasets import CBGSDataset as MMDet3DCBGSDataset
from mmengine.dataset import ConcatDataset

from perception_kd.datasets.class_balance import CBGSDataset
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.transforms import LoadBoxes3D, LoadLidarSweeps, PackInputs
from perception_kd.engine.seeded import SeededDataset, SeededIndex

TRAIN, VAL = 'nuscenes_infos_tiny_train.pkl', 'nuscenes_infos_tiny_val.pkl'
CLASSES = ['car', 'truck', 'pedestrian', 'barrier']


def data(root: Path, ann_file: str = TRAIN, **options: object) -> NuScenesRadarDataset:
    pipeline = [LoadLidarSweeps(sweeps_num=0), LoadBoxes3D(), PackInputs(keys=('points',))]
    return NuScenesRadarDataset(ann_file=ann_file, data_root=str(root), classes=CLASSES, cameras=[], radars=[],
                                pipeline=pipeline, **options)


def meta(dataset: object, index: int) -> dict:
    return SeededDataset(dataset=dataset)[SeededIndex(index, (0, index))]['data_samples'].metainfo


def test_places_in_wrappers(tiny_root: Path) -> None:
    both = ConcatDataset([data(tiny_root), data(tiny_root, VAL)], ignore_keys=['version', 'split'])
    np.random.seed(0)
    balanced = CBGSDataset(data(tiny_root))
    for wrapper in (both, balanced):
        for index in range(len(wrapper)):
            said = meta(wrapper, index)
            assert said['index'] == index and wrapper.get_data_info(index)['token'] == said['token']
    assert meta(data(tiny_root), 2)['index'] == 2


def test_corrupt_samples_in_a_wrapper(tiny_root: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(tiny_root, tmp_path / 'root'))
    gone = load_infos(root / VAL)[1][1]['lidar_points']['lidar_path']
    (root / 'samples' / 'LIDAR_TOP' / gone).unlink()
    both = ConcatDataset([data(root), data(root, VAL, max_corrupt=1)], ignore_keys=['version', 'split'])
    said = meta(both, 7)
    assert said['index'] is None and said['replaced'] and all(gone in one for one in said['replaced'])
    assert meta(both, 8)['index'] == 8
    with pytest.raises(FileNotFoundError, match='no such LiDAR sweep'):
        meta(ConcatDataset([data(root), data(root, VAL)], ignore_keys=['version', 'split']), 7)


def test_unannotated_key_frames_belong_to_no_class(tiny_root: Path) -> None:
    part = data(tiny_root, labelled=dict(fraction=0.5, by='scene'))
    known = [bool(part.get_data_info(row)['annotated']) for row in range(6)]
    assert [bool(part.get_cat_ids(row)) for row in range(6)] == known and sum(known) == 3


def test_classes_are_balanced_as_by_mmdet3d(tiny_root: Path) -> None:
    def drawn(wrapper: type, **rows: set[int]) -> list[int]:
        """Of six key frames: class -> those that have it."""
        dataset = data(tiny_root)
        dataset.get_cat_ids = lambda row: {CLASSES.index(name) for name in rows if row in rows[name]}
        np.random.seed(2)
        return wrapper(dataset).sample_indices

    every = set(range(6))
    all_there = dict(car=every, truck=every, pedestrian={2}, barrier={4, 5})
    assert drawn(CBGSDataset, **all_there) == drawn(MMDet3DCBGSDataset, **all_there) != []
    some = dict(car=every, truck={2}, barrier={1, 4})
    with pytest.raises(ZeroDivisionError):
        drawn(MMDet3DCBGSDataset, **some)
    rows = drawn(CBGSDataset, **some)  # 6 + 1 + 2 belong to three classes: three draws for each
    assert len(rows) == 9 and rows[3:6] == [2, 2, 2] and set(rows[6:]) <= {1, 4}


def test_nothing_to_balance(tiny_root: Path) -> None:
    dataset = data(tiny_root)
    dataset.get_cat_ids = lambda row: set()
    with pytest.raises(ValueError, match=r'train\.pkl: of 6 key frames none has a box of car, truck.*nothing to bal'):
        CBGSDataset(dataset)
