"""All transforms of 3D detection, registered."""

from perception_kd.datasets.transforms.beside_clean import BesideClean
from perception_kd.datasets.transforms.bev_aug import BEVAug
from perception_kd.datasets.transforms.bev_frame import ToBEVFrame
from perception_kd.datasets.transforms.boxes import FilterObjects, FilterPoints, LoadBoxes3D
from perception_kd.datasets.transforms.depth import LidarDepthTarget
from perception_kd.datasets.transforms.images import ImageAug, LoadMultiViewImages
from perception_kd.datasets.transforms.lidar import LIDAR_COLUMNS, LoadLidarSweeps
from perception_kd.datasets.transforms.pack import PackInputs
from perception_kd.datasets.transforms.past import LoadPastFrames
from perception_kd.datasets.transforms.paste import PasteObjects
from perception_kd.datasets.transforms.radar import FILTER_PRESETS, RADAR_COLUMNS, LoadRadarSweeps
from perception_kd.datasets.transforms.sensor_faults import ApplyFaults

__all__ = [
    'FILTER_PRESETS', 'LIDAR_COLUMNS', 'RADAR_COLUMNS', 'ApplyFaults', 'BEVAug', 'BesideClean', 'FilterObjects',
    'FilterPoints', 'ImageAug', 'LidarDepthTarget', 'LoadBoxes3D', 'LoadLidarSweeps', 'LoadMultiViewImages',
    'LoadPastFrames', 'LoadRadarSweeps', 'PackInputs', 'PasteObjects', 'ToBEVFrame',
]
