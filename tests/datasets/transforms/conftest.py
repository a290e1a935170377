"""Loaded samples of the tiny world."""

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.transforms import (
    LoadBoxes3D,
    LoadLidarSweeps,
    LoadMultiViewImages,
    LoadRadarSweeps,
)


@pytest.fixture(scope='session')
def tiny_dataset(tiny_root):
    return NuScenesRadarDataset(ann_file='nuscenes_infos_tiny_train.pkl', data_root=str(tiny_root))


@pytest.fixture
def raw(tiny_dataset):
    """The second key frame of the second scene, before any transform."""
    np.random.seed(0)
    return tiny_dataset.get_data_info(4)


@pytest.fixture
def loaded(raw):
    """The same with pictures, points of all sweeps and boxes."""
    for step in (LoadMultiViewImages(), LoadLidarSweeps(), LoadRadarSweeps(), LoadBoxes3D()):
        raw = step(raw)
    return raw
