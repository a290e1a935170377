"""Folders of one's own, made in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

CAMERA = {'size': [40, 20], 'intrinsics': [[30.0, 0, 19.5], [0, 30.0, 9.5], [0, 0, 1]],
          'to_vehicle': {'translation': [1.5, 0, 1.4], 'rotation': [0.5, -0.5, 0.5, -0.5]}}
RADAR = {'to_vehicle': {'translation': [3.5, 0, 0.5], 'rotation': [1, 0, 0, 0]},
         'fields': {'x': 'px', 'y': 'py', 'rcs': 'snr', 'velocity': '-doppler'}}
CALIBRATION = {'origin': 'on the ground', 'cameras': {'CAM': CAMERA}, 'radars': {'RADAR': RADAR},
               'lidar': {'to_vehicle': {'translation': [1, 0, 1.8], 'rotation': [[1, 0, 0], [0, 1, 0], [0, 0, 1]]}}}


def write_pcd(path: Path, fields: dict[str, list[float]]) -> Path:
    """A cloud as text, as any other tool would write it."""
    count = len(next(iter(fields.values())))
    head = [f'FIELDS {" ".join(fields)}', 'SIZE' + ' 4' * len(fields), 'TYPE' + ' F' * len(fields),
            f'WIDTH {count}', 'HEIGHT 1', f'POINTS {count}', 'DATA ascii']
    rows = [' '.join(map(str, row)) for row in zip(*fields.values())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(['# made by hand', 'VERSION .7', *head, *rows]) + '\n')
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """``folder(names, **changes of calib.yaml)``: pictures and clouds of these names."""
    def make(names: tuple[str, ...] = ('one',), **changes: Any) -> Path:
        root = tmp_path / 'drive'
        for name in names:
            (root / 'CAM').mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / 'CAM' / f'{name}.png'), np.full((20, 40, 3), 90, np.uint8))
            write_pcd(root / 'RADAR' / f'{name}.pcd',
                      {'px': [10.0, 20.0], 'py': [0.0, 5.0], 'snr': [3.0, 4.0], 'doppler': [2.0, -1.0]})
        (root / 'calib.yaml').write_text(yaml.safe_dump({**CALIBRATION, **changes}))
        return root

    return make
