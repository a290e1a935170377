"""The epoch that a sample is made for, told to its transforms by the sample's own index."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_EPOCH: ContextVar[int | None] = ContextVar('epoch of the sample', default=None)


@contextmanager
def made_for(epoch: int | None) -> Iterator[None]:
    """A block in which samples are made for ``epoch``, the first being 0; None: for no training."""
    token = _EPOCH.set(epoch)
    try:
        yield
    finally:
        _EPOCH.reset(token)


def sample_epoch() -> int | None:
    """Epoch of the sample that is being made; None where nobody said."""
    return _EPOCH.get()
