"""Predicted disparity in files: one map a pair, found by the pair's name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.decoders import read_png
from perception_kd.datasets.stereo.pfm import read_pfm, write_pfm
from perception_kd.files import atomic_path, require_file, require_folder, write_bytes

PNG_STEPS = 256
"""Of one px in a 16-bit PNG, as KITTI has them; 0 says that nothing is predicted."""
Disparity = NDArray[np.float32]


def pair_name(left_path: str, scene: str = '') -> str:
    """What a pair is called in its data set: its scene, which readers make unique, else its left picture's file.

    Steps out of a folder (``..``) are left out, since files are called so.
    """
    parts = [part for part in scene.replace('\\', '/').split('/') if part not in ('', '.', '..')]
    return '/'.join(parts) or _stem(left_path)


def _stem(left_path: str) -> str:
    return PurePosixPath(left_path.replace('\\', '/')).stem


def _write_npy(path: Path, disparity: Disparity) -> None:
    with atomic_path(path) as temporary:
        np.save(temporary, disparity)


def _write_png(path: Path, disparity: Disparity) -> None:
    known = np.isfinite(disparity)
    steps = np.where(known, np.clip(np.round(np.where(known, disparity, 0) * PNG_STEPS), 1, 65535), 0)
    write_bytes(path, cv2.imencode('.png', steps.astype(np.uint16))[1].tobytes())


def _read_npy(path: Path) -> NDArray:
    try:
        return np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f'{path}: no array of NumPy: {error}') from error


def _read_png(path: Path) -> NDArray:
    steps = read_png(path)
    if steps.dtype != np.uint16:
        raise ValueError(f'{path}: no 16-bit PNG; disparity in a PNG is px times {PNG_STEPS}, 0 where there is none')
    return np.where(steps > 0, steps / np.float32(PNG_STEPS), np.nan)


_FORMS: dict[str, tuple[Callable[[Path], NDArray], Callable[[Path, Disparity], None]]] = {
    '.pfm': (read_pfm, write_pfm),
    '.npy': (_read_npy, _write_npy),
    '.png': (_read_png, _write_png),
}
FORMATS = tuple(suffix[1:] for suffix in _FORMS)
"""``pfm`` and ``npy`` keep every bit; ``png`` has 1/256 px and nothing below it or above 255.996 px."""


def write_prediction(folder: str | Path, name: str, disparity: Disparity, form: str = 'pfm') -> Path:
    """Write one map (H, W) in px, NaN or infinite where nothing is predicted; returns the file.

    Raises:
        ValueError: an unknown format.
    """
    if form not in FORMATS:
        raise ValueError(f'predictions are written as {", ".join(FORMATS)}, not {form!r}')
    path = Path(folder) / f'{name}.{form}'
    _FORMS[path.suffix][1](path, np.asarray(disparity, np.float32))
    return path


def find_prediction(folder: str | Path, left_path: str, scene: str = '') -> Path:
    """The file of a pair: ``<name>`` of :func:`pair_name`, or called as its left picture, as KITTI's server wants.

    Raises:
        FileNotFoundError: there is none.
        ValueError: there are several.
    """
    name = pair_name(left_path, scene)
    for known in dict.fromkeys((name, _stem(left_path))):
        found = [path for suffix in _FORMS if (path := Path(folder) / f'{known}{suffix}').is_file()]
        if len(found) > 1:
            raise ValueError(f'{folder}: several predictions for pair {name}: '
                             f'{", ".join(path.name for path in found)}; keep one')
        if found:
            return found[0]
    require_folder(folder, 'folder of predictions')
    raise FileNotFoundError(f'{folder}: no prediction for pair {name}: {name}.pfm, .npy or .png')


def read_prediction(path: str | Path) -> Disparity:
    """One map (H, W) in px; what is not finite is not predicted.

    Raises:
        FileNotFoundError, ValueError: no such file; one that holds no disparity.
    """
    path = require_file(path, 'prediction')
    if path.suffix not in _FORMS:
        raise ValueError(f'{path}: disparity is read from {", ".join(_FORMS)}')
    disparity = _FORMS[path.suffix][0](path)
    if disparity.ndim != 2 or disparity.dtype.kind not in 'fiu':
        raise ValueError(f'{path}: disparity is one number a pixel (H, W), not {disparity.dtype} {disparity.shape}')
    return disparity.astype(np.float32)
