"""Which world was that? A short name that changes with the simulator's code, the preset and the seed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from perception_kd.simulation.presets import WorldPreset

_FORMAT = ('formats', 'rows', 'vocabulary', 'writer')
"""Modules of datasets/nuscenes that shape the files."""
_OTHERS = ('stereo/', 'uav/', 'writers/stereo.py', 'writers/coco.py')
"""Of the simulators of pairs and of drones, which this world does not use."""


def world_stamp(preset: WorldPreset, seed: int) -> str:
    """``NAME-seedN-`` and 12 hexadecimal digits; equal stamps mean equal data sets in one environment."""
    digest = hashlib.sha256(json.dumps(asdict(preset), sort_keys=True).encode())
    package = Path(__file__).parents[1]
    formats = [package / 'datasets' / 'nuscenes' / f'{name}.py' for name in _FORMAT]
    simulator = package / 'simulation'
    parts = [path for path in sorted(simulator.rglob('*.py'))
             if not path.relative_to(simulator).as_posix().startswith(_OTHERS)]
    for path in [*parts, *formats]:
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return f'{preset.name}-seed{seed}-{digest.hexdigest()[:12]}'
