"""Runs of stereo that a module's tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.visualization.report.stereo.folders import write_runs


@pytest.fixture(scope='session')
def stereo_runs(tmp_path_factory) -> Path:
    """Teacher, plain students, both halves of a distillation."""
    return write_runs(tmp_path_factory.mktemp('stereo'))
