"""Which sequences were that? A short name that changes with the simulator's code, the preset and the seed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from perception_kd.simulation.uav.presets import UAVPreset

_SHARED = ('stereo/meshes.py', 'writers/coco.py')
"""Modules outside of this folder that shape the files."""


def uav_stamp(preset: UAVPreset, seed: int) -> str:
    """``uav-NAME-seedN-`` and 12 hexadecimal digits; equal stamps mean equal sequences in one environment."""
    digest = hashlib.sha256(json.dumps(asdict(preset), sort_keys=True).encode())
    package = Path(__file__).parent
    for path in [*sorted(package.rglob('*.py')), *(package.parent / name for name in _SHARED)]:
        digest.update(path.relative_to(package.parent).as_posix().encode())
        digest.update(path.read_bytes())
    return f'uav-{preset.name}-seed{seed}-{digest.hexdigest()[:12]}'
