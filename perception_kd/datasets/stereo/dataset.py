"""Stereo pairs of any public set, of folders of one's own, or of a list, as one data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import print_log

from perception_kd.datasets.corrupt import CorruptTolerantDataset
from perception_kd.datasets.stereo.layouts import LAYOUTS
from perception_kd.datasets.stereo.pair_list import read_pair_list
from perception_kd.datasets.stereo.patterns import PairLayout
from perception_kd.registry import DATASETS

DEFAULT_LAYOUT = 'middlebury'


def set_name(name: str = '', ann_file: str = '', layout: str | Mapping[str, Any] | None = None) -> str:
    """``dataset`` of samples that name none of their own; see :class:`StereoDataset`."""
    layout = layout or DEFAULT_LAYOUT
    return name or Path(ann_file).stem or (layout if isinstance(layout, str) else 'pairs')


@DATASETS.register_module()
class StereoDataset(CorruptTolerantDataset):
    """Rectified pairs, the left picture being the reference.

    Before its pipeline a sample has ``left_path`` and ``right_path``, ``decoder``, ``noc_decoder`` and ``sparse``,
    ``dataset`` and ``scene``, and where they are known ``disp_path``, ``noc_path``, the same of the right picture
    (``disp_right_path``, ``noc_right_path``), ``focal`` px, ``baseline`` m, ``doffs`` px (x of the right principal
    point less that of the left) and ``centre`` (the left one, px).

    Args:
        data_root: Folder of the set.
        layout: Name in ``LAYOUTS``, or the arguments of :class:`PairLayout` for folders of one's own; by default
            ``middlebury``.
        ann_file: Instead of a layout, a list (:func:`read_pair_list`): its name in ``data_root``, or any path.
        split: As the set's folders have it (``train``, ``trainingQ``, ``TEST``).
        select: Which of the layout's ``choices``: ``dict(render=['frames_finalpass'])``.
        name: ``dataset`` of the samples, by which metrics are told apart; by default the layout's name.
        pipeline: Transforms.
        truth: Every pair must have its disparity.
        skip_incomplete: Leave out pairs without right picture or, with ``truth``, disparity; otherwise they are an
            error.
        count: Use so many pairs, drawn with ``count_seed``. 400 of ``sceneflow``, split TEST, with seed 1000, is what
            RAFT-Stereo's authors validate on.
        repeat: How often an epoch shows each pair, for mixing sets.
        **kwargs: ``max_corrupt`` (:class:`CorruptTolerantDataset`), and mmengine's (``indices``, ``test_mode``, ...).

    Raises:
        FileNotFoundError: ``data_root`` or the list is missing.
        ValueError: unknown layout, a layout beside a list, no pair, pairs without files, or more pairs asked for than
            there are.
    """

    METAINFO = {'task': 'stereo'}

    def __init__(self, *, data_root: str, layout: str | Mapping[str, Any] | None = None, ann_file: str = '',
                 split: str = '', select: Mapping[str, Sequence[str]] | None = None, name: str = '',
                 pipeline: Sequence[Any] = (), truth: bool = True, skip_incomplete: bool = False,
                 count: int | None = None, count_seed: int = 0, repeat: int = 1, **kwargs: Any) -> None:
        if repeat < 1 or (count is not None and count < 1):
            raise ValueError(f'repeat and count must be at least 1, got {repeat} and {count}')
        if ann_file:
            if layout or split or select:
                raise ValueError(f'{ann_file}: a list names its files itself; give no layout, split or select')
            inside = Path(data_root) / ann_file
            ann_file = str((inside if inside.is_file() else Path(ann_file)).absolute())
        self.name = set_name(name, ann_file, layout)
        self.layout = None if ann_file else _layout(layout or DEFAULT_LAYOUT)
        self.split, self.select, self.truth, self.skip_incomplete = split, select, truth, skip_incomplete
        self.count, self.count_seed, self.repeat = count, count_seed, repeat
        super().__init__(ann_file=ann_file, data_root=str(data_root), data_prefix={}, pipeline=list(pipeline), **kwargs)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Records of the pairs."""
        if self.layout is None:
            pairs = read_pair_list(self.ann_file, self.data_root)
        else:
            pairs = self.layout.pairs(self.data_root, split=self.split, select=self.select)
        pairs = self._complete(pairs)
        if self.count is not None:
            if self.count > len(pairs):
                raise ValueError(f'{self.data_root}: count asks for {self.count} of {len(pairs)} pairs')
            drawn = np.random.RandomState(self.count_seed).permutation(len(pairs))[:self.count]
            pairs = [pairs[place] for place in sorted(drawn)]
        return [{'dataset': self.name, **pair} for pair in pairs] * self.repeat

    def _complete(self, pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The pairs whose files are there."""
        lacks = [_lack(pair, self.truth) for pair in pairs]
        good = [pair for pair, lack in zip(pairs, lacks) if not lack]
        if len(good) < len(pairs):
            first = next(lack for lack in lacks if lack)
            line = f'{self.data_root}: {len(pairs) - len(good)} of {len(pairs)} pairs are incomplete, first: {first}'
            if not self.skip_incomplete or not good:
                hint = '; truth=False does without disparity' if first.startswith('no disparity') else ''
                raise ValueError(f'{line}; fetch them again, or leave such pairs out by skip_incomplete=True{hint}')
            print_log(f'{line}; they are left out', logger='current')
        return good


def _layout(layout: str | Mapping[str, Any]) -> PairLayout:
    if not isinstance(layout, str):
        return PairLayout(**layout)
    if layout not in LAYOUTS:
        raise ValueError(f'unknown layout {layout!r} of stereo pairs; there are {", ".join(LAYOUTS)}')
    return LAYOUTS[layout]


def _lack(pair: Mapping[str, Any], truth: bool) -> str:
    """What a pair lacks."""
    for side in ('left', 'right'):
        if not Path(pair[f'{side}_path']).is_file():
            return f'no {side} picture {pair[f"{side}_path"]}'
    if truth and not ('disp_path' in pair and Path(pair['disp_path']).is_file()):
        return f'no disparity of {pair["left_path"]}'
    return ''
