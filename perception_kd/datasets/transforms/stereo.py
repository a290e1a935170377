"""All transforms of stereo, registered."""

from perception_kd.datasets.transforms.stereo_color import StereoColorJitter, StereoErase
from perception_kd.datasets.transforms.stereo_flip import StereoFlip
from perception_kd.datasets.transforms.stereo_load import LoadDisparity, LoadStereoPair
from perception_kd.datasets.transforms.stereo_pack import PackStereoInputs
from perception_kd.datasets.transforms.stereo_resize import StereoResize
from perception_kd.datasets.transforms.stereo_sparsity import StereoBySparsity
from perception_kd.datasets.transforms.stereo_spatial import StereoRandomCrop, StereoSpatialDense, StereoSpatialSparse

__all__ = [
    'LoadDisparity', 'LoadStereoPair', 'PackStereoInputs', 'StereoBySparsity', 'StereoColorJitter', 'StereoErase',
    'StereoFlip', 'StereoRandomCrop', 'StereoResize', 'StereoSpatialDense', 'StereoSpatialSparse',
]
