"""How the public stereo sets store disparity and occlusion.

A disparity decoder takes a file and the record of its pair (:mod:`layouts`) and gives float32 (H, W) in px of the left
picture, positive, 0 where it is not known, and bool (H, W), where it is. Nothing after it sees a sentinel value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from perception_kd.datasets.pictures import decode_image
from perception_kd.datasets.stereo.pfm import read_pfm
from perception_kd.files import require_file

Pair = Mapping[str, Any]
Disparity = tuple[np.ndarray, np.ndarray]
TRUSTED, SKY = 255, 128
"""Values of the masks that pseudo-labels have: the disparity holds; it is 0."""


def decode_disparity(path: str | Path, decoder: str, pair: Pair) -> Disparity:
    """Disparity (H, W) float32 px and where it is known, (H, W) bool.

    Args:
        path: File of the disparity (or depth).
        decoder: Name in ``DISP_DECODERS``.
        pair: Record of the pair: decoders of depth read ``focal`` (px) and ``baseline`` (m) there.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unknown decoder, or a file that is not what the decoder reads.
    """
    if decoder not in DISP_DECODERS:
        raise ValueError(f'{path}: unknown decoder {decoder!r} of disparity; there are {", ".join(DISP_DECODERS)}')
    return DISP_DECODERS[decoder](require_file(path, 'disparity'), pair)


def decode_noc(path: str | Path, decoder: str) -> np.ndarray:
    """Bool (H, W): seen by both cameras.

    Raises:
        FileNotFoundError, ValueError: as :func:`decode_disparity`.
    """
    if decoder not in NOC_DECODERS:
        raise ValueError(f'{path}: unknown decoder {decoder!r} of occlusion; there are {", ".join(NOC_DECODERS)}')
    return NOC_DECODERS[decoder](require_file(path, 'occlusion mask'))


def apply_mask(found: Disparity, path: str | Path) -> Disparity:
    """A disparity where a mask trusts it; 0, and known, where the mask has :data:`SKY`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: no mask, or one of another size.
    """
    disp, valid = found
    mask = read_png(require_file(path, 'mask of trusted pixels'))
    if mask.shape != disp.shape:
        raise ValueError(f'{path}: {mask.shape[::-1]} pixels, the disparity has {disp.shape[::-1]}')
    disp, valid = _known(disp, valid & (mask == TRUSTED))
    return disp, valid | (mask == SKY)


def read_png(path: str | Path, *, channels: int = 1) -> np.ndarray:
    """Integers of a picture as stored, of 8 or 16 bits: (H, W), or (H, W, 3) in the order RGB.

    Raises:
        ValueError: it cannot be decoded, or has other channels.
    """
    image = decode_image(path, Path(path).read_bytes(), cv2.IMREAD_UNCHANGED)
    if image.ndim == 3 and channels == 1 and image.shape[2] >= 3 and (image[..., :1] == image[..., 1:3]).all():
        image = image[..., 0]  # grey, stored as colour
    found = 1 if image.ndim == 2 else image.shape[2]
    if found != channels or image.dtype not in (np.uint8, np.uint16):
        raise ValueError(f'{path}: channels: {found} of {image.dtype}, this format has {channels} of 8 or 16 bits; '
                         'is the layout or the decoder another?')
    return image[..., ::-1] if channels == 3 else image


def _known(disp: np.ndarray, valid: np.ndarray) -> Disparity:
    return np.where(valid, disp, 0).astype(np.float32), valid


def _pfm(path: Path, pair: Pair, *, most: float = np.inf, signed: bool = True) -> Disparity:
    disp = read_pfm(path)
    if disp.ndim == 3:
        raise ValueError(f'{path}: a float map of three channels; disparity has one')
    disp = disp if signed else np.abs(disp)
    return _known(disp, np.isfinite(disp) & (disp > 0) & (disp < most))


def _integers(path: Path, pair: Pair, *, divisor: float) -> Disparity:
    stored = read_png(path)
    return (stored / np.float32(divisor)).astype(np.float32), stored > 0


def _scaled(path: Path, pair: Pair) -> Disparity:
    return _integers(path, pair, divisor=pair.get('disp_scale', 1.0))


def _sintel(path: Path, pair: Pair) -> Disparity:
    """``4 R + G / 2^6 + B / 2^14``; pixels that ``occlusions`` marks are not known, as in RAFT-Stereo."""
    red, green, blue = np.moveaxis(read_png(path, channels=3).astype(np.float32), 2, 0)
    disp = 4 * red + green / 2**6 + blue / 2**14
    occluded = Path(*('occlusions' if part == 'disparities' else part for part in path.parts))
    seen = read_png(require_file(occluded, 'occlusion mask')) == 0
    if seen.shape != disp.shape:
        raise ValueError(f'{occluded}: {seen.shape[::-1]} pixels, the disparity has {disp.shape[::-1]}')
    return _known(disp, (disp > 0) & seen)


def _fsd(path: Path, pair: Pair) -> Disparity:
    """Of FoundationStereo's set: ``(255^2 R + 255 G + B) / 1000``."""
    disp = read_png(path, channels=3).astype(np.float32) @ np.array([255 * 255, 255, 1], np.float32) / 1000
    return disp, disp > 0


def _array(path: Path) -> np.ndarray:
    try:
        values = np.lib.format.open_memmap(path, mode='r')  # looks at the length first, and never unpickles
    except (ValueError, OSError, EOFError) as error:
        raise ValueError(f'{path}: no readable .npy array ({str(error)[:80]}); fetch the file again') from None
    if values.ndim != 2 or values.dtype.kind not in 'fiu':
        raise ValueError(f'{path}: not one array (H, W) of numbers')
    return values


def _npy(path: Path, pair: Pair) -> Disparity:
    disp = _array(path)
    return _known(disp, np.isfinite(disp) & (disp > 0))


def _depth(path: Path, pair: Pair, *, unit: float = 1.0, far: float = np.inf) -> Disparity:
    """``focal * baseline / depth``; ``unit`` in m of what is stored, ``far``: stored values from here on are sky."""
    depth = (_array(path) if path.suffix == '.npy' else read_png(path)).astype(np.float32)
    if not pair.get('focal') or not pair.get('baseline'):
        raise ValueError(f'{path}: depth becomes disparity by focal length and baseline, and these are not known')
    valid = (depth > 0) & (depth < far) & np.isfinite(depth)
    disp = pair['focal'] * pair['baseline'] / unit / np.where(valid, depth, 1)
    return _known(disp, valid)


DISP_DECODERS: dict[str, Callable[[Path, Pair], Disparity]] = {
    'pfm': _pfm,  # Middlebury, ETH3D, the simulated pairs: infinite where not known
    'sceneflow': partial(_pfm, most=512, signed=False),  # the sign of the right camera's differs between releases
    'middlebury2014': partial(_pfm, most=1e3),
    'kitti': partial(_integers, divisor=256),
    'crestereo': partial(_integers, divisor=32),
    'instereo2k': partial(_integers, divisor=100),
    'scaled': _scaled,  # integers over the pair's ``disp_scale``: Middlebury 2001 to 2006
    'sintel': _sintel,
    'fsd': _fsd,
    'npy': _npy,  # Booster
    'depth': _depth,  # in m: TartanAir
    'depth_cm': partial(_depth, unit=1e-2, far=65535),  # Virtual KITTI 2, whose sky lies at 655.35 m
    'depth_tenth_mm': partial(_depth, unit=1e-4, far=65535),  # FallingThings
}
NOC_DECODERS: dict[str, Callable[[Path], np.ndarray]] = {
    'middlebury': lambda path: read_png(path) == 255,  # 128: occluded, 0: no truth
    'occluded': lambda path: read_png(path) == 0,
    'known': lambda path: read_png(path) > 0,  # KITTI: a second disparity map, of these pixels only
}
