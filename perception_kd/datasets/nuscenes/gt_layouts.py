"""How a ground-truth database lies on the disk: packed for ``PasteObjects``, or as mmdet3d's own tools write it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.gt_objects import POINT_BYTES
from perception_kd.files import naming_full_disk, write_bytes
from perception_kd.structures.classes import NUSCENES_CLASSES


@dataclass(frozen=True)
class GTLayout:
    """``index``: name of the index file. The functions are those below."""

    index: str
    write_points: Callable[[Path, str, np.ndarray, Sequence[np.ndarray]], None]
    make_index: Callable[[dict[str, Any], str, list[str], list[tuple[str, str]], np.ndarray], Any]


def _write_packed(folder: Path, scene: str, objects: np.ndarray, clouds: Sequence[np.ndarray]) -> None:
    """All points of a scene in one file, object after object."""
    cloud = np.concatenate([np.zeros((0, POINT_BYTES // 4), np.float32), *clouds])
    write_bytes(folder / f'{scene}.bin', cloud.astype('<f4').tobytes())


def _packed_index(stamp: dict[str, Any], folder: str, scenes: list[str], frames: list[tuple[str, str]],
                  objects: np.ndarray) -> dict[str, Any]:
    """Plain data, read by ``GTObjects.load``."""
    return {'kind': 'gt_database', 'metainfo': stamp, 'scenes': [f'{folder}/{scene}.bin' for scene in scenes],
            'frames': frames, 'objects': objects.tobytes()}


def _write_objects(folder: Path, scene: str, objects: np.ndarray, clouds: Sequence[np.ndarray]) -> None:
    """A file an object. Not atomic each, which would double the work: a scene's part is written when all are there."""
    with naming_full_disk(folder / scene):
        (folder / scene).mkdir(parents=True, exist_ok=True)
        for one, cloud in zip(objects, clouds):
            (folder / scene / _object_file(one)).write_bytes(cloud.astype('<f4').tobytes())


def _dbinfos(stamp: dict[str, Any], folder: str, scenes: list[str], frames: list[tuple[str, str]],
             objects: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """Class -> infos, the content of mmdet3d's ``nuscenes_dbinfos_train.pkl``; an unknown velocity is 0, as there."""
    infos: dict[str, list[dict[str, Any]]] = {}
    for group, one in enumerate(objects):
        infos.setdefault(NUSCENES_CLASSES[one['label']], []).append({
            'name': NUSCENES_CLASSES[one['label']],
            'path': f'{folder}/{scenes[one["scene"]]}/{_object_file(one)}',
            'image_idx': int(one['frame']),
            'gt_idx': int(one['gt_idx']),
            'box3d_lidar': np.nan_to_num(one['box']),
            'num_points_in_gt': int(one['points']),
            'difficulty': 0,
            'group_id': group,
        })
    return infos


def _object_file(one: np.void) -> str:
    return f'{one["frame"]}_{NUSCENES_CLASSES[one["label"]]}_{one["gt_idx"]}.bin'


LAYOUTS = {
    'packed': GTLayout('nuscenes_gt_database_{split}.pkl', _write_packed, _packed_index),
    'mmdet3d': GTLayout('nuscenes_dbinfos_{split}.pkl', _write_objects, _dbinfos),
}
