"""Pictures without a display: one sample as its sensors and a detector see it, and models side by side."""

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.frame import Camera, Frame, RadarPoints, read_frame
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.scene import draw_scene
from perception_kd.visualization.sources import InfoFile, ResultFile

__all__ = [
    'Boxes',
    'Camera',
    'Frame',
    'InfoFile',
    'PictureOptions',
    'RadarPoints',
    'ResultFile',
    'draw_compare',
    'draw_scene',
    'read_frame',
]
