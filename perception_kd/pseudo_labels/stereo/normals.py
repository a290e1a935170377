"""Normals of surfaces from parallax, and how alike two maps of them are.

Normals, not depths, are compared with a monocular net (Fast-FoundationStereo, Wen et al., CVPR 2026), since the scale
that such a net leaves open changes them little.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.inference.stereo.rig import depth_of, points_of, rig_of_size

Map = NDArray[np.float32]
_LEAST = 1e-2  # px of parallax, so that depth is finite


def normals_of(parallax: Map, camera: StereoCalibration, step: int = 1) -> Map:
    """Unit normals ``(ceil(H / step), ceil(W / step), 3)`` of the surfaces, in the left camera's frame.

    ``P = Z ((x - cx) / f, (y - cy) / f, 1)`` with ``Z = f b / parallax``; the normal is ``dP/dx cross dP/dy`` by Sobel.

    Args:
        parallax: ``(H, W)`` px: disparity plus the offset of the principal points.
        camera: Focal length and principal point (its middle where unknown) of pictures of this size. The baseline has
            no influence.
        step: Parallax is averaged over cells of so many px squared: noise of disparity tilts surfaces, the more the
            closer the points that a normal is taken from.
    """
    height, width = parallax.shape
    camera = rig_of_size(replace(camera, doffs=0.0, baseline=1.0), width, height)
    small = (-(-width // step), -(-height // step))
    coarse = parallax if step == 1 else cv2.resize(parallax, small, interpolation=cv2.INTER_AREA)
    depth = depth_of(np.maximum(coarse, np.float32(_LEAST)), camera)
    x, y = camera.centre
    shrunk = replace(camera, focal=camera.focal / step, size=small,
                     centre=((x + 0.5) / step - 0.5, (y + 0.5) / step - 0.5))
    points = points_of(depth, shrunk).astype(np.float64)
    across, down = (cv2.Sobel(points, cv2.CV_64F, *order, ksize=3, borderType=cv2.BORDER_REPLICATE)
                    for order in ((1, 0), (0, 1)))
    normals = np.cross(across, down)
    return (normals / np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)).astype(np.float32)


def similarity(ours: Map, theirs: Map, size: tuple[int, int]) -> Map:
    """Cosine between normals, brought to ``size`` (H, W): every pixel has that of its cell."""
    return cv2.resize((ours * theirs).sum(-1), size[::-1], interpolation=cv2.INTER_NEAREST)
