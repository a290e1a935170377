"""mmdet3d's numba functions as the plain Python that they are: for a few boxes faster than compiling them."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import pytest
from mmdet3d.datasets.transforms import data_augment_utils
from mmdet3d.structures.ops import box_np_ops


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in ((data_augment_utils, 'box_collision_test'), (box_np_ops, 'corner_to_standup_nd_jit'),
                         (box_np_ops, '_points_in_convex_polygon_3d_jit')):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
