"""Long gradients as short vectors with the same inner products on average."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class SignProjection:
    """Every coordinate is added, with a random sign, to one of ``dimension`` sums, drawn at random.

    ``(R g)_k = sum_i s_i g_i [h_i = k]`` (feature hashing, Weinberger et al., ICML 2009). Over the draws
    ``E <Rx, Ry> = <x, y>`` and ``Var <Rx, Ry> = (|x|^2 |y|^2 + <x, y>^2 - 2 sum_i x_i^2 y_i^2) / d``: mean and variance
    of the dense matrix of +-1 / sqrt(d) that GRACE uses, in P steps instead of P d and without a matrix.

    Args:
        sizes: Numbers of coordinates of the tensors that are projected together.
        dimension: d.
        seed: Of the draws; the same seed and sizes give the same projection.
    """

    def __init__(self, *, sizes: Sequence[int], dimension: int, seed: int = 0) -> None:
        if dimension < 1:
            raise ValueError(f'a projection needs at least one dimension, got {dimension}')
        generator = torch.Generator().manual_seed(seed)
        self.dimension, self.sizes = dimension, tuple(sizes)
        total = sum(self.sizes)
        self._place = torch.randint(dimension, (total,), generator=generator)
        self._sign = torch.randint(2, (total,), generator=generator, dtype=torch.int8) * 2 - 1

    def __call__(self, gradients: Sequence[Tensor | None]) -> Tensor:
        """``(d,)`` float64 on the CPU.

        Args:
            gradients: One for each of ``sizes``; None stands for zeros.

        Raises:
            ValueError: Another number of tensors or of coordinates.
        """
        sizes = [size if part is None else part.numel() for part, size in zip(gradients, self.sizes)]
        if len(gradients) != len(self.sizes) or tuple(sizes) != self.sizes:
            raise ValueError(f'the projection is for tensors of {list(self.sizes)} coordinates, got {sizes}')
        result, first = torch.zeros(self.dimension, dtype=torch.float64), 0
        for part, size in zip(gradients, self.sizes):
            if part is not None:
                values = part.detach().flatten().cpu().double()
                here = slice(first, first + size)
                result.index_add_(0, self._place[here], values * self._sign[here])
            first += size
        return result
