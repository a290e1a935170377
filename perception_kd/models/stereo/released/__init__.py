"""Weights that others have released, under the names of our matcher."""

from perception_kd.models.stereo.released.convert import SOURCES, convert_stereo_weights
from perception_kd.models.stereo.released.fast import Converted, from_fast_foundation_stereo
from perception_kd.models.stereo.released.foundation import foundation_model, from_foundation_stereo
from perception_kd.models.stereo.released.pickled import Layer, read_module

__all__ = ['SOURCES', 'Converted', 'Layer', 'convert_stereo_weights', 'foundation_model',
           'from_fast_foundation_stereo', 'from_foundation_stereo', 'read_module']
