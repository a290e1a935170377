"""The random state of a process, as data."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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


@contextmanager
def random_draws(seed: Sequence[int]) -> Iterator[None]:
    """Python's, numpy's and torch's CPU generators start from ``seed`` inside, and go on as before afterwards.

    Args:
        seed: Whole numbers, none negative; any change of any of them gives other draws.
    """
    before = random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state()
    words = np.random.SeedSequence(list(seed)).generate_state(4)
    random.seed(int(words[0]) << 32 | int(words[1]))
    np.random.seed(words)
    torch.default_generator.manual_seed(int(words[2]) << 32 | int(words[3]))  # torch.manual_seed reseeds CUDA too
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])
        torch.set_rng_state(before[2])


def seed_worker(worker_id: int, rank: int = 0) -> None:
    """Seed a loader worker from the seed that torch drew for it, apart for every process of a job.

    For loaders whose sampler gives no seeds (:class:`perception_kd.engine.seeded.SeededIndex`).
    torch draws that seed from the main process's generator at each pass over the data, so that augmentation
    differs from epoch to epoch and a resumed run draws the same. (mmengine's own function repeats the
    same draws every epoch.)
    """
    seed = (torch.initial_seed() + 7919 * rank) % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
