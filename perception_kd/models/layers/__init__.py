"""Shared operators, each with its reference twin."""

from perception_kd.models.layers.bev_pattern import BEVPoolPattern
from perception_kd.models.layers.bev_pool import bev_pool, bev_pool_reference
from perception_kd.models.layers.blocks import ChannelNorm, ResidualBlock, conv
from perception_kd.models.layers.cbam import CBAM
from perception_kd.models.layers.collapsed_pool import CollapsedPattern, collapsed_pool, collapsed_pool_reference
from perception_kd.models.layers.deformable_attention import (
    DeformableCrossAttention,
    deformable_sample,
    deformable_sample_reference,
)
from perception_kd.models.layers.frustum import DepthBins, frustum_points
from perception_kd.models.layers.frustum_columns import column_points, frustum_heights, points_in_images
from perception_kd.models.layers.pillar_feature_net import PillarFeatureNet
from perception_kd.models.layers.pillars import pillar_scatter, pillar_scatter_reference
from perception_kd.models.layers.row_norm import RowBatchNorm, row_norm
from perception_kd.models.layers.suppression import box_nms, circle_nms, rotated_nms

__all__ = ['CBAM', 'BEVPoolPattern', 'ChannelNorm', 'CollapsedPattern', 'DeformableCrossAttention', 'DepthBins',
           'PillarFeatureNet', 'ResidualBlock', 'RowBatchNorm', 'bev_pool', 'bev_pool_reference', 'box_nms',
           'circle_nms', 'collapsed_pool', 'collapsed_pool_reference', 'column_points', 'conv', 'deformable_sample',
           'deformable_sample_reference', 'frustum_heights', 'frustum_points', 'pillar_scatter',
           'pillar_scatter_reference', 'points_in_images', 'rotated_nms', 'row_norm']
