"""Recurrent refinement and up-sampling of disparity."""

from perception_kd.models.stereo.refine.lookup import GeometryLookup
from perception_kd.models.stereo.refine.refiner import SelectiveRefiner
from perception_kd.models.stereo.refine.upsampler import ConvexUpsampler
from perception_kd.models.stereo.refine.widths import RELEASED_WIDTHS, UNPRUNED_WIDTHS

__all__ = ['RELEASED_WIDTHS', 'UNPRUNED_WIDTHS', 'ConvexUpsampler', 'GeometryLookup', 'SelectiveRefiner']
