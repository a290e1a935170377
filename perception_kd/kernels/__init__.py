"""Triton kernels of the poolings and of voxelisation, for tensors on CUDA. Their twins in PyTorch run anywhere.

The operators of ``models.layers`` and ``compat.ops`` ask ``use_kernels`` and come here by themselves. No kernel adds
by atomics and none is tuned on the spot, so that a result depends on its input alone. Sums of half precision are
float32. Modules that hold a kernel are imported only where one is about to run: they need ``triton``.
"""

from perception_kd.kernels.frustum_pattern import FrustumPattern
from perception_kd.kernels.segments import Segments
from perception_kd.kernels.switch import kernels, use_kernels

__all__ = ['FrustumPattern', 'Segments', 'kernels', 'use_kernels']
