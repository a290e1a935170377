"""One moment as the student sees it, and what a view transform makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perception_kd.models.layers.matrices import affine_inverse, small_product

CAMERAS = ('cam2img', 'img_aug_matrix', 'cam2lidar')  # inputs that say what a pixel looks at


class Frame(NamedTuple):
    """Cameras and radars of one key frame, and where this frame lies in the BEV map that is being made.

    Attributes:
        inputs: Preprocessed inputs of the frame itself: ``img`` ``(B, N, 3, H, W)``, ``cam2img`` and
            ``img_aug_matrix`` ``(B, N, 3, 3)``, ``cam2lidar`` ``(B, N, 4, 4)`` to the frame's own LiDAR, ``radar`` a
            list of ``(M, 7)``.
        to_bev: ``(B, 4, 4)`` the frame's own LiDAR frame, not augmented -> the BEV map: the key frame's LiDAR frame
            under the BEV augmentation.
        points_aug: ``(B, 4, 4)`` what ``radar`` has been through already: the BEV augmentation in the key frame,
            nothing in a past one.
    """

    inputs: Mapping[str, Any]
    to_bev: Tensor
    points_aug: Tensor

    def radar_own(self) -> list[Tensor]:
        """Radar clouds ``(M, 7)`` in the frame's own LiDAR frame, without augmentation."""
        return [_moved(cloud, undo) for cloud, undo in zip(self.inputs['radar'], affine_inverse(self.points_aug))]

    def radar_bev(self) -> list[Tensor]:
        """Radar clouds ``(M, 7)`` in the frame of the BEV map, velocities turned and scaled with it."""
        if self.to_bev is self.points_aug:  # the key frame: its points are there already
            return list(self.inputs['radar'])
        motion = small_product(self.to_bev, affine_inverse(self.points_aug))
        return [_moved(cloud, step) for cloud, step in zip(self.inputs['radar'], motion)]


class Lifted(NamedTuple):
    """What a view transform gives on the BEV grid.

    Attributes:
        camera: ``(B, C, ny, nx)``.
        confidence: ``(B, 1, ny, nx)`` in [0, 1], without gradient: the largest bin's probability, averaged over the
            pixels that reach the cell by their probability there; 0 where no camera looks.
        reached: ``(B, 1, ny, nx)``, not negative, without gradient: depth probability that falls into the cell, the
            sum over pixels, or the mean over columns of their sums; 0 where no camera looks.
        radar: ``(B, C, ny, nx)`` where the radar branch works in the camera frustum, else None.
        occupancy: ``(B, 1, ny, nx)`` in [0, 1], the radar branch's occupancy averaged over the frustum points of a
            cell; None as ``radar``.
    """

    camera: Tensor
    confidence: Tensor
    reached: Tensor
    radar: Tensor | None = None
    occupancy: Tensor | None = None


def key_frame(inputs: Mapping[str, Any]) -> Frame:
    """The current frame of a preprocessed batch."""
    aug = inputs.get('lidar_aug_matrix')
    if aug is None:
        first = next(iter(inputs.values()))
        aug = torch.eye(4, device=first[0].device).repeat(len(first), 1, 1)
    return Frame(inputs, aug, aug)


def past_frames(inputs: Mapping[str, Any]) -> list[Frame]:
    """The past frames of a preprocessed batch, newest first; each has ``to_key`` ``(B, 4, 4)``."""
    aug = inputs['lidar_aug_matrix'] if inputs.get('past') else None
    return [Frame(past, small_product(aug, past['to_key']), torch.eye(4, device=aug.device).expand_as(aug))
            for past in inputs.get('past', ())]


def _moved(cloud: Tensor, motion: Tensor) -> Tensor:
    """``(M, 7)`` x, y, z, rcs, vx, vy, dt moved by ``(4, 4)``, in float32 whatever autocast says."""
    place = small_product(cloud[:, :3], motion[:3, :3].T) + motion[:3, 3]
    velocity = small_product(cloud[:, 4:6], motion[:2, :2].T)
    return torch.cat([place, cloud[:, 3:4], velocity, cloud[:, 6:]], dim=1)
