"""Masks: where a pair counts, and how much, on the pair's BEV grid. No mask carries a gradient."""

from perception_kd.distill.masks.gaussian import GaussianMask
from perception_kd.distill.masks.intensity import IntensityMap, reduce_to_cells
from perception_kd.distill.masks.region import ActiveCells, All, Mask, Product, build_mask

__all__ = [
    'ActiveCells',
    'All',
    'GaussianMask',
    'IntensityMap',
    'Mask',
    'Product',
    'build_mask',
    'reduce_to_cells',
]
