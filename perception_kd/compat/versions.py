"""What was tested, what is refused, and why. The one place that knows versions (with ``constraints.txt``)."""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass


@dataclass(frozen=True)
class Package:
    """A package that we build on.

    Attributes:
        name: Name in the registry.
        tested: The version everything was tested with.
        needed: True if nothing works without it.
        purpose: What it is for.
        also: Other versions that everything was tested with.
        below: Versions from this one on are known not to work, with ``reason``.
        reason: Why.
    """

    name: str
    tested: str
    needed: bool
    purpose: str
    below: str = ''
    reason: str = ''
    also: tuple[str, ...] = ()


OLDEST_PYTHON, NEWEST_PYTHON = (3, 10), (3, 12)  # the newest that was tested; NumPy 1.26 has no wheel for 3.13
PACKAGES = (
    Package('torch', '2.13.0', True, 'everything'),
    Package('numpy', '1.26.4', True, 'everything', also=('2.4.6', '2.2.6')),
    Package('msgspec', '0.22.0', True, 'tables and result files'),
    Package('mmengine', '0.10.7', True, 'Runner, configs, registries', '0.11',
            'the safe Runner follows the loops of 0.10'),
    Package('mmdet', '3.3.0', True, 'image backbones, losses'),
    Package('mmdet3d', '1.4.0', True, 'detection heads, LiDAR teachers, box structures'),
    Package('nuscenes-devkit', '1.2.0', True, 'official scores'),
    Package('open3d', '0.20.0', False, 'the simulator and the 3D viewer'),
    Package('shapely', '2.0.7', False, 'tests of rotated boxes'),
    Package('pycocotools', '2.0.11', False, 'COCO scores'),
    Package('trackeval', '1.0.0', False, 'scores of tracks'),
    Package('onnx', '1.23.2', False, 'ONNX export'),
    Package('onnxscript', '0.7.2', False, 'ONNX export'),
    Package('onnxruntime', '1.31.1', False, 'ONNX export', also=('1.23.2',)),
    Package('torch-pruning', '1.6.1', False, 'pruning of models without recurrence'),
    Package('ray', '2.60.0', False, 'pseudo-labels over many processes or machines'),
    Package('setuptools', '80.9.0', False, 'base configs of other libraries (mmdet3d::...)', '81',
            'mmengine reads such configs through pkg_resources, which setuptools 81 dropped'),
    Package('plotly', '7.1.0', False, 'charts of the report'),
    Package('rerun-sdk', '0.23.1', False, 'recordings for the Rerun viewer'),
    Package('pyarrow', '22.0.0', False, 'what Rerun stands on; newer ones ask for NumPy 2'),
    Package('selenium', '4.51.0', False, 'tests of the report in a browser'),
    Package('atheris', '3.0.0', False, 'the fuzzer of the tests'),
    Package('ruff', '0.17.6', False, 'make lint'),
)
# Of these two exactly one must be there.
MMCV = (
    Package('mmcv', '2.1.0', False, 'compiled ops', '2.2', 'mmdet 3.3 refuses mmcv 2.2'),
    Package('mmcv-lite', '2.1.0', False, 'mmcv without compiled ops', '2.2', 'mmdet 3.3 refuses mmcv 2.2'),
)
# Of these exactly one should be there: all fill the folder ``cv2``.
OPENCV = (
    Package('opencv-python', '4.11.0.86', False, 'images'),
    Package('opencv-python-headless', '4.11.0.86', False, 'images, without libGL'),
)
OPENCV_WHEELS = (*(package.name for package in OPENCV), 'opencv-contrib-python', 'opencv-contrib-python-headless')


def installed_version(name: str) -> str | None:
    """The installed version of a package, or None."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def opencv_wheels() -> dict[str, str]:
    """Name -> version of the wheels that fill the folder ``cv2``; those behind another folder's do not count."""
    folder, there = None, {}
    for found in importlib.metadata.distributions():  # in the order of sys.path
        name = (found.metadata['Name'] or '').lower().replace('_', '-')
        place = found.locate_file('')
        if name in OPENCV_WHEELS and folder in (None, place):
            folder, there[name] = place, found.version
    return {name: there[name] for name in OPENCV_WHEELS if name in there}


def is_refused(package: Package, version: str) -> bool:
    """True if the version is known not to work."""
    return bool(package.below) and _numbers(version) >= _numbers(package.below)


def same_version(one: str, other: str) -> bool:
    """Equal up to a local part (``2.13.0+cpu`` equals ``2.13.0``)."""
    return one.split('+')[0] == other.split('+')[0]


def _numbers(version: str) -> tuple[int, ...]:
    """Leading numbers of a version: ``2.1.0rc1+cpu`` -> (2, 1, 0)."""
    numbers = []
    for part in version.split('+')[0].split('.'):
        digits = part[: len(part) - len(part.lstrip('0123456789'))]
        if not digits:
            break
        numbers.append(int(digits))
    return tuple(numbers)
