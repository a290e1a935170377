"""Tested versions, and portable twins of compiled ops.

Importing this package is enough for ``import mmcv.ops`` and ``import mmdet3d.models`` to work beside
mmcv-lite: it registers a finder that answers for ``mmcv._ext`` only where no compiled one is installed.
"""

from perception_kd.compat.mmcv_ext import CompiledOpMissing, compiled_mmcv_available, install

__all__ = ['CompiledOpMissing', 'compiled_mmcv_available', 'install']

install()
