"""Random numbers that do not disturb anybody else's."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def private_rng(*key: object, device: torch.device | str = 'cpu') -> Iterator[None]:
    """Run a block with torch, NumPy and Python seeded by ``key``; afterwards the generators are as before.

    What happens inside neither consumes the caller's random numbers nor depends on them, so adding a block
    leaves weights, dropout and data order elsewhere as they were. The run's own seed takes part, so two runs
    of different seeds differ here too.

    Args:
        key: Anything that prints: a pair's name, an iteration, a rank.
        device: The device whose generator is used besides the CPU's.
    """
    device = torch.device(device)
    seed = zlib.crc32('/'.join(map(str, (torch.initial_seed(), *key))).encode())
    on_cuda = device.type == 'cuda'
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[device] if on_cuda else []):
        random.seed(seed)
        np.random.seed(seed)
        torch.default_generator.manual_seed(seed)
        if on_cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)
