"""mmdet3d's pillar feature net on the points that exist."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet3d.models.voxel_encoders import PillarFeatureNet
from torch import Tensor

from perception_kd.models.layers import pillar_scatter
from perception_kd.registry import MODELS


@MODELS.register_module()
class CompactPillarFeatureNet(PillarFeatureNet):
    """PillarFeatureNet (Lang et al., CVPR 2019) without the padding of half-empty pillars.

    mmdet3d runs every pillar at full length: the zeros cost time, enter the batch statistics and take part in
    the maximum. Here only real points do. Weights have mmdet3d's names and shapes; one layer,
    maximum only.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        if len(self.pfn_layers) != 1 or self.pfn_layers[0].mode != 'max' or self._with_distance or self.legacy:
            raise ValueError('CompactPillarFeatureNet has one layer, the maximum, no distance feature and no legacy '
                             'form; compact=False takes the padded encoder of mmdet3d')

    def forward(self, features: Tensor, num_points: Tensor, coors: Tensor, *args: object,
                **kwargs: object) -> Tensor:
        """Args: voxels ``(V, M, C)`` padded with zeros, points per voxel ``(V,)``, coordinates ``(V, 4)`` as
        (sample, z, y, x).

        Returns:
            ``(V, channels)``.
        """
        real = torch.arange(features.shape[1], device=features.device)[None] < num_points[:, None]
        voxel, slot = torch.nonzero(real, as_tuple=True)
        points = features[voxel, slot]
        parts = [points]
        if self._with_cluster_center:
            centre = pillar_scatter(points[:, :3], voxel, len(features), reduce='mean')
            parts.append(points[:, :3] - centre[voxel])
        if self._with_voxel_center:
            size = points.new_tensor([self.vx, self.vy, self.vz])
            first = points.new_tensor([self.x_offset, self.y_offset, self.z_offset])
            parts.append(points[:, :3] - (coors[:, [3, 2, 1]].to(points.dtype) * size + first)[voxel])
        layer = self.pfn_layers[0]
        x = layer.norm(layer.linear(torch.cat(parts, dim=1))).relu()
        return pillar_scatter(x, voxel, len(features))
