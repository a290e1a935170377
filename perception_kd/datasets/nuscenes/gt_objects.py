"""The packed ground-truth database: what a pasted object is, and where its points lie.

One index file, plain data, and one file of points for each scene: for the 850 scenes of nuScenes 850 files, where one
file an object would be 1.1 million, which network storage needs hours to make and to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.nuscenes.stamp import check_stamp, load_plain_pickle
from perception_kd.files import require_file
from perception_kd.structures.classes import NUSCENES_CLASSES

OBJECT = np.dtype([('box', '<f4', 9), ('label', '<i4'), ('frame', '<i4'), ('gt_idx', '<i4'), ('scene', '<i4'),
                   ('start', '<i8'), ('points', '<i4')])
"""One object: ``box`` (x, y, z_bottom, l, w, h, yaw, vx, vy in the LiDAR frame, m, rad and m/s; NaN: velocity unknown),
``label`` (in ``NUSCENES_CLASSES``), ``frame`` (place of the key frame in the info file), ``gt_idx`` (of the box in the
key frame), ``scene`` (place of the file), ``start`` (first point in it) and ``points`` (how many)."""

POINT_BYTES = 20
_CURE = 'make it again with: python tools/create_data.py gt-database'


@dataclass(frozen=True)
class GTObjects:
    """An index that has been read.

    Args:
        path: The index file; names of scene files are relative to its folder.
        stamp: Of the index.
        scenes: Names of the scene files.
        frames: Tokens of every key frame of the split and of its scene, in the order of the info file.
        objects: (N) ``OBJECT``.
    """

    path: Path
    stamp: dict[str, Any]
    scenes: list[str]
    frames: list[tuple[str, str]]
    objects: NDArray[np.void]

    @classmethod
    def load(cls, path: str | Path) -> GTObjects:
        """Read and check an index. Only plain data is unpickled.

        Raises:
            FileNotFoundError: no such index, or a scene file is gone.
            ValueError: damaged, of another tool, or a scene file of another size than the index says.
        """
        path = require_file(path, 'GT database')
        content = load_plain_pickle(path)
        if not isinstance(content, dict) or content.get('kind') != 'gt_database':
            raise ValueError(f'{path}: not a packed GT database; {_CURE}')
        check_stamp(content.get('metainfo'), path)
        try:
            objects = np.frombuffer(content['objects'], OBJECT)
            self = cls(path, content['metainfo'], list(content['scenes']),
                       [(token, scene) for token, scene in content['frames']], objects)
            self._check()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ValueError(f'{path}: damaged ({error}); {_CURE}') from None
        return self

    def points(self, one: np.void) -> NDArray[np.float32]:
        """A copy of the points (P, 5) of an object: x, y, z from its bottom centre, intensity, age in s."""
        start, count = int(one['start']), int(one['points'])
        return np.array(_mapped(self.path.parent / self.scenes[one['scene']])[start:start + count], np.float32)

    def _check(self) -> None:
        objects = self.objects
        for key, most in (('scene', len(self.scenes)), ('frame', len(self.frames)), ('start', 2**60),
                          ('points', 2**31), ('label', len(NUSCENES_CLASSES))):
            if len(objects) and (objects[key].min() < 0 or objects[key].max() >= most):
                raise ValueError(f'an object whose {key} it does not have')
        ends = np.zeros(len(self.scenes), np.int64)
        np.maximum.at(ends, objects['scene'], objects['start'] + objects['points'])
        for name, end in zip(self.scenes, ends):
            file = require_file(self.path.parent / name, f'{self.path}: its file')
            if file.stat().st_size != end * POINT_BYTES:
                raise ValueError(f'{file} has {file.stat().st_size} bytes, {end * POINT_BYTES} are needed')


@cache
def _mapped(path: Path) -> np.memmap:
    """The points of a scene; of them only what is asked for is read, and workers share it."""
    return np.memmap(path, '<f4', mode='r').reshape(-1, POINT_BYTES // 4)
