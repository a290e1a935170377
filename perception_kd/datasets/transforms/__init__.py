"""What happens to a sample between disk and model.

``det3d`` and ``stereo`` register the transforms of a task. The names of ``det3d`` are found here too, when they are
asked for: it stands on mmdet3d, which stereo does without.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith('__') or find_spec(f'{__name__}.{name}'):  # a module of this package: Python imports it then
        raise AttributeError(name)
    return getattr(import_module('perception_kd.datasets.transforms.det3d'), name)
