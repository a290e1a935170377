"""Python and what is installed for it."""

from __future__ import annotations

import importlib.util
import platform
import re
import subprocess
import sys

from perception_kd.compat.mmcv_ext import compiled_mmcv_available
from perception_kd.compat.versions import (
    MMCV,
    NEWEST_PYTHON,
    OLDEST_PYTHON,
    OPENCV,
    PACKAGES,
    Package,
    installed_version,
    is_refused,
    opencv_wheels,
    same_version,
)
from perception_kd.doctor.check import SETUP, Check, Level, broken, fine, last_line, note

OPENCV_LIBRARIES = f'apt-get install -y libgl1 libglib2.0-0, or without a display: {SETUP} OPENCV=headless'
OPEN3D_LIBRARIES = 'apt-get install -y libgl1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers'


def check_environment(*, short: bool = False) -> list[Check]:
    """All checks of what is installed; ``short`` leaves out the imports of the large libraries, which take seconds."""
    opencv = check_opencv()
    checks = [check_python(), *(check_package(package) for package in PACKAGES), check_mmcv(), opencv]
    if not short:
        models = 'import perception_kd.compat, mmcv.ops, mmdet.models, mmdet3d.models'
        caster = 'import open3d; open3d.t.geometry.RaycastingScene()'
        if opencv.level is not Level.BROKEN:  # they import it, and would tell its trouble again
            checks.append(check_import('models', models, SETUP))
        checks.append(check_import('Open3D', caster, OPEN3D_LIBRARIES, required=False))
    return checks


def check_python() -> Check:
    """The interpreter."""
    version = platform.python_version()
    place = 'in a virtual environment' if sys.prefix != sys.base_prefix else 'not in a virtual environment'
    found = f'{version}, {place}'
    tested = '{}.{} to {}.{}'.format(*OLDEST_PYTHON, *NEWEST_PYTHON)
    if sys.version_info[:2] < OLDEST_PYTHON:
        return broken('Python', f'{found}: too old', f'{SETUP} VENV=.venv-new PYTHON=python3.11 ({tested} are tested)')
    return fine('Python', found if sys.version_info[:2] <= NEWEST_PYTHON else f'{found} (tested: {tested})')


def check_package(package: Package) -> Check:
    """One package: there, and known to work?"""
    version = installed_version(package.name)
    if version is None:
        if package.needed:
            return broken(package.name, f'missing ({package.purpose})', SETUP)
        return note(package.name, f'missing ({package.purpose})', SETUP)
    if is_refused(package, version):
        found = f'{version}: {package.reason}'
        advice = f'pip install "{package.name}=={package.tested}"'
        return broken(package.name, found, advice) if package.needed else note(package.name, found, advice)
    tested = (package.tested, *package.also)
    if any(same_version(version, one) for one in tested):
        return fine(package.name, version)
    return fine(package.name, f'{version} (tested: {", ".join(tested)})')


def check_mmcv() -> Check:
    """Compiled or not, and not both."""
    there = [package for package in MMCV if installed_version(package.name)]
    if not there:
        return broken('mmcv', 'missing', f'{SETUP}, or install a compiled mmcv>=2.1,<2.2')
    if len(there) == 2:
        return broken('mmcv', 'both mmcv and mmcv-lite are installed, into one folder',
                      'pip uninstall -y mmcv mmcv-lite, then install one of them')
    package = there[0]
    version = installed_version(package.name) or ''
    if is_refused(package, version):
        advice = f'pip install "{package.name}=={package.tested}"'
        return broken('mmcv', f'{package.name} {version}: {package.reason}', advice)
    if not compiled_mmcv_available():
        return fine('mmcv', f'{package.name} {version}, not compiled: the portable ops are used')
    advice = (f'install an mmcv built for torch {installed_version("torch")}, or pip uninstall mmcv and '
              'pip install mmcv-lite')
    found = f'{package.name} {version}, compiled'
    return check_import('mmcv', 'import torch, mmcv._ext', advice, found=found)


def check_opencv() -> Check:
    """Loads, and comes from one wheel: several fill one folder, and removing one breaks the others."""
    wheels = opencv_wheels()
    named = ' and '.join(f'{name} {version}' for name, version in wheels.items()) or 'from no wheel that is known'
    if not wheels and importlib.util.find_spec('cv2') is None:
        return broken('OpenCV', 'missing (images)', SETUP)
    loads = check_import('OpenCV', 'import cv2; cv2.imread', OPENCV_LIBRARIES, found=named)
    missing = re.search(r'(lib[\w.+-]+\.so[.\d]*): (?:cannot open|file too short)', loads.found)
    if missing and loads.level is Level.BROKEN:
        return broken('OpenCV', f'{named}: the system library {missing[1]} is missing', OPENCV_LIBRARIES)
    if len(wheels) < 2 or loads.level is Level.BROKEN:
        return loads
    keep = next(package for package in OPENCV if package.name in wheels or package is OPENCV[-1])
    command = f'pip uninstall -y {" ".join(wheels)} && pip install --no-deps {keep.name}=={keep.tested}'
    return note('OpenCV', f'{named} lie in one folder', command)


def check_import(
    name: str, code: str, advice: str, *, required: bool = True, found: str = 'loads'
) -> Check:
    """Run an import in a process of its own: what crashes there does not crash the doctor."""
    try:
        command = [sys.executable, '-c', code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        error = '' if done.returncode == 0 else last_line(done.stderr) or f'status {done.returncode}'
    except subprocess.TimeoutExpired:
        error = 'no answer in 300 s'
    if not error:
        return fine(name, found)
    return (broken if required else note)(name, f'does not load: {error}', advice)
