"""Fusion of the modalities' BEV maps."""

from perception_kd.models.det3d.fusers.fuser import IntensityGuidedFuser

__all__ = ['IntensityGuidedFuser']
