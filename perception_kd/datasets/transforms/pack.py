"""The end of every pipeline: what the models get."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmdet3d.structures import Box3DMode, Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from torch import Tensor

from perception_kd.datasets.nuscenes.poses import frame_motion, inverse
from perception_kd.datasets.transforms.paste import PASTED
from perception_kd.registry import TRANSFORMS

META_KEYS = ('sample_idx', 'token', 'scene_token', 'timestamp', 'ego2global', 'annotated', 'stamp')


def _images(results: dict[str, Any]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(np.stack(results['img']).transpose(0, 3, 1, 2)))


def _float(value: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(value, np.float32))


# Input -> (the transform that must have run, how to make the tensor).
_MAKERS: dict[str, tuple[str, Callable[[dict[str, Any]], Tensor]]] = {
    'img': ('LoadMultiViewImages', _images),
    'cam2lidar': ('LoadMultiViewImages', lambda r: _float(np.stack([inverse(m) for m in r['lidar2cam']]))),
    'cam2img': ('LoadMultiViewImages', lambda r: _float(r['cam2img'])),
    'img_aug_matrix': ('LoadMultiViewImages', lambda r: _float(r['img_aug_matrix'])),
    'lidar_aug_matrix': ('', lambda r: _float(r.get('lidar_aug_matrix', np.eye(4)))),
    'points': ('LoadLidarSweeps', lambda r: _float(r['points'])),
    'radar': ('LoadRadarSweeps', lambda r: _float(r['radar'])),
    'depth_target': ('LidarDepthTarget', lambda r: _float(r['depth_target'])),
}


_OF_LIDAR = ('points', 'lidar_aug_matrix')
_OF_A_FRAME = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'radar')


@TRANSFORMS.register_module()
class PackInputs(BaseTransform):
    """``dict(inputs={key: tensor}, data_samples=Det3DDataSample)``.

    Inputs, all float32 but ``img``:

    - ``img`` uint8 (N, 3, H, W), augmented; ``cam2lidar`` (N, 4, 4): camera at its own time -> key LiDAR
      frame, not augmented; ``cam2img`` (N, 3, 3): of the original picture; ``img_aug_matrix`` (N, 3, 3):
      pixel map. A point of the un-augmented LiDAR frame is seen through
      ``img_aug_matrix @ cam2img @ inv(cam2lidar)``;
    - ``lidar_aug_matrix`` (4, 4): ``p_aug = B @ p``, the identity without augmentation;
    - ``points`` (P, 5) ``LIDAR_COLUMNS`` and ``radar`` (M, 7) ``RADAR_COLUMNS`` in the augmented frame;
    - ``depth_target`` (N, H / stride, W / stride) in m, 0: none;
    - ``past``, left out where the data set gives no past frames: one dict a frame, newest first, with those of
      ``img``, ``cam2lidar``, ``cam2img``, ``img_aug_matrix`` and ``radar`` that ``keys`` names, all in that frame's
      own LiDAR frame without BEV augmentation, and ``to_key`` (4, 4): own -> key LiDAR frame, not augmented.

    ``data_samples`` has ``gt_instances_3d`` (``bboxes_3d`` in the augmented frame, velocity NaN where unknown,
    and ``labels_3d``) where boxes were loaded, and as metainfo ``META_KEYS``, ``lidar2ego``, ``box_type_3d``
    and ``box_mode_3d``.

    Args:
        keys: Which inputs to make; unknown or unprepared ones raise ``ValueError``, and so do those of cameras and
            radar of a sample in which ``PasteObjects`` put what they do not see.
    """

    def __init__(self, *, keys: Sequence[str]) -> None:
        unknown = [key for key in keys if key not in (*_MAKERS, 'past')]
        if unknown:
            raise ValueError(f'PackInputs: unknown keys {unknown}; there are {", ".join(_MAKERS)}, past')
        self.keys, self.past = tuple(key for key in keys if key != 'past'), 'past' in keys

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """The whole sample -> ``inputs`` and ``data_samples``, nothing else."""
        blind = [key for key in (*self.keys, *['past'] * self.past) if key not in _OF_LIDAR]
        if PASTED in results and blind:
            raise ValueError(f'PackInputs: {", ".join(blind)} do not see what PasteObjects pastes; it is for pipelines '
                             'of LiDAR alone')
        inputs = {key: _make(key, results) for key in self.keys}
        if self.past and 'past' in results:
            inputs['past'] = [self._past(frame, results) for frame in results['past']]
        return {'inputs': inputs, 'data_samples': _data_sample(results)}

    def _past(self, frame: dict[str, Any], results: dict[str, Any]) -> dict[str, Tensor]:
        try:
            packed = {key: _MAKERS[key][1](frame) for key in self.keys if key in _OF_A_FRAME}
        except KeyError as error:
            raise ValueError("PackInputs: 'past' needs LoadPastFrames earlier in the pipeline, with what loads the key "
                             f'frame (there is no {error})') from None
        return {**packed, 'to_key': _float(frame_motion(_lidar2global(frame), _lidar2global(results)))}


def _lidar2global(results: dict[str, Any]) -> np.ndarray:
    return results['ego2global'] @ results['lidar_points']['lidar2ego']


def _make(key: str, results: dict[str, Any]) -> Tensor:
    needed, maker = _MAKERS[key]
    try:
        return maker(results)
    except KeyError as error:
        raise ValueError(f'PackInputs: {key!r} needs {needed} earlier in the pipeline '
                         f'(there is no {error})') from None


def _data_sample(results: dict[str, Any]) -> Det3DDataSample:
    sample = Det3DDataSample()
    meta = {key: results[key] for key in META_KEYS if key in results}
    sample.set_metainfo({**meta, 'lidar2ego': results['lidar_points']['lidar2ego'],
                         'box_type_3d': LiDARInstance3DBoxes, 'box_mode_3d': Box3DMode.LIDAR})
    if 'gt_bboxes_3d' in results:
        sample.gt_instances_3d = InstanceData(bboxes_3d=results['gt_bboxes_3d'],
                                              labels_3d=torch.from_numpy(results['gt_labels_3d']))
    return sample
