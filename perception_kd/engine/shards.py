"""The batches of a data set shared out to processes that know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from dataclasses import dataclass

from torch.utils.data import Sampler


@dataclass(frozen=True)
class Shard:
    """Every ``count``-th batch, from number ``index`` on.

    Args:
        index: From 1 on.
        count: Of all shards.

    Raises:
        ValueError: there is no such shard.
    """

    index: int = 1
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.index <= self.count:
            raise ValueError(f'--shard is I/N with I from 1 to N, such as 2/8; got {self.index}/{self.count}')

    @classmethod
    def read(cls, text: str) -> Shard:
        """From ``I/N``.

        Raises:
            ValueError: another form, or there is no such shard.
        """
        index, _, count = text.partition('/')
        if not (index.isdecimal() and count.isdecimal()):
            raise ValueError(f'--shard is I/N with I from 1 to N, such as 2/8; got {text!r}')
        return cls(int(index), int(count))

    def __str__(self) -> str:
        return f'shard {self.index} of {self.count}'


class ShardSampler(Sampler):
    """Indices of a shard's batches in order. Each batch is one of the whole data set in order, samples alike, so that
    what a network says of it is the same to the last bit.

    Args:
        dataset: What is shared out.
        shard: This process's.
        batch: Samples at once.
        seed: mmengine gives every sampler one; nothing is drawn here.
    """

    def __init__(self, dataset: Sized, *, shard: Shard, batch: int, seed: int | None = None) -> None:
        self.size, self.shard, self.batch = len(dataset), shard, batch

    def __iter__(self) -> Iterator[int]:
        return (index for index in range(self.size) if self._mine(index))

    def __len__(self) -> int:
        return sum(map(self._mine, range(self.size)))

    def _mine(self, index: int) -> bool:
        return index // self.batch % self.shard.count == self.shard.index - 1
