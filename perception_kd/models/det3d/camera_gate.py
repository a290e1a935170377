"""What a camera is, as a gate on the channels of its features."""

from __future__ import annotations

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.det3d.frames import Frame
from perception_kd.models.layers import RowBatchNorm

NUMBERS = 27  # 4 of the intrinsics, 6 of the image augmentation, 5 of the BEV augmentation, 12 of the pose


def camera_numbers(frame: Frame) -> Tensor:
    """The 27 numbers of BEVDepth (Li et al., AAAI 2023) about every camera, ``(B*N, 27)`` float32.

    fx, fy, cx, cy; the first two rows of the image augmentation; the BEV augmentation's upper left 2x2 and its z
    scale; the first three rows of cam2lidar.

    The BEV augmentation is ``frame.points_aug``: that of the key frame, none in past ones. What a frame sees must not
    depend on where it lies in the BEV map, and at inference there is no augmentation.
    """
    camera, image_aug, pose = (frame.inputs[name].float() for name in ('cam2img', 'img_aug_matrix', 'cam2lidar'))
    bev_aug = frame.points_aug.float()
    bev = torch.cat([bev_aug[:, :2, :2].flatten(1), bev_aug[:, 2, 2:3]], dim=1)
    return torch.cat([
        camera[..., [0, 1, 0, 1], [0, 1, 2, 2]], image_aug[..., :2, :].flatten(2),
        bev[:, None].expand(-1, camera.shape[1], -1), pose[..., :3, :].flatten(2)], dim=-1).flatten(0, 1)


class CameraGate(BaseModule):
    """One gate in (0, 1) per channel for the depth and one for the context branch: batch norm, MLP, squeeze, sigmoid.

    Args:
        channels: Of the gated feature.
    """

    def __init__(self, *, channels: int) -> None:
        super().__init__()
        self.norm = RowBatchNorm(NUMBERS)
        self.depth, self.context = _excitation(channels), _excitation(channels)

    def forward(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Gates ``(B*N, C, 1, 1)`` of the depth and of the context branch."""
        numbers = self.norm(camera_numbers(frame))
        return self.depth(numbers)[..., None, None], self.context(numbers)[..., None, None]


def _excitation(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(NUMBERS, channels), nn.ReLU(), nn.Linear(channels, channels),  # the camera's embedding
        nn.Linear(channels, channels), nn.ReLU(), nn.Linear(channels, channels), nn.Sigmoid())
