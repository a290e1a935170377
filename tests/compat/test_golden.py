"""The twins against stored results of the compiled CPU kernels of mmcv 2.1.0."""

import numpy as np
import pytest

from tests.compat.golden import CASES, STORED


@pytest.mark.parametrize('name', CASES)
def test_as_the_compiled_kernels(name: str) -> None:
    stored = np.load(STORED)
    found = CASES[name]()
    assert len(found) == sum(key.startswith(f'{name}: ') for key in stored)
    for number, tensor in enumerate(found):
        want = stored[f'{name}: {number}']
        assert tensor.numpy().dtype == want.dtype and tensor.shape == want.shape
        exact = want.dtype.kind == 'i' or 'voxels' in name
        np.testing.assert_allclose(tensor.numpy(), want, rtol=0 if exact else 1e-5, atol=0 if exact else 2e-5)
