"""Camera frustums: where a feature pixel at a depth lies in the LiDAR frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from perception_kd.models.layers.matrices import inverse3, small_product


@dataclass(frozen=True)
class DepthBins:
    """Equal depth bins along the camera's z axis.

    Args:
        start, stop: Metres; ``stop`` is the far border of the last bin.
        step: Metres.
    """

    start: float
    stop: float
    step: float

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.stop or self.step <= 0 or self.count < 1:
            raise ValueError(f'DepthBins needs 0 <= start < stop and at least one step, got {self}')

    @property
    def count(self) -> int:
        """Number of whole bins between ``start`` and ``stop``."""
        return int((self.stop - self.start) / self.step + 1e-6)

    def centres(self, device: torch.device | str | None = None) -> Tensor:
        """``(D,)`` float32, metres."""
        return self.start + (torch.arange(self.count, device=device, dtype=torch.float32) + 0.5) * self.step

    def index(self, depth: Tensor) -> tuple[Tensor, Tensor]:
        """Bin of each depth (int64, 0 where outside) and whether it lies in a bin; 0 and NaN do not."""
        bins = torch.floor((depth - self.start) / self.step)
        inside = (depth > 0) & (bins >= 0) & (bins < self.count)
        return torch.where(inside, bins, torch.zeros_like(bins)).long(), inside


def frustum_points(*, cam2img: Tensor, img_aug_matrix: Tensor, cam2lidar: Tensor, lidar_aug_matrix: Tensor,
                   bins: DepthBins, stride: int, size: tuple[int, int]) -> Tensor:
    """Centres of all frustum cells in the augmented LiDAR frame, in float32 whatever autocast says.

    Args:
        cam2img: ``(B, N, 3, 3)`` intrinsics of the original image.
        img_aug_matrix: ``(B, N, 3, 3)`` original pixel -> augmented pixel (homogeneous).
        cam2lidar: ``(B, N, 4, 4)``.
        lidar_aug_matrix: ``(B, 4, 4)`` BEV augmentation.
        bins: Depth bins.
        stride: Pixels of the augmented image per feature pixel.
        size: ``(H, W)`` of the feature map.

    Returns:
        ``(B, N, H, W, D, 3)`` metres, ray by ray. A camera whose matrices are singular or
        not finite gives NaN.
    """
    height, width = size
    device = cam2img.device
    with torch.autocast(device_type=device.type, enabled=False):
        centre = (stride - 1) / 2  # pixel centres are integers
        v, u = torch.meshgrid(torch.arange(height, device=device) * float(stride) + centre,
                              torch.arange(width, device=device) * float(stride) + centre, indexing='ij')
        pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1).view(-1, 3)
        to_ray = inverse3(small_product(img_aug_matrix, cam2img))
        to_lidar = small_product(lidar_aug_matrix[:, None], cam2lidar)
        rays = small_product(small_product(to_lidar[..., :3, :3], to_ray)[:, :, None], pixels[..., None])[..., 0]
        points = bins.centres(device)[:, None] * rays[..., None, :] + to_lidar[:, :, None, None, :3, 3]
    return points.unflatten(2, (height, width))
