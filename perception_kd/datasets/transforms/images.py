"""Camera pictures: decoding, and augmentation that keeps its pixel map.

Pixel coordinates are OpenCV's: the centre of the first pixel is (0, 0), so a picture of width W reaches from
-0.5 to W - 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.pictures import DECODE_FLAGS, read_image
from perception_kd.datasets.storage import checked_backend
from perception_kd.faults.frame import FrameFaults
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadMultiViewImages(BaseTransform):
    """Decode the pictures of all cameras in ``results['images']``.

    Adds ``img`` (list of (H, W, 3) uint8), ``cam2img`` (N, 3, 3), ``lidar2cam`` (N, 4, 4) and
    ``img_aug_matrix`` (N, 3, 3), all float64, cameras in the order of ``images``.

    Args:
        to_rgb: RGB, else OpenCV's BGR.
        decode_scale: Let the JPEG decoder shrink by 1, 2, 4 or 8, which saves most of the decoding time
            where the network's pictures are that much smaller; kept in ``img_aug_matrix``. A picture whose pixels a
            fault changes (:class:`ApplyFaults`) is decoded as stored, changed, and averaged down to that size.
        backend_args: Of a storage backend, see :func:`~perception_kd.datasets.storage.read_bytes`.

    Raises:
        FileNotFoundError: a picture is missing.
        ValueError: a picture cannot be decoded, is cut off, or has not the size that it was calibrated for; no such
            backend.
    """

    def __init__(self, *, to_rgb: bool = True, decode_scale: int = 1,
                 backend_args: Mapping[str, Any] | None = None) -> None:
        if decode_scale not in DECODE_FLAGS:
            raise ValueError(f'decode_scale must be one of {list(DECODE_FLAGS)}, got {decode_scale}')
        self.to_rgb, self.decode_scale = to_rgb, decode_scale
        self.backend_args = checked_backend(backend_args)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``images``; writes ``img``, ``cam2img``, ``lidar2cam`` and ``img_aug_matrix``."""
        cameras, faults = results['images'].values(), results.get('faults')
        results['img'] = [self._picture(channel, camera, faults) for channel, camera in results['images'].items()]
        results['cam2img'] = np.stack([camera['cam2img'][:3, :3] for camera in cameras])
        results['lidar2cam'] = np.stack([camera['lidar2cam'] for camera in cameras])
        factor = 1 / self.decode_scale
        results['img_aug_matrix'] = np.repeat(scale_pixels(factor, factor)[None], len(cameras), axis=0)
        return results

    def _picture(self, channel: str, camera: dict[str, Any], faults: FrameFaults | None) -> np.ndarray:
        size = _shrunk((camera['width'], camera['height']), self.decode_scale)
        if camera.get('lost'):
            return np.zeros((*size[::-1], 3), np.uint8)
        if faults is None or not faults.acts_on('camera'):
            return self._read(camera, self.to_rgb, self.decode_scale)
        image = faults.change('camera', self._read(camera, False, 1), channel, camera['img_path'], camera)
        if self.decode_scale > 1:
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if self.to_rgb else image

    def _read(self, camera: dict[str, Any], to_rgb: bool, decode_scale: int) -> np.ndarray:
        image = read_image(camera['img_path'], to_rgb, decode_scale, self.backend_args)
        size = camera['width'], camera['height']
        if image.shape[1::-1] != _shrunk(size, decode_scale):
            found = ' x '.join(str(side * decode_scale) for side in image.shape[1::-1])
            raise ValueError(f'{camera["img_path"]}: the picture has {found} pixels, its calibration is for '
                             f'{size[0]} x {size[1]}; was it resized, or is it of another rig?')
        return image


def _shrunk(size: tuple[int, int], decode_scale: int) -> tuple[int, int]:
    return -(-size[0] // decode_scale), -(-size[1] // decode_scale)


@TRANSFORMS.register_module()
class ImageAug(BaseTransform):
    """Resize, crop, mirror and rotate every picture; the pixel map goes into ``img_aug_matrix``.

    At test time the picture is shrunk until it just covers ``final_size``; what is too high is cut off at the
    top, what is too wide at both sides. In training, size and horizontal place vary (the recipe of
    BEVDet/BEVDepth). What the picture does not reach is black.

    What is drawn for a camera holds for its pictures of past frames (``past``) too, as in BEVDepth and CRN.

    Args:
        final_size: (H, W) of the result.
        resize: Fixed scale, original picture to result, used instead of the covering one.
        resize_lim: Lowest and highest scale in training; None: as at test time.
        flip_prob: Chance of mirroring, training only.
        rot_deg: Lowest and highest rotation about the middle of the result (degrees, counter-clockwise), training
            only; BEVDepth has (-5.4, 5.4). Unlike there, the corners show what the crop had cut off.
        training: Draw at random.

    Raises:
        ValueError: pictures of a past frame differ from the key frame's in number or size.
    """

    def __init__(self, *, final_size: tuple[int, int], resize: float | None = None,
                 resize_lim: tuple[float, float] | None = None, flip_prob: float = 0.0,
                 rot_deg: tuple[float, float] = (0.0, 0.0), training: bool = False) -> None:
        self.height, self.width = final_size
        if min(final_size) < 1:
            raise ValueError(f'final_size must be (height, width) above 0, got {final_size}')
        self.resize, self.resize_lim = resize, resize_lim
        self.flip_prob, self.rot_deg, self.training = flip_prob, tuple(rot_deg), training

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Replaces ``img`` by N pictures (H, W, 3) of ``final_size``, and ``img_aug_matrix`` (N, 3, 3)."""
        drawn = [self._draw(image, matrix[0, 0]) for image, matrix in zip(results['img'], results['img_aug_matrix'])]
        sizes = [image.shape for image in results['img']]
        for frame in (results, *(past for past in results.get('past', ()) if 'img' in past)):
            if [image.shape for image in frame['img']] != sizes:
                raise ValueError(f'sample {results["token"]}: the pictures of its past frame {frame["token"]} are '
                                 f'{[image.shape for image in frame["img"]]}, its own are {sizes}')
            self._move(frame, drawn)
        return results

    def _move(self, frame: dict[str, Any], drawn: list[tuple]) -> None:
        moved = [self.apply(image, *draw) for image, draw in zip(frame['img'], drawn)]
        frame['img'] = [image for image, _ in moved]
        frame['img_aug_matrix'] = np.stack([step @ before
                                            for (_, step), before in zip(moved, frame['img_aug_matrix'])])

    def apply(self, image: np.ndarray, size: tuple[int, int], corner: tuple[int, int], flip: bool,
              rot_deg: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Resize to ``size`` (w, h), cut ``final_size`` out at ``corner`` (x, y), mirror, rotate.

        Returns:
            The new picture and the map (3, 3) from old to new pixels.
        """
        (width, height), (left, top) = size, corner
        matrix = scale_pixels(width / image.shape[1], height / image.shape[0])
        if (height, width) != image.shape[:2]:
            shrinks = width < image.shape[1]
            image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        cut = np.array([[1, 0, -left], [0, 1, -top], [0, 0, 1.0]])
        if flip:
            cut = np.array([[-1, 0, self.width - 1], [0, 1, 0], [0, 0, 1.0]]) @ cut
        if rot_deg:
            # In one step from the whole picture, so that only what it does not reach is black.
            cut = rotate_pixels(rot_deg, self.width, self.height) @ cut
            return cv2.warpAffine(image, cut[:2], (self.width, self.height)), cut @ matrix
        image = _crop(image, left, top, self.width, self.height)
        return image[:, ::-1] if flip else image, cut @ matrix

    def _draw(self, image: np.ndarray, scale_before: float) -> tuple[tuple[int, int], tuple[int, int], bool, float]:
        """Size (w, h) after resizing, corner (x, y) of the crop, mirror or not, rotation in degrees."""
        height, width = image.shape[:2]
        scale = max(self.height / height, self.width / width)
        if self.resize is not None:
            scale = self.resize / scale_before
        if self.training and self.resize_lim is not None:
            scale = np.random.uniform(*self.resize_lim) / scale_before
        new_width, new_height = max(round(width * scale), 1), max(round(height * scale), 1)
        spare = new_width - self.width
        left = np.random.randint(min(spare, 0), max(spare, 0) + 1) if self.training else spare // 2
        flip = self.training and np.random.rand() < self.flip_prob
        rot_deg = np.random.uniform(*self.rot_deg) if self.training and any(self.rot_deg) else 0.0
        return (new_width, new_height), (left, new_height - self.height), flip, rot_deg


def scale_pixels(scale_x: float, scale_y: float) -> np.ndarray:
    """Map (3, 3) of pixel coordinates under resizing; borders stay borders."""
    return np.array([[scale_x, 0, (scale_x - 1) / 2], [0, scale_y, (scale_y - 1) / 2], [0, 0, 1.0]])


def rotate_pixels(rot_deg: float, width: int, height: int) -> np.ndarray:
    """Map (3, 3) of pixel coordinates (y down) under a counter-clockwise rotation about a picture's middle."""
    cos, sin = np.cos(np.deg2rad(rot_deg)), np.sin(np.deg2rad(rot_deg))
    turn, middle = np.array([[cos, sin], [-sin, cos]]), np.array([width - 1, height - 1]) / 2
    matrix = np.eye(3)
    matrix[:2, :2], matrix[:2, 2] = turn, middle - turn @ middle
    return matrix


def _crop(image: np.ndarray, left: int, top: int, width: int, height: int) -> np.ndarray:
    """Cut a window out; what lies outside of the picture is black."""
    old_height, old_width = image.shape[:2]
    if left >= 0 and top >= 0 and left + width <= old_width and top + height <= old_height:
        return image[top:top + height, left:left + width]
    result = np.zeros((height, width, 3), image.dtype)
    x0, y0 = max(left, 0), max(top, 0)
    part = image[y0:top + height, x0:left + width]
    result[y0 - top:y0 - top + part.shape[0], x0 - left:x0 - left + part.shape[1]] = part
    return result
