"""Real pairs: what is read fits the pictures, before and after augmentation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.datasets.transforms.stereo_load import LoadDisparity, LoadStereoPair
from perception_kd.datasets.transforms.stereo_spatial import StereoSpatialDense, StereoSpatialSparse

# folder: layout, its choice, least and greatest disparity px, share known, as the folders' notes have them
PAIRS = {
    'middlebury2014q_motorcycle_sttr': ('middlebury', None, (9.18, 62.88), None),
    'eth3d_two_view': ('middlebury', None, (2.13, 20.0), 0.496),
    'sceneflow_sttr': ('sceneflow', {'render': 'RGB_cleanpass'}, (1.21, 130.36), 1.0),
    'middlebury2006_aloe_opencv': (dict(left='*L.jpg', right='*R.jpg', disp='*GT.png', decoder='scaled', sparse=True),
                                   None, (43, 211), None),
}


def agreement(sample: dict, factor: float = 1.0) -> float:
    """Correlation of the left picture and of the right one where disparity says; exposure makes no difference."""
    y, x = np.mgrid[:sample['disp'].shape[0], :sample['disp'].shape[1]].astype(np.float32)
    moved = cv2.remap(sample['right'], x - factor * sample['disp'], y, cv2.INTER_LINEAR)
    seen = sample['valid'] & sample.get('noc', sample['valid']) & (x > sample['disp'])
    return float(np.corrcoef(moved[seen].ravel(), sample['left'][seen].ravel())[0, 1])


@pytest.mark.real_data
@pytest.mark.parametrize('folder', PAIRS)
def test_a_real_pair(real_data: Path, folder: str) -> None:
    layout, select, span, known = PAIRS[folder]
    dataset = StereoDataset(data_root=str(real_data / 'stereo' / folder), layout=layout, select=select,
                            serialize_data=False, pipeline=[LoadStereoPair(), LoadDisparity()])
    assert len(dataset) == 1
    sample = dataset[0]
    disp = sample['disp'][sample['valid']]
    assert (disp.min(), disp.max()) == (pytest.approx(span[0], abs=0.01), pytest.approx(span[1], abs=0.01))
    if known is not None:
        assert sample['valid'].mean() == pytest.approx(known, abs=1e-3)
    assert agreement(sample) > 0.9 and agreement(sample, -1) < 0.8
    np.random.seed(0)
    for step in (StereoSpatialSparse(crop_size=(240, 320)), StereoSpatialDense(crop_size=(240, 320), y_jitter=0)):
        changed = step(dict(sample))
        assert agreement(changed) > 0.85 and agreement(changed, 0.7) < agreement(changed) - 0.08


@pytest.mark.real_data
def test_the_published_mask_of_a_rendered_pair(real_data: Path) -> None:
    dataset = StereoDataset(data_root=str(real_data / 'stereo' / 'sceneflow_sttr'), layout='sceneflow',
                            select={'render': 'RGB_cleanpass'}, pipeline=[LoadDisparity()], serialize_data=False)
    sample = dataset[0]
    assert (~sample['noc']).mean() == pytest.approx(0.150, abs=1e-3)


@pytest.mark.real_data
def test_a_real_calibration(real_data: Path) -> None:
    dataset = StereoDataset(data_root=str(real_data / 'stereo'), layout='middlebury', serialize_data=False)
    info = dataset.get_data_info(1)
    assert info['scene'] == 'middlebury2014q_motorcycle_sttr'
    assert (info['focal'], info['baseline'], info['doffs']) == (999.421, 0.193001, 32.778)
