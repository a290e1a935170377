"""Which sparse convolutions mmdet3d's voxel detectors run on."""

from __future__ import annotations

import importlib.metadata
import importlib.util

from perception_kd.compat.mmcv_ext import compiled_mmcv_available
from perception_kd.doctor.check import Check, Level, fine, note
from perception_kd.doctor.environment import check_import
from perception_kd.doctor.machine import has_gpu

NAME = 'sparse convolution'


def check_sparse_convolution() -> Check:
    """As mmdet3d chooses: spconv 2 where it is installed, else mmcv's, compiled or portable."""
    if importlib.util.find_spec('spconv') is not None:
        names = importlib.metadata.packages_distributions().get('spconv', [])
        found = f'{names[0]} {importlib.metadata.version(names[0])}' if names else 'spconv of unknown version'
        check = check_import(NAME, 'import spconv.pytorch', f'pip uninstall -y {" ".join(names) or "spconv"}',
                             required=False, found=found)
        if check.level is not Level.FINE or has_gpu():
            return check
        return note(NAME, f'{found}: predicts on the CPU, but has no backward pass there',
                    f'to train a voxel teacher without a GPU: pip uninstall -y {" ".join(names) or "spconv"}')
    if not compiled_mmcv_available():
        return fine(NAME, 'portable (plain PyTorch, any device)')
    if has_gpu():
        return fine(NAME, 'compiled mmcv')
    return note(NAME, 'compiled mmcv, which has none for the CPU', 'a voxel teacher without a GPU needs mmcv-lite')
