"""What is written of each pair: one folder a kind, one file a pair, so that a folder is what ``evaluate`` reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.evaluation.stereo.predictions import write_prediction
from perception_kd.files import write_bytes
from perception_kd.inference.stereo.cloud import cloud_of, write_ply
from perception_kd.inference.stereo.rig import depth_of
from perception_kd.visualization.movie import png_bytes
from perception_kd.visualization.stereo.colours import colour_disparity

MILLIMETRES = 1000
_DEEPEST = 65535  # of a 16-bit PNG, mm


@dataclass(frozen=True)
class Matched:
    """A pair with its disparity.

    Attributes:
        name: Of its files.
        picture: ``(H, W, 3)`` RGB, the left one.
        disparity: ``(H, W)`` px.
        rig: Cameras of this size; None where they are not known.
        far: m, where point clouds end; None: see ``cloud_of``.
        colours: Disparities (px) of the first and last colour; None: those of the picture.
    """

    name: str
    picture: NDArray[np.uint8]
    disparity: NDArray[np.float32]
    rig: StereoCalibration | None = None
    far: float | None = None
    colours: tuple[float, float] | None = None


def _colours(path: Path, found: Matched) -> None:
    write_bytes(path, png_bytes(colour_disparity(found.disparity, found.colours)))


def _depth(path: Path, found: Matched) -> None:
    buffer = io.BytesIO()
    np.save(buffer, depth_of(found.disparity, found.rig))
    write_bytes(path, buffer.getvalue())


def _depth_png(path: Path, found: Matched) -> None:
    """mm; 0 where there is no depth, or more than 65.535 m."""
    depth = depth_of(found.disparity, found.rig) * MILLIMETRES
    fits = depth < _DEEPEST + 0.5
    steps = np.where(fits, np.clip(np.round(np.where(fits, depth, 0)), 1, _DEEPEST), 0).astype(np.uint16)
    write_bytes(path, cv2.imencode('.png', steps)[1].tobytes())


def _cloud(path: Path, found: Matched) -> None:
    write_ply(path, *cloud_of(found.disparity, found.picture, found.rig, found.far))


def _stored(form: str) -> Callable[[Path, Matched], None]:
    return lambda path, found: write_prediction(path.parent, path.stem, found.disparity, form)


FORMATS: Mapping[str, tuple[str, Callable[[Path, Matched], None]]] = {
    'png': ('.png', _colours),
    'pfm': ('.pfm', _stored('pfm')),
    'png16': ('.png', _stored('png')),
    'npy': ('.npy', _stored('npy')),
    'depth': ('.npy', _depth),
    'depth16': ('.png', _depth_png),
    'ply': ('.ply', _cloud),
}
"""Kind -> suffix and writer. Kinds are the folders' names."""
METRIC = ('depth', 'depth16', 'ply')
"""Kinds that need the cameras."""
USUAL = ('png', 'pfm', 'png16')


def formats_of(text: str | None, known_rig: bool) -> tuple[str, ...]:
    """Kinds of ``--format A,B``; without it the usual ones, and with known cameras those in metres too.

    Raises:
        ValueError: an unknown kind, or one that needs the cameras.
    """
    if text is None:
        return (*USUAL, *METRIC) if known_rig else USUAL
    kinds = tuple(dict.fromkeys(part.strip() for part in text.split(',') if part.strip()))
    unknown = [kind for kind in kinds if kind not in FORMATS]
    if unknown or not kinds:
        raise ValueError(f'--format takes some of {",".join(FORMATS)} for stereo, got {text!r}')
    metric = [kind for kind in kinds if kind in METRIC]
    if metric and not known_rig:
        raise ValueError(f'--format {",".join(metric)} needs the cameras: give --calib calib.txt, or --focal PX and '
                         '--baseline M')
    return kinds


def file_of(out: Path, kind: str, name: str) -> Path:
    """Where a kind of a pair goes."""
    return out / kind / f'{name}{FORMATS[kind][0]}'


def write_outputs(out: Path, found: Matched, kinds: Iterable[str]) -> list[Path]:
    """Write the kinds of one pair."""
    paths = [file_of(out, kind, found.name) for kind in kinds]
    for kind, path in zip(kinds, paths):
        FORMATS[kind][1](path, found)
    return paths
