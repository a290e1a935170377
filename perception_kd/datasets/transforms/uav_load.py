"""Pictures of drones from disk, and samples as the detector takes them."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets.transforms import PackDetInputs
from mmdet.structures.bbox import BaseBoxes

from perception_kd.datasets.pictures import read_image
from perception_kd.registry import TRANSFORMS

META_KEYS = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'pad_param', 'video_id', 'frame_id',
             'flip', 'flip_direction', 'batch_draw', 'left_picture', 'index', 'replaced')


@TRANSFORMS.register_module()
class LoadPicture(BaseTransform):
    """Decode ``img_path`` into ``img``: uint8 (H, W, 3) BGR. A cut-off JPEG is an error, not a picture half grey.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be decoded or is cut off.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Adds ``img``, ``img_shape`` and ``ori_shape``, (H, W)."""
        results['img'] = read_image(results['img_path'], to_rgb=False)
        results['img_shape'] = results['ori_shape'] = results['img'].shape[:2]
        return results


@TRANSFORMS.register_module()
class PackPicture(PackDetInputs):
    """mmdet's packing, with boxes as plain tensors and a number that is drawn for the whole batch.

    ``batch_draw``, in 0..1, is one of the sample's own draws: what a batch does alike (its size) follows from that of
    its first sample, however many loader workers there are and wherever a run was resumed.

    Args:
        meta_keys: What becomes metainfo, where the sample has it.
        draw: Draw that number, for training; without, the sample keeps its ``instances`` as metainfo: the truth in px
            of the original picture, which a target that is too small for the network's input is of, too.
    """

    def __init__(self, *, meta_keys: Sequence[str] = META_KEYS, draw: bool = False) -> None:
        super().__init__(meta_keys=tuple(meta_keys) if draw else (*meta_keys, 'instances'))
        self.draw = draw

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """``inputs`` uint8 (3, H, W) BGR, and ``data_samples``."""
        if self.draw:
            results['batch_draw'] = float(np.random.rand())
        results.setdefault('scale_factor', (1.0, 1.0))
        packed = super().transform(results)
        sample = packed['data_samples']
        for instances in (sample.gt_instances, sample.ignored_instances):
            if isinstance(instances.get('bboxes'), BaseBoxes):
                instances.bboxes = instances.bboxes.tensor
        return packed
