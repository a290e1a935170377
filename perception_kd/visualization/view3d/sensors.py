"""What the sensors saw, as layers: LiDAR points, radar returns with velocities, photographs before their cameras."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.poses import inverse, move
from perception_kd.visualization.bev import ARROW_SPEED, crowding
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Camera, Frame
from perception_kd.visualization.palette import Colour, Palette
from perception_kd.visualization.scales import lidar_scale, lidar_values, radar_scale, radar_values
from perception_kd.visualization.view3d.objects import owners
from perception_kd.visualization.view3d.primitives import Layer, Lines, Mesh, Photo, Points
from perception_kd.visualization.view3d.shapes import arrows, diamonds, lit
from perception_kd.visualization.view3d.theme import Theme

Array = NDArray[np.float64]
LIDAR_REACH = 1.5
"""LiDAR points farther than this many times the reach of the view are left out."""
PHOTO_DISTANCE = 4.2
_VEHICLE = np.array([(-2.0, 3.6), (-1.1, 1.1)])
"""Where LiDAR returns come from the vehicle itself: ahead and to the left, m."""


@dataclass(frozen=True)
class Surroundings:
    """What sensor layers depend on besides the measurements.

    Args:
        theme, palette: Colours.
        reach: Distance that the view shows, m.
    """

    theme: Theme
    palette: Palette
    reach: float


def lidar_points(frame: Frame, by: str, around: Surroundings, boxes: Boxes, colours: list[Colour]) -> Points:
    """Points coloured by ``height`` or ``intensity``, those within ``boxes`` in the box's colour."""
    cloud = frame.lidar[np.isfinite(frame.lidar[:, :4]).all(1)]
    places = move(frame.lidar2ego, cloud.astype(np.float64))
    own = ((places[:, :2] > _VEHICLE[:, 0]) & (places[:, :2] < _VEHICLE[:, 1])).all(1)
    near = np.linalg.norm(places[:, :2], axis=1) < LIDAR_REACH * around.reach
    cloud, places = cloud[near & ~own], places[near & ~own]
    scale = lidar_scale(by, around.palette)
    shades = around.theme.lidar_map(around.palette, by)(scale.norm(lidar_values(cloud, frame.lidar2ego, by)))
    shown = around.theme.fade(shades[:, :3], places, around.reach)
    owner = owners(places, boxes, frame.lidar2ego)
    shown[owner >= 0] = np.array(colours, np.float64).reshape(-1, 3)[owner[owner >= 0]]
    return Points('lidar', places, shown, 2.4)


def radar_returns(frame: Frame, by: str, around: Surroundings) -> list[Layer]:
    """Diamonds coloured by ``depth`` or ``velocity``; arrows show the way within one second."""
    radar = frame.radar
    places = move(frame.lidar2ego, radar.positions)
    near = np.linalg.norm(places[:, :2], axis=1) < LIDAR_REACH * around.reach
    scale = radar_scale(by, around.palette)
    colours = scale.cmap(scale.norm(radar_values(radar, frame.lidar2ego, by)))[near, :3]
    size = 0.008 * around.reach * crowding(len(radar)) ** 0.8
    marks = diamonds(places[near], size)
    layers: list[Layer] = [Mesh('radar', marks, lit(marks, np.repeat(colours, 8, axis=0)))]
    if radar.compensated:
        motions = (radar.velocities @ frame.lidar2ego[:2, :2].T)[near]
        fast = np.linalg.norm(motions, axis=1) > ARROW_SPEED
        shafts, heads = arrows(places[near][fast], motions[fast], head=0.55)
        inks = np.tile(around.theme.ink, (fast.sum(), 1))
        layers += [Lines('radar velocity', shafts, inks, 1.2), Mesh('radar velocity', heads, inks)]
    return layers


def photos(frame: Frame, theme: Theme) -> list[Layer]:
    """Each camera's picture on a plane before it, with lines from where the camera stands.

    Raises:
        FileNotFoundError, ValueError: an image is missing or broken.
    """
    layers: list[Layer] = []
    for camera in frame.cameras:
        image = camera.read()
        distance = PHOTO_DISTANCE * (2 if len(frame.cameras) == 1 else 1)
        corners, eye = _image_plane(camera, image.shape[1::-1], frame.lidar2ego, distance)
        outline = [*zip(corners, np.roll(corners, -1, axis=0)), *((eye, corner) for corner in corners)]
        colours = np.tile(theme.faint, (len(outline), 1))
        layers += [Photo(f'photo {camera.name}', corners, image), Lines('photos', np.array(outline), colours, 1.2)]
    return layers


def _image_plane(camera: Camera, size: tuple[int, ...], lidar2ego: Array, distance: float) -> tuple[Array, Array]:
    """Corners (4, 3) of the image at a distance (m) and the camera's place (3,), in the vehicle's frame."""
    width, height = size
    pixels = np.array([(0, 0, 1), (width, 0, 1), (width, height, 1), (0, height, 1)], np.float64)
    rays = distance * pixels @ np.linalg.inv(camera.cam2img).T
    places = move(lidar2ego @ inverse(camera.lidar2cam), np.concatenate([rays, np.zeros((1, 3))]))
    return places[:4], places[4]
