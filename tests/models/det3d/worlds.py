"""Small random batches in the loader's form, and small models, for the tests of this room."""

import perception_kd.compat  # noqa: F401  # isort: skip
import math

import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from perception_kd.registry import MODELS

RANGE = [-12.8, -12.8, -5.0, 12.8, 12.8, 3.0]
TASKS = [['car', 'pedestrian', 'barrier']]
NORM = dict(type='BN', momentum=0.1)
IMAGE = (64, 96)


def camera(yaw: float) -> torch.Tensor:
    """Camera -> LiDAR for a camera that looks along ``yaw`` (counter-clockwise from +y)."""
    c, s = math.cos(yaw), math.sin(yaw)
    matrix = torch.eye(4)
    matrix[:3, 0], matrix[:3, 1] = torch.tensor([c, s, 0.0]), torch.tensor([0.0, 0.0, -1.0])
    matrix[:3, 2] = torch.tensor([-s, c, 0.0])
    return matrix


def sample(
    *,
    cameras: int = 2,
    points: int = 400,
    radar: int = 20,
    boxes: int = 4,
    seed: int = 0,
    place: list[float] = RANGE,
    annotated: bool = True,
) -> tuple[dict, Det3DDataSample]:
    """One sample as the pipeline packs it."""
    g = torch.Generator().manual_seed(seed)
    low, high = torch.tensor(place[:2]), torch.tensor(place[3:5])

    def ground(count: int) -> torch.Tensor:
        return low + torch.rand(count, 2, generator=g) * (high - low)

    height, width = IMAGE
    inputs = dict(
        img=torch.randint(0, 255, (cameras, 3, height, width), dtype=torch.uint8, generator=g),
        cam2lidar=torch.stack([camera(i * 2 * math.pi / cameras - math.pi / 2) for i in range(cameras)]),
        cam2img=torch.tensor([[60.0, 0, width / 2], [0, 60, height / 2], [0, 0, 1]]).repeat(cameras, 1, 1),
        img_aug_matrix=torch.eye(3).repeat(cameras, 1, 1),
        lidar_aug_matrix=torch.eye(4),
        points=torch.cat(
            [
                ground(points),
                torch.rand(points, 1, generator=g) * 3 - 2,
                torch.rand(points, 1, generator=g) * 255,
                torch.zeros(points, 1),
            ],
            1,
        ),
        radar=torch.cat([ground(radar), torch.zeros(radar, 1), torch.randn(radar, 4, generator=g)], 1),
        depth_target=torch.rand(cameras, height // 8, width // 8, generator=g) * 15,
    )
    truth = torch.cat(
        [
            ground(boxes),
            torch.full((boxes, 1), -1.5),
            torch.rand(boxes, 3, generator=g) * 3 + 1,
            torch.randn(boxes, 3, generator=g),
        ],
        1,
    )
    data_sample = Det3DDataSample(metainfo=dict(box_type_3d=LiDARInstance3DBoxes, sample_idx=str(seed)))
    data_sample.set_metainfo(dict(annotated=annotated))
    if annotated:
        data_sample.gt_instances_3d = InstanceData(
            bboxes_3d=LiDARInstance3DBoxes(truth, box_dim=9),
            labels_3d=torch.randint(0, len(TASKS[0]), (boxes,), generator=g),
        )
    return inputs, data_sample


def collate(*samples: tuple[dict, Det3DDataSample]) -> dict:
    """As mmengine's pseudo_collate."""
    return dict(
        inputs={key: [inputs[key] for inputs, _ in samples] for key in samples[0][0]},
        data_samples=[data_sample for _, data_sample in samples],
    )


def student_cfg(**changes: object) -> dict:
    """A student of a few thousand weights on 16 x 16 cells of 1.6 m; None removes a part."""
    cfg = dict(
        type='CameraRadarDetector',
        point_cloud_range=RANGE,
        cell=1.6,
        image_backbone=dict(
            type='mmdet.ResNet',
            depth=18,
            base_channels=8,
            out_indices=(1, 2),
            num_stages=3,
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            norm_cfg=NORM,
            norm_eval=False,
        ),
        image_neck=dict(
            type='ConcatNeck', in_channels=[16, 32], level_channels=8, out_channels=16, norm_cfg=NORM
        ),
        view_transform=dict(
            type='LiftSplatTransform',
            depth_bound=[1.0, 17.0, 1.0],
            stride=8,
            depth_net=dict(
                type='DepthNet', in_channels=16, mid_channels=16, context_channels=8, norm_cfg=NORM
            ),
        ),
        radar_encoder=dict(type='RadarPillarEncoder', point_channels=8, out_channels=12, norm_cfg=NORM),
        fuser=dict(type='IntensityGuidedFuser', out_channels=20, norm_cfg=NORM),
        trunk=dict(type='BEVTrunk', channels=[16, 24], blocks=[1, 1], up_channels=8, norm_cfg=NORM),
        head=dict(type='BEVCenterHead', tasks=TASKS, shared_channels=16, head_channels=8, norm_cfg=NORM),
        depth_loss=dict(type='DepthLoss'),
    )
    cfg.update(changes)
    return {key: value for key, value in cfg.items() if value is not None}


def build(cfg: dict, seed: int = 0) -> torch.nn.Module:
    """Build with fixed initial weights, whatever scope a runner of another test left behind."""
    torch.manual_seed(seed)
    with DefaultScope.overwrite_default_scope('perception_kd'):
        return MODELS.build(cfg)


def teacher_cfg(**changes: object) -> dict:
    """A CenterPoint of a few thousand weights; its ``bev_s16`` lies on the small student's grid."""
    return {
        **dict(
            type='PillarCenterPoint',
            point_cloud_range=RANGE,
            pillar=0.8,
            tasks=TASKS,
            pillar_channels=8,
            stage_channels=[12, 16],
            stage_layers=[1, 1],
            stage_strides=[2, 2],
            neck_channels=10,
            head=dict(shared_channels=16, head_channels=8),
        ),
        **changes,
    }


def voxel_cfg(**changes: object) -> dict:
    """A voxel CenterPoint of a few thousand weights on 16 x 16 cells of 1.6 m."""
    cfg = dict(
        type='VoxelCenterPoint', point_cloud_range=RANGE, tasks=TASKS,
        voxel_size=[0.4, 0.4, 0.8], max_voxels=(500, 600), base_channels=8, encoder_channels=((8, 8), (8, 12), (12,)),
        encoder_paddings=((0, 1), (0, (1, 1, 1)), (0,)), encoder_out=6, stage_channels=[12, 16], stage_layers=[1, 1],
        neck_channels=10, head=dict(shared_channels=16, head_channels=8))
    return {**cfg, **changes}


def step(model: torch.nn.Module, batch: dict) -> dict[str, torch.Tensor]:
    """Losses of one training step, after a backward pass of their sum."""
    data = model.data_preprocessor(batch, True)
    losses = model(**data, mode='loss')
    sum(losses.values()).backward()
    return losses
