"""Fixtures that every room may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from tests.small_world import SCENES, SEED, SMALL
from tests.tiny_world import VERSION, make_tiny_world

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # of a shell's background job, and its children would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
if not torch.cuda.is_available():
    os.environ.setdefault('TRITON_INTERPRET', '1')  # read when triton is imported: tests/kernels runs its kernels by it
torch.set_num_threads(1)  # small tensors: two threads that share a busy machine wait for each other


@pytest.fixture(autouse=True)
def no_scope_is_left_behind() -> Iterator[None]:
    """Registries look names up in the scope that was set last: no test sets it for the tests after it."""
    yield
    DefaultScope._instance_dict.clear()


@pytest.fixture(scope='session')
def real_data() -> Path:
    """Folder of the small real data sets; the test is skipped where there is none.

    ``$PKD_REAL_DATA``, else ``shared/data`` beside the checkout. Mark such tests with ``real_data``.
    """
    named = os.environ.get('PKD_REAL_DATA')
    folder = Path(named) if named else Path(__file__).parents[2] / 'shared' / 'data'
    if not folder.is_dir():
        pytest.skip('no real data: set PKD_REAL_DATA to its folder')
    return folder


@pytest.fixture(scope='session')
def tiny_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generated nuScenes-format root (``tests/tiny_world.py``) with its info files. Do not change it."""
    from perception_kd.datasets.nuscenes.create import InfoJob, create_infos

    root = make_tiny_world(tmp_path_factory.mktemp('tiny'))
    create_infos(InfoJob(root=root, version=VERSION, out=root), echo=lambda line: None)
    return root


@pytest.fixture(scope='session')
def sim_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three simulated scenes, one each for training, validation and test, without info files. Do not change it."""
    from perception_kd.simulation.writers.nuscenes import simulate_nuscenes

    return simulate_nuscenes(tmp_path_factory.mktemp('sim') / 'root', scenes=SCENES, seed=SEED, preset=SMALL, workers=2)
