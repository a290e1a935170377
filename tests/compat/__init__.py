import importlib.util

import pytest

from perception_kd.compat import compiled_mmcv_available

# The twins are tested where they are in use; compiled mmcv has no CPU kernel for some of them.
lite_only = pytest.mark.skipif(compiled_mmcv_available(), reason='a compiled mmcv is installed')
# mmdet3d takes spconv where it is installed, which needs CUDA for its backward pass.
spconv_free = pytest.mark.skipif(
    importlib.util.find_spec('spconv') is not None, reason='spconv has no backward pass on the CPU')
