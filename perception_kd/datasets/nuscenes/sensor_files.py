"""The sensor files that an info names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL, root_path


class SensorFile(NamedTuple):
    """One file: ``path`` from the data root on (or absolute, as in the info), ``modality`` as in table ``sensor``.

    ``key``: of the key frame itself, not of an earlier sweep. ``size``: (height, width) of a picture in pixels.
    """

    channel: str
    modality: str
    path: str
    key: bool
    size: tuple[int, int] | None = None


def locate(root: str | Path, channel: str, path: str) -> str:
    """Where a file of an info lies.

    Args:
        root: Folder, or address such as ``s3://bucket/nuscenes``.
        channel: The sensor's.
        path: As in the info; an absolute path, or an address, stands for itself.
    """
    if '://' not in str(root):
        return path if '://' in path else os.path.join(root, root_path(channel, path))  # called for every file: no Path
    return path if '://' in path or path.startswith('/') else f'{str(root).rstrip("/")}/{root_path(channel, path)}'


def sensor_files(info: dict[str, Any]) -> Iterator[SensorFile]:
    """Every sensor file of one info; a sweep comes again in each key frame that lists it."""
    yield SensorFile(LIDAR_CHANNEL, 'lidar', root_path(LIDAR_CHANNEL, info['lidar_points']['lidar_path']), True)
    for sweep in info['lidar_sweeps']:
        yield SensorFile(LIDAR_CHANNEL, 'lidar', sweep['lidar_points']['lidar_path'], False)
    for channel, image in info['images'].items():
        yield SensorFile(channel, 'camera', root_path(channel, image['img_path']), True,
                         (image['height'], image['width']))
    for channel, radar in info['radar_points'].items():
        yield SensorFile(channel, 'radar', radar['radar_path'], True)
        for sweep in radar['sweeps']:
            yield SensorFile(channel, 'radar', sweep['radar_path'], False)
