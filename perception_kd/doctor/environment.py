"""The machine and what is installed on it."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from perception_kd.compat.mmcv_ext import compiled_mmcv_available
from perception_kd.compat.versions import (
    MMCV,
    PACKAGES,
    Package,
    installed_version,
    is_refused,
    same_version,
)
from perception_kd.doctor.check import Check, broken, fine, note

SETUP = 'make setup'
OPENCV_LIBRARIES = 'apt-get install -y libgl1 libglib2.0-0'
OPEN3D_LIBRARIES = 'apt-get install -y libgl1 libusb-1.0-0 libvulkan1 mesa-vulkan-drivers'
GIB = 1024**3


def check_environment(*, short: bool = False, folder: Path | None = None) -> list[Check]:
    """All checks of the environment.

    Args:
        short: Leave out the checks that take seconds (imports of the large libraries).
        folder: Where space is needed; the current folder if None.
    """
    checks = [check_python(), *(check_package(package) for package in PACKAGES)]
    checks += [check_mmcv(), check_opencv_pair(), check_device()]
    checks.append(check_import('OpenCV', 'import cv2', OPENCV_LIBRARIES))
    if not short:
        models = 'import perception_kd.compat, mmcv.ops, mmdet.models, mmdet3d.models'
        caster = 'import open3d; open3d.t.geometry.RaycastingScene()'
        checks.append(check_import('models', models, SETUP))
        checks.append(check_import('Open3D', caster, OPEN3D_LIBRARIES, required=False))
    checks += [check_font(), check_cores(), check_memory(), check_shared_memory()]
    return [*checks, check_disk(folder or Path())]


def check_python() -> Check:
    """The interpreter."""
    version = platform.python_version()
    place = 'in a virtual environment' if sys.prefix != sys.base_prefix else 'not in a virtual environment'
    return fine('Python', f'{version}, {place}')


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
    if same_version(version, package.tested):
        return fine(package.name, version)
    return fine(package.name, f'{version} (tested: {package.tested})')


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


def check_opencv_pair() -> Check:
    """Two packages fill one folder: they must have one version."""
    plain, headless = installed_version('opencv-python'), installed_version('opencv-python-headless')
    if plain and headless and plain != headless:
        advice = f'pip install "opencv-python=={headless}" "opencv-python-headless=={headless}"'
        found = f'opencv-python {plain} beside opencv-python-headless {headless}'
        return note('OpenCV packages', found, advice)
    return fine('OpenCV packages', 'agree')


def check_device() -> Check:
    """GPUs that torch can use."""
    if importlib.util.find_spec('torch') is None:
        return broken('device', 'unknown without torch', SETUP)
    try:
        import torch
    except (ImportError, OSError) as error:
        return broken('device', f'torch does not load: {_last_line(str(error))}', 'make clean setup')
    if not torch.cuda.is_available():
        built = f'built for CUDA {torch.version.cuda}' if torch.version.cuda else 'a build without CUDA'
        return note('device', f'CPU only (torch is {built}, and finds no GPU)',
                    'fine for the demo and tests; for real training use a CUDA torch and a GPU')
    names = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        names.append(f'{properties.name} {properties.total_memory / GIB:.0f} GiB')
    return fine('device', f'CUDA {torch.version.cuda}: {", ".join(names)}')


def check_import(
    name: str, code: str, advice: str, *, required: bool = True, found: str = 'loads'
) -> Check:
    """Run an import in a process of its own: what crashes there does not crash the doctor."""
    try:
        command = [sys.executable, '-c', code]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        error = '' if done.returncode == 0 else _last_line(done.stderr) or f'status {done.returncode}'
    except subprocess.TimeoutExpired:
        error = 'no answer in 300 s'
    if not error:
        return fine(name, found)
    return (broken if required else note)(name, f'does not load: {error}', advice)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ''


def check_font() -> Check:
    """Pictures are labelled with the font that matplotlib brings."""
    if importlib.util.find_spec('matplotlib') is None:
        return note('font', 'no matplotlib, so no pictures', SETUP)
    from matplotlib import font_manager

    try:
        return fine('font', Path(font_manager.findfont('DejaVu Sans', fallback_to_default=False)).name)
    except ValueError:
        advice = 'pip install --force-reinstall matplotlib'
        return note('font', 'DejaVu Sans is missing: labels use another font', advice)


def check_cores() -> Check:
    """Processor cores that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count() or 1
    return fine('cores', str(cores))


def check_memory() -> Check:
    """Free memory: the demo needs about 4 GiB."""
    try:
        lines = Path('/proc/meminfo').read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith('MemAvailable'))
    except (OSError, ValueError, StopIteration):
        return note('memory', 'unknown')
    found = f'{free / GIB:.1f} GiB free'
    return fine('memory', found) if free > 4 * GIB else note('memory', found, 'the demo needs about 4 GiB')


def check_shared_memory() -> Check:
    """Loader workers pass batches through it."""
    place = Path('/dev/shm')
    if not place.is_dir():
        return fine('shared memory', 'no /dev/shm here')
    free = shutil.disk_usage(place).free
    found = f'{free / GIB:.1f} GiB free'
    if free > GIB:
        return fine('shared memory', found)
    return note('shared memory', found, 'give a container more (--shm-size 4g), or set num_workers=0')


def check_disk(folder: Path) -> Check:
    """Room for a simulated world, checkpoints and pictures."""
    free = shutil.disk_usage(folder).free
    found = f'{free / GIB:.1f} GiB free in {folder.resolve()}'
    return fine('disk', found) if free > 5 * GIB else note('disk', found, 'the demo needs about 5 GiB')
