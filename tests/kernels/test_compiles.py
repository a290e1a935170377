"""Every kernel compiles for GPUs that are not here, as it is launched; the interpreter does not know the compiler."""

import os
import subprocess
import sys
from pathlib import Path

from tests.kernels import needs_triton

KERNELS = {'_cells', '_fill', '_gradients', '_reduce', '_spread', '_sums', '_to_maxima'}


@needs_triton
def test_every_kernel_compiles_to_machine_code(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith('TRITON_')}
    done = subprocess.run(
        [sys.executable, '-m', 'tests.kernels.compiling'], cwd=Path(__file__).parents[2], capture_output=True,
        text=True, env=dict(kept, TRITON_CACHE_DIR=str(tmp_path)), timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {line[0] for line in lines} == KERNELS
    assert all(len(line) >= 3 and min(map(int, line[1:])) > 1000 for line in lines)
