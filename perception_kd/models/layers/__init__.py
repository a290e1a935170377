"""Shared operators, each with its reference twin."""

from perception_kd.models.layers.bev_pattern import BEVPoolPattern
from perception_kd.models.layers.bev_pool import bev_pool, bev_pool_reference
from perception_kd.models.layers.blocks import ChannelNorm, ResidualBlock, conv
from perception_kd.models.layers.frustum import DepthBins, frustum_points
from perception_kd.models.layers.pillars import pillar_scatter, pillar_scatter_reference

__all__ = ['BEVPoolPattern', 'ChannelNorm', 'DepthBins', 'ResidualBlock', 'bev_pool', 'bev_pool_reference',
           'conv', 'frustum_points', 'pillar_scatter', 'pillar_scatter_reference']
