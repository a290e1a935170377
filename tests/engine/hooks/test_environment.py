"""A training keeps what it was made with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import torch

from perception_kd.engine.hooks.environment import ENVIRONMENT
from tests.engine.tiny_run import build

ROOT = Path(__file__).parents[3]


def test_every_training_notes_commit_versions_and_machine(tmp_path):
    build(tmp_path, epochs=1).train()
    noted = json.loads((tmp_path / ENVIRONMENT).read_text())
    assert noted['versions']['torch'] == torch.__version__
    assert (noted['machine']['cores'], noted['processes']) == (os.cpu_count(), 1)
    head = subprocess.run(['git', 'log', '-1', '--format=%h'], cwd=ROOT, capture_output=True, text=True, check=False)
    assert noted['commit'].rstrip('+') == head.stdout.strip()
