"""The end of every stereo pipeline: what the models get."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from torch import Tensor

from perception_kd.registry import TRANSFORMS
from perception_kd.structures.stereo_sample import StereoDataSample

META_KEYS = ('left_path', 'right_path', 'dataset', 'scene', 'focal', 'baseline', 'doffs')


@TRANSFORMS.register_module()
class PackStereoInputs(BaseTransform):
    """``dict(inputs=dict(left=..., right=...), data_samples=StereoDataSample)``.

    Pictures are uint8 (3, H, W) RGB. ``gt_disp``, ``gt_valid`` and ``gt_noc`` are there where they were loaded, and of
    the metainfo what is known; ``ori_shape`` is the size (H, W) of the pictures here.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """The whole sample -> ``inputs`` and ``data_samples``, nothing else."""
        if 'left' not in results:
            raise ValueError('PackStereoInputs needs LoadStereoPair earlier in the pipeline')
        sample = StereoDataSample(metainfo={'ori_shape': results['left'].shape[:2],
                                            **{key: results[key] for key in META_KEYS if key in results}})
        for key in ('disp', 'valid', 'noc'):
            if key in results:
                setattr(sample, f'gt_{key}', torch.from_numpy(np.ascontiguousarray(results[key])))
        return {'inputs': {side: _tensor(results[side]) for side in ('left', 'right')}, 'data_samples': sample}


def _tensor(image: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
