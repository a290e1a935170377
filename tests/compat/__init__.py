import pytest

from perception_kd.compat import compiled_mmcv_available

# The twins are tested where they are in use; compiled mmcv has no CPU kernel for some of them.
lite_only = pytest.mark.skipif(compiled_mmcv_available(), reason='a compiled mmcv is installed')
