"""Attentive hybrid cost filtering, cut into eight exchangeable blocks."""

from perception_kd.models.stereo.cost_filter.blocks import WIRING, FilterBlock, Wiring
from perception_kd.models.stereo.cost_filter.cost_filter import CostFilter, FilteredVolume, block_configs, soft_argmin
from perception_kd.models.stereo.cost_filter.disparity_transformer import DisparityTransformer
from perception_kd.models.stereo.cost_filter.presets import PRESETS, compact_blocks, foundation_blocks, released_blocks

__all__ = ['PRESETS', 'WIRING', 'CostFilter', 'DisparityTransformer', 'FilterBlock', 'FilteredVolume', 'Wiring',
           'block_configs', 'compact_blocks', 'foundation_blocks', 'released_blocks', 'soft_argmin']
