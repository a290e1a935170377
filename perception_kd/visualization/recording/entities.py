"""What a recording holds of one frame: Rerun's archetypes by entity path.

Everything lies under the frame that it was measured in: ``world`` (global axes, the first frame's vehicle at the
origin) / ``ego`` / ``lidar`` / the layers, and a ``cameras/<channel>`` each. The viewer composes the transforms.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.poses import inverse, upright_yaw
from perception_kd.datasets.pictures import glance_at_jpeg, read_image
from perception_kd.visualization.bev import ARROW_SPEED
from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import Camera, Frame
from perception_kd.visualization.geometry import heading_lines
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import FAINT_INK, PAPER
from perception_kd.visualization.scales import lidar_scale, lidar_values, radar_scale, radar_values, shaded

WORLD = 'world'
EGO = f'{WORLD}/ego'
LIDAR = f'{EGO}/lidar'
TRUTH, PREDICTIONS = f'{LIDAR}/truth', f'{LIDAR}/predictions'
Entities = dict[str, list[Any]]

# Radii below 0 are Rerun's way to say points on the screen.
_MEDIA = {'JPEG': 'image/jpeg', 'PNG': 'image/png'}  # what the viewer decodes itself


def camera_path(rr: Any, name: str) -> str:
    """Entity path of a camera; ``rr`` is the module ``rerun``."""
    return rr.new_entity_path([*LIDAR.split('/'), 'cameras', name])


def frame_entities(rr: Any, frame: Frame, predictions: Boxes | None, options: PictureOptions,
                   origin: NDArray[np.float64]) -> Entities:
    """Everything of a frame but maps.

    Args:
        rr: The module ``rerun``.
        frame: The sample.
        predictions: Boxes of a detector, or None; the truth is white beside them, else in its class colours.
        options: What is shown and in which colours.
        origin: (3,) point of the global frame that is the recording's origin, m. Global coordinates can be
            large, and a recording keeps float32.

    Raises:
        FileNotFoundError, ValueError: an image is missing or broken.
    """
    ego = frame.ego2global.copy()
    ego[:3, 3] -= origin
    entities: Entities = {
        EGO: [_transform(rr, ego), rr.AnyValues(token=frame.token, scene=frame.scene)],
        LIDAR: [_transform(rr, frame.lidar2ego)],
    }
    for camera in frame.cameras:
        entities[camera_path(rr, camera.name)] = camera_archetypes(rr, camera)
    if options.lidar != 'none':
        entities[f'{LIDAR}/points'] = [_lidar(rr, frame, options)]
    if options.radar != 'none':
        entities |= _radar(rr, frame, options)
    entities |= _boxes(rr, TRUTH, options.truth(frame.truth), options, white=predictions is not None)
    if predictions is not None:
        entities |= _boxes(rr, PREDICTIONS, options.predictions(predictions), options, scored=True)
    return entities


def camera_archetypes(rr: Any, camera: Camera) -> list[Any]:
    """Where the camera stands in the LiDAR frame, its pinhole, and its picture as it is stored.

    Raises:
        FileNotFoundError, ValueError: the picture is missing, cut off or cannot be read.
    """
    picture, size = _picture(rr, camera.path)
    pinhole = rr.Pinhole(image_from_camera=camera.cam2img, resolution=size, camera_xyz=rr.ViewCoordinates.RDF,
                         image_plane_distance=2.0)
    return [_transform(rr, inverse(camera.lidar2cam)), pinhole, picture]


def _picture(rr: Any, path: Path) -> tuple[Any, tuple[int, int]]:
    """The file as it is, where the viewer can decode it, and (width, height)."""
    try:
        glance_at_jpeg(path)
        with Image.open(path) as header:
            size, media = header.size, _MEDIA.get(header.format)
    except FileNotFoundError:
        raise FileNotFoundError(f'{path}: no such picture; check the data root') from None
    except OSError as error:
        raise ValueError(f'{path}: not a picture ({error})') from None
    if media is None:
        _, jpeg = cv2.imencode('.jpg', read_image(path, to_rgb=False))
        return rr.EncodedImage(contents=jpeg.tobytes(), media_type='image/jpeg'), size
    return rr.EncodedImage(contents=path.read_bytes(), media_type=media), size


def _transform(rr: Any, motion: NDArray[np.float64]) -> Any:
    return rr.Transform3D(translation=motion[:3, 3], mat3x3=motion[:3, :3])


def _lidar(rr: Any, frame: Frame, options: PictureOptions) -> Any:
    values = lidar_values(frame.lidar, frame.lidar2ego, options.lidar)
    name = options.colours.height if options.lidar == 'height' else options.colours.intensity
    on_dark = shaded(name, 0.75, 0.1)  # of the viewer's ground
    colours = _bytes(on_dark(lidar_scale(options.lidar, options.colours).norm(values))[:, :3])
    return rr.Points3D(frame.lidar[:, :3], colors=colours, radii=-1.0)


def _radar(rr: Any, frame: Frame, options: PictureOptions) -> Entities:
    """Returns, and an arrow for the way of a moving one within a second."""
    radar = frame.radar
    scale, values = radar_scale(options.radar, options.colours), radar_values(radar, frame.lidar2ego, options.radar)
    colours = _bytes(scale.cmap(scale.norm(values))[:, :3])
    moving = (np.linalg.norm(radar.velocities, axis=1) > ARROW_SPEED) & radar.compensated
    vectors = np.c_[radar.velocities, np.zeros(len(radar))]
    return {
        f'{LIDAR}/radar': [rr.Points3D(radar.positions, colors=colours, radii=-3.5)],
        f'{LIDAR}/radar/velocities': [rr.Arrows3D(
            origins=radar.positions[moving], vectors=vectors[moving], colors=colours[moving],
            radii=-1.0)],
    }


def _boxes(rr: Any, path: str, boxes: Boxes, options: PictureOptions, *, white: bool = False,
           scored: bool = False) -> Entities:
    """Boxes, a line from the middle of each to its front, and arrows of the moving ones."""
    colours = _bytes([PAPER if white else options.colours.of(name) for name in boxes.names]).reshape(-1, 3)
    colours[~boxes.measured] = _bytes(FAINT_INK)  # objects that no sensor could see
    width = -1.0 if scored else -0.5
    texts = [f'{name} {score:.2f}' for name, score in zip(boxes.names, boxes.scores)] if scored else boxes.names
    moving = (np.linalg.norm(np.nan_to_num(boxes.velocities), axis=1) > ARROW_SPEED) & options.velocities
    turns = boxes.lidar2world.T @ Rotation.from_euler(
        'z', upright_yaw(boxes.yaws, boxes.lidar2world)[:, None]).as_matrix() if len(boxes) else np.zeros((0, 3, 3))
    return {
        path: [rr.Boxes3D(
            centers=boxes.centres, half_sizes=boxes.sizes / 2, quaternions=_quaternions(turns), radii=width,
            colors=colours, labels=list(texts), show_labels=False,
            fill_mode='majorwireframe')],
        f'{path}/headings': [rr.LineStrips3D(heading_lines(boxes.corners), radii=width, colors=colours)],
        f'{path}/velocities': [rr.Arrows3D(
            origins=boxes.centres[moving], vectors=boxes.motions[moving], radii=width,
            colors=colours[moving])],
    }


def _quaternions(turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, 4) x, y, z, w of rotations (N, 3, 3)."""
    return Rotation.from_matrix(turns).as_quat() if len(turns) else np.zeros((0, 4))


def _bytes(colours: Any) -> NDArray[np.uint8]:
    return np.round(255 * np.asarray(colours)).astype(np.uint8)
