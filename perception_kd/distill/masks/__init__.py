"""Masks: where a pair counts, and how much, on the pair's BEV grid. No mask carries a gradient."""

from perception_kd.distill.masks.activation import ActivationMap
from perception_kd.distill.masks.agreement import AgreementGate
from perception_kd.distill.masks.base import Mask, build_mask
from perception_kd.distill.masks.combined import Affine, AnyOf, OnCells, Product
from perception_kd.distill.masks.confidence import ConfidenceGate
from perception_kd.distill.masks.gaussian import GaussianMask
from perception_kd.distill.masks.image_boxes import ImageBoxes
from perception_kd.distill.masks.intensity import IntensityMap, reduce_to_cells
from perception_kd.distill.masks.learnable import LearnableFirst
from perception_kd.distill.masks.region import ActiveCells, All
from perception_kd.distill.masks.scaled_boxes import ScaledBoxes

__all__ = [
    'ActivationMap',
    'ActiveCells',
    'Affine',
    'AgreementGate',
    'All',
    'AnyOf',
    'ConfidenceGate',
    'GaussianMask',
    'ImageBoxes',
    'IntensityMap',
    'LearnableFirst',
    'Mask',
    'OnCells',
    'Product',
    'ScaledBoxes',
    'build_mask',
    'reduce_to_cells',
]
