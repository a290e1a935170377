"""The last pooling pattern, for as long as no matrix changes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from perception_kd.models.layers.export_forms import exporting

Pattern = TypeVar('Pattern')


class KeptPattern(Generic[Pattern]):
    """Holds one pattern. Copies and pickles leave it out: it can be large, and is made again at once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget."""
        self._last: tuple[Hashable, list[Tensor], Pattern] | None = None

    def get(self, key: Hashable, matrices: Sequence[Tensor], make: Callable[[], Pattern], *, keep: bool) -> Pattern:
        """The kept pattern if ``key`` and all ``matrices`` are those of its making, else a new one.

        Nothing is kept while a graph is made.

        Args:
            key: What else decides the pattern (size, device).
            matrices: The geometry.
            make: Makes the pattern.
            keep: Hold a new pattern for the next call.
        """
        if exporting():
            return make()
        if self._last and self._last[0] == key and all(map(torch.equal, self._last[1], matrices)):
            return self._last[2]
        pattern = make()
        if keep:
            self._last = (key, [matrix.clone() for matrix in matrices], pattern)
        return pattern

    def __getstate__(self) -> dict:
        return {'_last': None}
