"""Which world was that? A short name that changes with the simulator's code, the preset and the seed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from perception_kd.simulation.presets import WorldPreset


def world_stamp(preset: WorldPreset, seed: int) -> str:
    """``NAME-seedN-`` and 12 hexadecimal digits; equal stamps mean equal data sets on one machine."""
    digest = hashlib.sha256(json.dumps(asdict(preset), sort_keys=True).encode())
    root = Path(__file__).parent
    for path in sorted(root.rglob('*.py')):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    return f'{preset.name}-seed{seed}-{digest.hexdigest()[:12]}'
