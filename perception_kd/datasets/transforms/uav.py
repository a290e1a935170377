"""All transforms of drone pictures, registered."""

from perception_kd.datasets.transforms.uav_affine import TinySafeAffine
from perception_kd.datasets.transforms.uav_collate import multi_scale_collate
from perception_kd.datasets.transforms.uav_epochs import BeforeLastEpochs
from perception_kd.datasets.transforms.uav_letterbox import LetterBox
from perception_kd.datasets.transforms.uav_load import LoadPicture, PackPicture
from perception_kd.datasets.transforms.uav_mosaic import Mosaic
from perception_kd.datasets.transforms.uav_paste import CopyPasteTargets
from perception_kd.datasets.transforms.uav_photo import HSVJitter, LightDegradation
from perception_kd.datasets.transforms.uav_slice import SliceCrop

__all__ = ['BeforeLastEpochs', 'CopyPasteTargets', 'HSVJitter', 'LetterBox', 'LightDegradation', 'LoadPicture',
           'Mosaic', 'PackPicture', 'SliceCrop', 'TinySafeAffine', 'multi_scale_collate']
