"""The random state of a process, as data."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch


def capture_random_state() -> dict[str, Any]:
    """State of Python's, numpy's and torch's generators (CPU, and every CUDA device where there is one)."""
    numpy_state = np.random.get_state(legacy=False)
    state = {'python': random.getstate(), 'numpy': numpy_state, 'torch': torch.get_rng_state()}
    if torch.cuda.is_available():
        state['cuda'] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any]) -> None:
    """Put a captured state back. CUDA states are used where as many devices are there as when captured."""
    random.setstate(state['python'])
    np.random.set_state(state['numpy'])
    torch.set_rng_state(state['torch'].cpu())
    cuda = state.get('cuda', [])
    if cuda and torch.cuda.is_available() and len(cuda) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all([one.cpu() for one in cuda])


def seed_worker(worker_id: int, rank: int = 0) -> None:
    """Seed a loader worker from the seed that torch drew for it, apart for every process of a job.

    torch draws that seed from the main process's generator at each pass over the data, so that augmentation
    differs from epoch to epoch and a resumed run draws the same. (mmengine's own function repeats the
    same draws every epoch.)
    """
    seed = (torch.initial_seed() + 7919 * rank) % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
