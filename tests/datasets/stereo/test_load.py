"""Pictures of every kind become RGB of eight bits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.transforms.stereo_load import LoadStereoPair
from perception_kd.datasets.transforms.stereo_pack import PackStereoInputs

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


@pytest.mark.parametrize(('stored', 'expected'), [
    (GREY, np.stack([GREY] * 3, axis=2)),
    (np.stack([GREY, GREY // 2, GREY // 4], axis=2), np.stack([GREY // 4, GREY // 2, GREY], axis=2)),
    (np.stack([GREY, GREY // 2, GREY // 4, 255 - GREY], axis=2), np.stack([GREY // 4, GREY // 2, GREY], axis=2)),
    (GREY.astype(np.uint16) * 257, np.stack([GREY] * 3, axis=2)),
], ids=['grey', 'colour', 'alpha', '16 bit'])
def test_kinds_of_pictures(tmp_path: Path, stored: np.ndarray, expected: np.ndarray) -> None:
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, stored)
    sample = LoadStereoPair()({'left_path': path, 'right_path': path})
    np.testing.assert_array_equal(sample['left'], expected)
    np.testing.assert_array_equal(sample['right'], expected)


def test_a_pipeline_without_pictures_is_told() -> None:
    with pytest.raises(ValueError, match='needs LoadStereoPair'):
        PackStereoInputs()({})
