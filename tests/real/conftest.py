"""The real key frame, prepared by our own tool into a temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset

ROOT = Path(__file__).parents[2]
VERSION = 'v1.0-oneframe'


def run_tool(name: str, *arguments: object) -> subprocess.CompletedProcess:
    """Run ``tools/<name>.py`` as a user does."""
    command = [sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, arguments)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


@pytest.fixture(scope='session')
def frame(real_data: Path) -> Path:
    """Data root of the key frame: six cameras, LiDAR, one radar of five, 68 boxes. Read only."""
    return real_data / 'nuscenes' / 'frame_scene0061_s0'


@pytest.fixture(scope='session')
def infos(frame: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its info file."""
    job = InfoJob(root=frame, version=VERSION, out=tmp_path_factory.mktemp('infos'))
    return create_infos(job, echo=lambda line: None)['all']


@pytest.fixture(scope='session')
def dataset(frame: Path, infos: Path) -> NuScenesRadarDataset:
    """The key frame alone."""
    return NuScenesRadarDataset(ann_file=str(infos), data_root=str(frame))


@pytest.fixture
def sample(dataset: NuScenesRadarDataset) -> dict[str, Any]:
    """The key frame before the pipeline."""
    return dataset.get_data_info(0)


@pytest.fixture(scope='session')
def devkit(frame: Path) -> Any:
    """The devkit's database of the key frame."""
    from perception_kd.evaluation.devkit_tables import load_devkit
    return load_devkit(frame, VERSION)
