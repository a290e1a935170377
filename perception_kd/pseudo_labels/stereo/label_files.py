"""Disparity and masks of pseudo-labels in files."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.decoders import SKY, TRUSTED
from perception_kd.evaluation.stereo.predictions import PNG_STEPS, write_prediction
from perception_kd.files import write_bytes

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
DECODERS = {'kitti': 'kitti', 'fsd': 'fsd'}
"""Encoding -> name of what reads it. ``kitti``: 16 bits, 1/256 px, up to 256 px; ``fsd``: three channels, 1/1000 px, up
to 16.6 m px (FoundationStereo's sets)."""
_LARGEST = {'kitti': 65535 / PNG_STEPS, 'fsd': 255 * 65025 / 1000}


def write_labels(folder: Path, name: str, disparity: Map, trusted: Mask, sky: Mask, encoding: str) -> tuple[str, str]:
    """Write ``disparity/<name>.png``, which has 0 where the sky is, and ``mask/<name>.png``.

    The mask is 255 where the disparity is trusted, 128 where the sky is (a trusted disparity of 0), else 0. What the
    encoding cannot hold is not trusted.

    Args:
        folder: Of the labels.
        name: Of the pair.
        disparity: ``(H, W)`` px.
        trusted, sky: ``(H, W)``.
        encoding: One of :data:`DECODERS`.

    Returns:
        Both files, relative to the folder.
    """
    fits = np.isfinite(disparity) & (disparity > 0) & (disparity <= _LARGEST[encoding])
    stored = np.where(fits & ~sky, disparity, np.nan).astype(np.float32)
    files = f'disparity/{name}.png', f'mask/{name}.png'
    if encoding == 'kitti':
        write_prediction(folder / 'disparity', name, stored, 'png')
    else:
        write_bytes(folder / files[0], png_of(encode_fsd(stored)[..., ::-1]))
    mask = np.where(sky, SKY, np.where(trusted & fits, TRUSTED, 0)).astype(np.uint8)
    write_bytes(folder / files[1], png_of(mask))
    return files


def encode_fsd(disparity: Map) -> NDArray[np.uint8]:
    """``(H, W, 3)`` RGB with ``1000 d = 255^2 R + 255 G + B``, rounded; 0 where the disparity is not finite."""
    known = np.isfinite(disparity)
    steps = np.where(known, np.maximum(np.round(np.where(known, disparity, 0) * 1000.0), 1), 0).astype(np.int64)
    return np.stack([steps // 65025, steps // 255 % 255, steps % 255], -1).astype(np.uint8)


def png_of(picture: NDArray) -> bytes:
    """Bytes of a picture in OpenCV's order of channels."""
    return cv2.imencode('.png', picture)[1].tobytes()
