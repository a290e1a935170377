"""The machine: GPU, fonts, cores, memory, disk."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from perception_kd.doctor.check import SETUP, Check, broken, fine, last_line, note

GIB = 1024**3


def check_machine(folder: Path | None = None) -> list[Check]:
    """All checks of the machine; ``folder`` is where space is needed (the current one if None)."""
    checks = [check_device(), check_font(), check_cores(), check_memory(), check_shared_memory()]
    return [*checks, check_disk(folder or Path())]


def check_device() -> Check:
    """GPUs that torch can use."""
    if importlib.util.find_spec('torch') is None:
        return broken('device', 'unknown without torch', SETUP)
    try:
        import torch
    except (ImportError, OSError) as error:
        return broken('device', f'torch does not load: {last_line(str(error))}', 'make clean setup')
    if not torch.cuda.is_available():
        built = f'built for CUDA {torch.version.cuda}' if torch.version.cuda else 'a build without CUDA'
        return note('device', f'CPU only (torch is {built}, and finds no GPU)',
                    'fine for the demo and tests; for real training use a CUDA torch and a GPU')
    names = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        names.append(f'{properties.name} {properties.total_memory / GIB:.0f} GiB')
    return fine('device', f'CUDA {torch.version.cuda}: {", ".join(names)}')


def has_gpu() -> bool:
    """Whether there is a torch, and a GPU that it can use."""
    try:
        import torch
    except (ImportError, OSError):
        return False
    return torch.cuda.is_available()


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
