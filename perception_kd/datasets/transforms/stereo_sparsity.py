"""Different steps for dense and for sparse truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class StereoBySparsity(BaseTransform):
    """``sparse`` steps for samples whose truth has holes, ``dense`` ones for the others: one pipeline for a mixture.

    Args:
        dense, sparse: Transforms or their configs.
    """

    def __init__(self, *, dense: Sequence[Any], sparse: Sequence[Any]) -> None:
        self.dense, self.sparse = Compose(list(dense)), Compose(list(sparse))

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """The sample after the steps."""
        return (self.sparse if results['sparse'] else self.dense)(results)
