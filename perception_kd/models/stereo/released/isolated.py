"""Reading of a pickled model in a process of its own, so that a hostile file meets neither a training nor its data.

  python -m perception_kd.models.stereo.released.isolated FILE OUT

writes config and weights of a Fast-FoundationStereo as plain data. The file's code is not run there either.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from perception_kd.cli import run_tool
from perception_kd.models.stereo.released.fast import Converted, from_fast_foundation_stereo
from perception_kd.models.stereo.released.pickled import read_module

PATIENCE = 600  # s


def read_isolated(path: str | Path) -> Converted:
    """A released Fast-FoundationStereo, read by another process.

    Raises:
        ValueError: what that process says in one line.
    """
    with tempfile.TemporaryDirectory(prefix='released-') as folder:
        out = Path(folder) / 'plain.pth'
        command = [sys.executable, '-m', __name__, str(Path(path).absolute()), str(out)]
        try:
            child = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise ValueError(f'checkpoint {path} is not read after {PATIENCE} s; it is damaged or hostile') from None
        if child.returncode:
            said = child.stderr.strip().splitlines() or [f'its reader ended with status {child.returncode}']
            raise ValueError(said[-1].removeprefix('error: '))
        content = torch.load(out, map_location='cpu', weights_only=True)
    return Converted(content['model'], content['weights'])


def main() -> None:
    """What the other process does."""
    path, out = sys.argv[1:]
    torch.save(from_fast_foundation_stereo(read_module(path), who=path)._asdict(), out)


if __name__ == '__main__':
    run_tool(main)
