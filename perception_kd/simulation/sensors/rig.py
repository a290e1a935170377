"""Six cameras, one LiDAR and five radars, placed much as on the nuScenes cars (numbers our own, rounded).

Ego frame: x forward, y left, z up, origin on the ground under the rear axle. Camera frame: x right, y down,
z forward. LiDAR frame: x right, y forward. Radar frame: x forward, y left.
"""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.poses import rigid, yaw_matrix

_CAMERA_AXES = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
"""Columns: camera x, y, z in a frame that looks along x."""


@dataclass(frozen=True)
class Mount:
    """A sensor on the car.

    Args:
        channel: nuScenes channel.
        modality: camera, lidar or radar.
        to_ego: (4, 4) sensor frame to ego frame.
        intrinsic: (3, 3) for cameras, else empty.
        size: Width and height of a camera's image in pixels.
    """

    channel: str
    modality: str
    to_ego: np.ndarray
    intrinsic: np.ndarray
    size: tuple[int, int] = (0, 0)


_CAMERAS = {
    'CAM_FRONT': ((1.70, 0.0, 1.51), 0.0, 0.79),
    'CAM_FRONT_RIGHT': ((1.55, -0.49, 1.50), -56.0, 0.79),
    'CAM_BACK_RIGHT': ((1.02, -0.48, 1.56), -110.0, 0.79),
    'CAM_BACK': ((0.03, 0.0, 1.57), 180.0, 0.505),
    'CAM_BACK_LEFT': ((1.03, 0.48, 1.56), 109.0, 0.79),
    'CAM_FRONT_LEFT': ((1.52, 0.49, 1.51), 55.0, 0.79),
}
"""Place in m, heading in degrees, focal length as a share of the image width."""

_RADARS = {
    'RADAR_FRONT': ((3.41, 0.0, 0.50), 0.0),
    'RADAR_FRONT_LEFT': ((2.42, 0.80, 0.78), 90.0),
    'RADAR_FRONT_RIGHT': ((2.42, -0.80, 0.78), -90.0),
    'RADAR_BACK_LEFT': ((-0.56, 0.62, 0.53), 175.0),
    'RADAR_BACK_RIGHT': ((-0.56, -0.62, 0.53), -175.0),
}

_LIDAR_PLACE, _LIDAR_HEADING = (0.94, 0.0, 1.84), -90.0
_ASPECT, _HORIZON, _CUT_ABOVE = 9 / 16, 0.546, 0.886
"""Of a whole image: height over width, and height of the horizon (0 top to 1 bottom). Flatter images are cropped
ones, like BEVDet's input: this share of what they lack was cut off above."""


def build_rig(image_size: tuple[int, int]) -> list[Mount]:
    """All twelve sensors for cameras of ``image_size`` (width, height)."""
    width, height = image_size
    whole = _ASPECT * width
    horizon = _HORIZON * whole - _CUT_ABOVE * max(0.0, whole - height)
    mounts = []
    for channel, (place, heading, focal) in _CAMERAS.items():
        intrinsic = np.array([[focal * width, 0, width / 2], [0, focal * width, horizon], [0, 0, 1]])
        rotation = yaw_matrix(np.deg2rad(heading)) @ _CAMERA_AXES
        mounts.append(Mount(channel, 'camera', rigid(rotation, np.array(place)), intrinsic, (width, height)))
    mounts.append(_plain('LIDAR_TOP', 'lidar', _LIDAR_PLACE, _LIDAR_HEADING))
    mounts += [_plain(channel, 'radar', place, heading) for channel, (place, heading) in _RADARS.items()]
    return mounts


def _plain(channel: str, modality: str, place: tuple[float, float, float], heading: float) -> Mount:
    return Mount(channel, modality, rigid(yaw_matrix(np.deg2rad(heading)), np.array(place)), np.zeros((0, 0)))
