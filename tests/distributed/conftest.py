"""A small distillation, and what one process makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.distributed.plain_training import CONFIG, ROOT, environment


@pytest.fixture(scope='session')
def toy_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Config of a small distillation."""
    path = tmp_path_factory.mktemp('config') / 'toy.py'
    path.write_text(CONFIG)
    return path


@pytest.fixture(scope='session')
def trained_alone(toy_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Work directory of one process with the whole batch."""
    folder = tmp_path_factory.mktemp('alone')
    subprocess.run([sys.executable, 'tools/train.py', toy_config, '--work-dir', folder], cwd=ROOT, check=True,
                   timeout=400, capture_output=True, env=environment())
    return folder
