"""Summaries and details of both engines in a form that can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def split_answer(answer: Any) -> tuple[list[Any], NDArray[np.float64]]:
    """Keys and words of summary and details in their order, and all their numbers, eval_time left out."""
    leaves = list(_leaves(answer))
    words = [(path, value) if isinstance(value, str) else (path, np.shape(value)) for path, value in leaves]
    numbers = [np.ravel(value) for _, value in leaves if not isinstance(value, str)]
    return words, np.concatenate([*numbers, np.empty(0)]).astype(np.float64)


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What nested dictionaries hold, but for the time that the evaluation took."""
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, tuple) else None
    if parts is None:
        words = value if isinstance(value, list) and value and isinstance(value[0], str) else [value]
        yield from ((path, one) for one in words)
        return
    for key, part in parts:
        if key != 'eval_time':
            yield from _leaves(part, (*path, str(key)))
