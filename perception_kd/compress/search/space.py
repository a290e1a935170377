"""What a search needs to know of a kind of model: its blocks, and what may stand in their place."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.compress.search.block_taps import module_at
from perception_kd.distill.nested import as_float

Spec = dict[str, Any]
DRAWS = 16  # designs that are looked at for each candidate that is taken
TRIES = 10  # random draws for each of those, since a draw may repeat an earlier one


class SearchSpace(ABC):
    """Blocks of a teacher and the designs that may replace each. A design is a dict that JSON keeps.

    A block is a sub-module that the teacher calls once in a forward pass. What stands in its place takes the same
    arguments and writes tensors of the same shapes.

    Args:
        blocks: Names of the blocks and their module paths in the model, in the order in which they run.
    """

    def __init__(self, *, blocks: Mapping[str, str]) -> None:
        self.blocks = dict(blocks)

    @abstractmethod
    def draw(self, block: str, rng: np.random.Generator, teacher: nn.Module) -> Spec:
        """A random design of a block within the grammar; it need not be fast."""

    @abstractmethod
    def build(self, block: str, spec: Spec, teacher: nn.Module) -> nn.Module:
        """The module of a design with fresh weights, for the place of the teacher's block.

        Raises:
            ValueError: the design does not fit the teacher's block.
        """

    @abstractmethod
    def apply(self, model_config: Mapping[str, Any], choice: Mapping[str, Spec]) -> dict[str, Any]:
        """Config of the model whose blocks named in ``choice`` have these designs; the others stay the teacher's.

        Its module at a block's path has the state dict of :meth:`build`'s.
        """

    def loss(self, block: str, made: Sequence[Tensor], taught: Sequence[Tensor], data_samples: list,
             teacher: nn.Module) -> Tensor:
        """Of what a candidate wrote against what the teacher's block wrote: mean squared error, summed over tensors.

        Args:
            block: Name.
            made, taught: Newly written tensors, in the order of ``block_taps.written``.
            data_samples: Of the batch, as the teacher's preprocessor gives them.
            teacher: The frozen model.
        """
        return sum(functional.mse_loss(own, other) for own, other in zip(as_float(made), as_float(taught), strict=True))

    def pictures(self, size: tuple[int, int]) -> dict[str, Any]:
        """Raw data of one sample with pictures of a size (height, width), as a loader gives it, to measure latency on.

        Raises:
            ValueError: this kind of model has no inputs of any size.
        """
        raise ValueError(f'{type(self).__name__} measures on the validation data: leave search.latency.size out')

    def sample(self, block: str, count: int, rng: np.random.Generator, teacher: nn.Module,
               cost: Callable[[nn.Module], float]) -> list[Spec]:
        """Different designs of a block that cost less than the teacher's, spread evenly over what they cost.

        Designs are drawn and ordered by cost; one is taken at random from each of ``count`` parts of equal number.

        Args:
            block: Name.
            count: Designs.
            rng: Random numbers.
            teacher: The model.
            cost: Of a module in the block's place: seconds, or anything that grows with them.

        Raises:
            ValueError: no such block, or too few designs cost less than the teacher's block.
        """
        limit = cost(module_at(teacher, self.path(block)))
        priced = [(cost(self.build(block, spec, teacher)), spec)
                  for spec in self._different(block, count, rng, teacher)]
        quick = [spec for price, spec in sorted(priced, key=lambda pair: pair[0]) if price < limit]
        if len(quick) < count:
            raise ValueError(f'block {block}: {len(quick)} of {len(priced)} designs drawn cost less than the '
                             f"teacher's, {count} are asked for; ask for fewer, or widen the space's grammar")
        return [part[rng.integers(len(part))] for part in (
            quick[len(quick) * place // count:len(quick) * (place + 1) // count] for place in range(count))]

    def path(self, block: str) -> str:
        """Module path of a block.

        Raises:
            ValueError: no such block.
        """
        if block not in self.blocks:
            raise ValueError(f'{type(self).__name__} has no block {block!r}; it has {", ".join(self.blocks)}')
        return self.blocks[block]

    def _different(self, block: str, count: int, rng: np.random.Generator, teacher: nn.Module) -> list[Spec]:
        found: dict[str, Spec] = {}
        for _ in range(count * DRAWS * TRIES):
            spec = self.draw(block, rng, teacher)
            found.setdefault(candidate_id(spec), spec)
            if len(found) == count * DRAWS:
                break
        return list(found.values())


def candidate_id(spec: Spec) -> str:
    """Short name of a design: the same for the same design, wherever and whenever it was drawn."""
    return hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
