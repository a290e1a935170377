"""Which pairs were that? A short name that changes with the simulator's code, the preset and the seed."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from perception_kd.simulation.stereo.presets import StereoPreset


def stereo_stamp(preset: StereoPreset, seed: int) -> str:
    """``NAME-seedN-`` and 12 hexadecimal digits; equal stamps mean equal pairs in one environment."""
    digest = hashlib.sha256(json.dumps(asdict(preset), sort_keys=True).encode())
    package = Path(__file__).parent
    for path in [*sorted(package.glob('*.py')), package.parent / 'writers' / 'stereo.py']:
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return f'stereo-{preset.name}-seed{seed}-{digest.hexdigest()[:12]}'
