"""Teachers that know, so that what is made of their answers can be checked."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from perception_kd.datasets.nuscenes.poses import move
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.registry import MODELS
from perception_kd.structures.classes import NUSCENES_CLASSES

CLASSES = ('pedestrian', 'car', 'truck', 'bus', 'barrier')
"""In another order than that of nuScenes."""
INFOS = 'nuscenes_infos_tiny_train.pkl'


class Knowing(BaseModel):
    """One weight, by which all scores are multiplied."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.trust = torch.nn.Parameter(torch.ones(()))


@MODELS.register_module()
class Knowing3D(Knowing):
    """Answers with the annotations of an info file, scored 0.9 to 0.5 in their order.

    Args:
        infos: The file.
        frame: Of the answer: ``lidar`` or ``ego``.
    """

    def __init__(self, infos: str, frame: str = 'lidar', **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.frame, self.truth = frame, {info['token']: info for info in load_infos(infos)[1]}

    def forward(self, inputs: Any, data_samples: list[Any], mode: str = 'predict') -> list[Any]:
        """The packed samples with ``pred_instances_3d``."""
        for sample in data_samples:
            info = self.truth[sample.sample_idx]
            known = [one for one in info['instances'] if one['bbox_label_3d'] >= 0]
            boxes = np.array([[*one['bbox_3d'], *one['velocity']] for one in known])
            if self.frame == 'ego':
                motion = np.array(info['lidar_points']['lidar2ego'])
                boxes[:, :3] = move(motion, boxes[:, :3])
                boxes[:, 6] += np.arctan2(motion[1, 0], motion[0, 0])
                boxes[:, 7:] = boxes[:, 7:] @ motion[:2, :2].T
            sample.pred_instances_3d = InstanceData(
                bboxes_3d=LiDARInstance3DBoxes(torch.tensor(boxes).float(), box_dim=9, origin=(0.5, 0.5, 0.5)),
                scores_3d=self.trust.detach() * torch.linspace(0.9, 0.5, len(known)),
                labels_3d=torch.tensor([CLASSES.index(NUSCENES_CLASSES[one['bbox_label_3d']]) for one in known]))
        return data_samples


@MODELS.register_module()
class Knowing2D(Knowing):
    """Finds the pixels whose red, green or blue is full; scored 0.9, 0.6 and 0.3, labelled 0, 1 and 2."""

    def forward(self, inputs: list[Any], data_samples: list[Any], mode: str = 'predict') -> list[Any]:
        """The packed samples with ``pred_instances``."""
        for image, sample in zip(inputs, data_samples):
            found = [(colour, torch.nonzero(image[2 - colour] == 255)) for colour in range(3)]
            found = [(colour, rows) for colour, rows in found if len(rows)]
            boxes = [[*rows.min(0).values.flip(0) - 0.0, *rows.max(0).values.flip(0) + 1.0] for _, rows in found]
            sample.pred_instances = InstanceData(
                bboxes=torch.tensor(boxes).reshape(-1, 4),
                scores=self.trust.detach() * torch.tensor([(0.9, 0.6, 0.3)[colour] for colour, _ in found]),
                labels=torch.tensor([colour for colour, _ in found], dtype=torch.long))
        return data_samples


def weights(folder: Path, **meta: Any) -> Path:
    """Checkpoint of either."""
    path = folder / 'teacher.pth'
    torch.save(dict(state_dict=dict(trust=torch.ones(())), meta=meta), path)
    return path


def config_3d(root: Path, frame: str = 'lidar') -> Config:
    """Of a teacher that knows the tiny world's training split."""
    turn = [dict(type='ToBEVFrame', frame=frame)]
    dataset = dict(type='NuScenesRadarDataset', data_root=str(root), ann_file='nuscenes_infos_tiny_val.pkl',
                   classes=CLASSES, cameras=[], radars=[], test_mode=True,
                   pipeline=[dict(type='LoadLidarSweeps', sweeps_num=0), *turn,
                             dict(type='PackInputs', keys=('points', 'lidar_aug_matrix'))])
    return Config(dict(default_scope='perception_kd', test_dataloader=dict(dataset=dataset),
                       model=dict(type='Knowing3D', infos=str(root / INFOS), frame=frame),
                       test_evaluator=dict(modality=dict(use_camera=False, use_lidar=True, use_radar=False,
                                                         use_map=False, use_external=False))))


def config_2d() -> Config:
    """Of a detector of bright colours, behind mmdet's transforms."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='mmdet.LoadAnnotations', with_bbox=True),
                dict(type='mmdet.PackDetInputs')]
    return Config(dict(default_scope='perception_kd', model=dict(type='Knowing2D'), test_dataloader=dict(
        dataset=dict(type='mmdet.CocoDataset', pipeline=pipeline, metainfo=dict(classes=('red', 'green', 'blue'))))))
