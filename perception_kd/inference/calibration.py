"""``calib.yaml``: which sensors a folder holds, where they sit on the vehicle, and what their files mean.

The vehicle frame is x forward, y left, z up, in metres; the file says in words where its origin is. A camera's own
frame is x right, y down, z along the view; a radar's and a LiDAR's are as their points are given.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.datasets.nuscenes.poses import Matrix
from perception_kd.files import require_file

CALIBRATION_FILE = 'calib.yaml'
STAMPS: dict[str, float] = {'seconds': 1.0, 'milliseconds': 1e3, 'microseconds': 1e6, 'nanoseconds': 1e9}
"""Units of time stamps in file names -> how many make a second."""
DISTORTIONS: dict[str, tuple[int, ...]] = {'pinhole': (4, 5, 8, 12, 14), 'fisheye': (4,)}
"""OpenCV's models -> how many coefficients they take."""
LARGEST = 1e6
"""No place, speed or strength of a return is as large as this."""
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Camera:
    """One camera.

    Args:
        files: Pattern of its pictures, from the folder on.
        to_vehicle: (4, 4), camera -> vehicle.
        intrinsics: (3, 3), pixels; the centre of the first pixel is (0, 0).
        size: Width and height of its pictures in pixels.
        distortion: A key of ``DISTORTIONS``; empty: the pictures are undistorted.
        coefficients: Of the distortion, in OpenCV's order.
    """

    files: str
    to_vehicle: Matrix
    intrinsics: Matrix
    size: tuple[int, int]
    distortion: str = ''
    coefficients: tuple[float, ...] = ()


@dataclass(frozen=True)
class Points:
    """One radar, or the LiDAR.

    Args:
        files: Pattern of its point clouds, from the folder on; empty: it has none.
        to_vehicle: (4, 4), sensor -> vehicle.
        fields: What is needed -> name of a field of the PCD files, a minus before it turns its sign; or a number that
            all points have. Empty: the files are as nuScenes has them.
        compensated: Whether the vehicle's own motion is taken out of a radar's velocities.
    """

    files: str
    to_vehicle: Matrix
    fields: Mapping[str, str | float] = field(default_factory=dict)
    compensated: bool = True


@dataclass(frozen=True)
class Rig:
    """What ``calib.yaml`` says.

    Args:
        path: The file.
        origin: Where the vehicle frame's origin is, in words.
        cameras, radars: By name, in the order of the file.
        lidar: None where none is named.
        stamps: Unit of the time stamps in file names; empty: names are no time stamps.
    """

    path: Path
    origin: str
    cameras: Mapping[str, Camera]
    radars: Mapping[str, Points]
    lidar: Points | None
    stamps: str


def read_rig(folder: str | Path) -> Rig:
    """Read and check the ``calib.yaml`` of a folder; it is read as plain data.

    Raises:
        FileNotFoundError: there is none.
        ValueError: one line that says which entry is missing or wrong.
    """
    path = require_file(Path(folder) / CALIBRATION_FILE, 'calibration')
    try:
        content = yaml.load(path.read_text(encoding='utf-8'), Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise ValueError(f'{path} is no YAML of plain data: {error}') from None
    top = _Entry(str(path), content, ('origin', 'stamps', 'cameras', 'radars', 'lidar'))
    lidar = _points(LIDAR_CHANNEL, top.part('lidar', _LIDAR), files='') if 'lidar' in top else None
    rig = Rig(path, top.text('origin'), {name: _camera(name, one) for name, one in top.named('cameras', _CAMERA)},
              {name: _points(name, one, files=f'{name}/*') for name, one in top.named('radars', _RADAR)}, lidar,
              top.choice('stamps', STAMPS))
    if not rig.cameras and not rig.radars:
        raise ValueError(f'{path}: names neither cameras nor radars')
    twice = [name for name in rig.radars if name in rig.cameras]
    if twice:
        raise ValueError(f'{path}: {twice[0]} is a camera and a radar; give sensors names of their own')
    return rig


class _Loader(yaml.SafeLoader):  # not libyaml's, which composes by itself
    """Plain data, in which no key comes twice: of two sensors with one name, YAML would keep the last."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        """Raises: ValueError: a key comes twice."""
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise ValueError(f'{key.value} is there twice, again in line {key.start_mark.line + 1}')
            if isinstance(key.value, str):
                seen.add(key.value)
        return node


_CAMERA = ('files', 'to_vehicle', 'intrinsics', 'size', 'distortion')
_LIDAR = ('files', 'to_vehicle', 'fields')
_RADAR = (*_LIDAR, 'compensated')


class _Entry:
    """A mapping of the file, and where in it that is, for messages."""

    def __init__(self, where: str, content: Any, known: Iterable[str]) -> None:
        known = tuple(known)
        if not isinstance(content, dict):
            what = f'with {", ".join(known)}' if known else 'of names'
            raise ValueError(f'{where}: must be a mapping {what}; got {reprlib.repr(content)}')
        unknown = [str(key) for key in content if key not in known]
        if known and unknown:
            raise ValueError(f'{where}: unknown {", ".join(unknown)}; there are {", ".join(known)}')
        self.where, self.content = where, content

    def __contains__(self, key: str) -> bool:
        return self.content.get(key) is not None

    def need(self, key: str, what: str) -> Any:
        if key not in self:
            raise ValueError(f'{self.where}: {key} is missing: {what}')
        return self.content[key]

    def text(self, key: str) -> str:
        value = self.need(key, 'a few words, such as: on the ground under the middle of the rear axle')
        if not isinstance(value, str):
            raise ValueError(f'{self.where}: {key} is a few words, got {reprlib.repr(value)}')
        return value

    def choice(self, key: str, choices: Iterable[str]) -> str:
        value = self.content.get(key) or ''
        if value and value not in tuple(choices):
            raise ValueError(f'{self.where}: {key} is one of {", ".join(choices)}; got {reprlib.repr(value)}')
        return value

    def part(self, key: str, known: Iterable[str]) -> _Entry:
        return _Entry(f'{self.where}: {key}', self.content.get(key), known)

    def named(self, key: str, known: Iterable[str]) -> list[tuple[str, _Entry]]:
        """The entries of a section by name; none without it."""
        if key not in self:
            return []
        entries = self.part(key, ()).content
        bad = [name for name in entries if not re.fullmatch(r'\w[\w.-]*', str(name)) or name == LIDAR_CHANNEL]
        if bad:
            raise ValueError(f'{self.where}: {key}: {str(bad[0])[:60]!r} is no name for one; take letters, digits, "_" '
                             f'and "-", not {LIDAR_CHANNEL}')
        return [(str(name), _Entry(f'{self.where}: {name}', one, known)) for name, one in entries.items()]

    def numbers(self, key: str, shape: tuple[int, ...], what: str) -> np.ndarray:
        value = self.need(key, what)
        try:
            array = np.array(value if _is_shaped(value, shape) else np.nan, np.float64)
        except (OverflowError, TypeError, ValueError):
            array = np.array(np.nan)
        if not np.isfinite(array).all():
            raise ValueError(f'{self.where}: {key} must be {what}; got {reprlib.repr(value)}')
        return array


def _is_shaped(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether lists are nested so; one of lists in lists by YAML's references may hold more than memory does."""
    if not shape:
        return not isinstance(value, (list, dict))
    return isinstance(value, list) and len(value) == shape[0] and all(_is_shaped(one, shape[1:]) for one in value)


def _camera(name: str, entry: _Entry) -> Camera:
    intrinsics = entry.numbers('intrinsics', (3, 3), 'three rows, [[fx, 0, cx], [0, fy, cy], [0, 0, 1]]')
    if not np.array_equal(intrinsics[2], [0, 0, 1]) or intrinsics[0, 0] <= 0 or intrinsics[1, 1] <= 0:
        raise ValueError(f'{entry.where}: intrinsics must be [[fx, 0, cx], [0, fy, cy], [0, 0, 1]] with fx, fy above 0')
    width, height = entry.numbers('size', (2,), 'width and height of its pictures in pixels')
    if min(width, height) < 1 or width % 1 or height % 1:
        raise ValueError(f'{entry.where}: size is two whole numbers above 0, got {width:g} and {height:g}')
    return Camera(_files(entry, f'{name}/*'), _to_vehicle(entry), intrinsics, (int(width), int(height)),
                  *_distortion(entry))


def _distortion(entry: _Entry) -> tuple[str, tuple[float, ...]]:
    if 'distortion' not in entry:
        return '', ()
    part = entry.part('distortion', ('model', 'coefficients'))
    model = part.choice('model', DISTORTIONS) or 'pinhole'
    given = part.need('coefficients', "numbers in OpenCV's order, k1, k2, p1, p2, k3 for a pinhole")
    count = len(given) if isinstance(given, list) else 0
    if count not in DISTORTIONS[model]:
        raise ValueError(f'{part.where}: {model} takes {" or ".join(map(str, DISTORTIONS[model]))} coefficients, '
                         f'got {reprlib.repr(given)}')
    return model, tuple(part.numbers('coefficients', (count,), 'numbers').tolist())


def _points(name: str, entry: _Entry, *, files: str) -> Points:
    fields = entry.part('fields', ()).content if 'fields' in entry else {}
    wrong = [key for key, one in fields.items() if not isinstance(one, str)
             and (isinstance(one, bool) or not isinstance(one, (int, float)) or not abs(one) < LARGEST)]
    if wrong:
        raise ValueError(f'{entry.where}: fields: {wrong[0]} is the name of a field or a number, got '
                         f'{reprlib.repr(fields[wrong[0]])}')
    compensated = entry.content.get('compensated', True)
    if not isinstance(compensated, bool):
        raise ValueError(f'{entry.where}: compensated is true or false, got {reprlib.repr(compensated)}')
    return Points(_files(entry, files), _to_vehicle(entry), fields, compensated)


def _files(entry: _Entry, usual: str) -> str:
    pattern = entry.content.get('files', usual)
    inside = isinstance(pattern, str) and not Path(pattern).is_absolute() and '..' not in Path(pattern).parts
    if not inside or (usual and not pattern):
        raise ValueError(f'{entry.where}: files is a pattern inside the folder, such as {usual or "LIDAR_TOP/*"!r}; '
                         f'got {reprlib.repr(pattern)}')
    return pattern


def _to_vehicle(entry: _Entry) -> Matrix:
    entry.need('to_vehicle', 'translation [x, y, z] in m and rotation, sensor to vehicle')
    part = entry.part('to_vehicle', ('translation', 'rotation'))
    motion = np.eye(4)
    motion[:3, 3] = part.numbers('translation', (3,), 'x, y, z in m')
    motion[:3, :3] = _rotation(part)
    return motion


def _rotation(part: _Entry) -> Matrix:
    what = 'a unit quaternion [w, x, y, z] or three rows of three numbers'
    given = part.need('rotation', what)
    is_matrix = isinstance(given, list) and len(given) == 3
    values = part.numbers('rotation', (3, 3) if is_matrix else (4,), what)
    if not is_matrix:
        if abs(np.linalg.norm(values) - 1) > _TOLERANCE:
            raise ValueError(f'{part.where}: rotation is no unit quaternion (length {np.linalg.norm(values):.4g})')
        return Rotation.from_quat(values[[1, 2, 3, 0]]).as_matrix()
    worst = np.abs(values @ values.T - np.eye(3)).max()
    if worst > _TOLERANCE or np.linalg.det(values) < 0:
        raise ValueError(f'{part.where}: rotation is not orthonormal (R times its transpose differs from the identity '
                         f'by {worst:.2g}, determinant {np.linalg.det(values):.3g})')
    return Rotation.from_matrix(values).as_matrix()
