"""The pairs of a data set with their truth, one after another, for what scores without a Runner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.datasets.stereo.dataset import StereoDataset


@dataclass(frozen=True, kw_only=True)
class PairSource:
    """Which pairs; see ``StereoDataset`` for what is not told here.

    Args:
        root: Folder of the set.
        name: By which rules are chosen; empty: the layout's, the list's.
        skip_incomplete: Leave out pairs whose files are missing.
    """

    root: Path
    layout: str | None = None
    ann_file: str = ''
    split: str = ''
    select: Mapping[str, Sequence[str]] | None = None
    name: str = ''
    count: int | None = None
    count_seed: int = 0
    skip_incomplete: bool = False

    def open(self, *, pictures: bool = True, truth: bool = True) -> StereoDataset:
        """The data set.

        Args:
            pictures: Samples have ``left`` and ``right``.
            truth: Pairs without disparity are an error (or left out by ``skip_incomplete``).

        Raises:
            FileNotFoundError, ValueError: no such folder, layout or pair, or pairs that lack files.
        """
        steps: list[dict[str, Any]] = [dict(type='LoadStereoPair')] if pictures else []
        steps.append(dict(type='LoadDisparity', required=truth))
        return StereoDataset(
            data_root=str(self.root), layout=self.layout, ann_file=self.ann_file, split=self.split,
            select=self.select, name=self.name, count=self.count, count_seed=self.count_seed, truth=truth,
            skip_incomplete=self.skip_incomplete,
            pipeline=[{**step, '_scope_': 'perception_kd'} for step in steps], test_mode=True)


def samples(dataset: StereoDataset) -> Iterator[dict[str, Any]]:
    """Its samples in order."""
    for index in range(len(dataset)):
        yield dataset[index]
