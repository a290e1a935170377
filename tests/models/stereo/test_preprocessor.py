"""Pairs of any size into the matcher and maps of that size out of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from perception_kd.models.stereo import StereoPreprocessor
from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.structures.stereo_sample import StereoDataSample

from .tiny import batch_of, wall

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def test_odd_sizes_are_normalised_and_padded_on_both_sides() -> None:
    batch = batch_of(3, 5, height=37, width=71)
    data = StereoPreprocessor()(batch)
    for side, pictures in data['inputs'].items():
        assert pictures.shape == (2, 3, 64, 96) and pictures.dtype == torch.float32
        for picture, given in zip(pictures, batch['inputs'][side]):
            known = (given.permute(1, 2, 0).numpy() - np.array(MEAN)) / np.array(STD)
            expected = np.pad(known, ((13, 14), (12, 13), (0, 0)), mode='edge')
            np.testing.assert_allclose(picture.permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert [sample.pad for sample in data['data_samples']] == [(12, 13, 13, 14)] * 2
    left = data['inputs']['left']
    assert torch.equal(Padding(12, 13, 13, 14).remove(left), left[..., 13:50, 12:83])


def test_a_size_that_fits_stays() -> None:
    data = StereoPreprocessor()(batch_of(3))
    assert data['inputs']['left'].shape == (1, 3, 64, 96) and data['data_samples'][0].pad == (0, 0, 0, 0)


@pytest.mark.parametrize(('left', 'right', 'message'), [
    ([(64, 96)], [(64, 64)], 'left and right pictures differ in size: 96x64 and 64x64'),
    ([(64, 96), (32, 96)], [(64, 96), (32, 96)], 'pictures of one batch differ in size: 96x32, 96x64'),
    ([(64, 96)], None, "needs 'left' and 'right' in inputs, got"),
])
def test_bad_pairs(left: list, right: list | None, message: str) -> None:
    sides = dict(left=left, right=right)
    inputs = {side: [wall(0, *size)[0] for size in sizes] for side, sizes in sides.items() if sizes}
    with pytest.raises(ValueError, match=message):
        StereoPreprocessor()(dict(inputs=inputs, data_samples=[StereoDataSample() for _ in left]))
