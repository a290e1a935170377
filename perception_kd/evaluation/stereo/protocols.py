"""How public evaluators of stereo count: they disagree, so that every figure names its rules.

Read in the evaluators' code (RAFT-Stereo, OpenStereo, LiteAnyStereo) and in the paper of Fast-FoundationStereo
(arXiv 2512.11130v2), which says neither which of KITTI's truths it takes nor how it averages.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from perception_kd.evaluation.stereo.errors import D1_SHARE, REGIONS, THRESHOLDS

AGGREGATES = ('image_mean', 'pixel_pool')
"""Mean of the pictures' figures, or one figure of all pixels together."""


def _choose(what: str, name: str, names: Sequence[str]) -> None:
    if name not in names:
        raise ValueError(f'{what} {name!r} is none of {", ".join(names)}')


@dataclass(frozen=True)
class Protocol:
    """Rules for one data set.

    Args:
        region: One of ``REGIONS``, the one whose figures come first.
        aggregate: One of ``AGGREGATES``, for shares of bad pixels and D1.
        epe_aggregate: The same for the end-point error; None: as ``aggregate``.
        max_disp: Only pixels with a true disparity below count, px; None: all.
        thresholds: Of bad pixels, px.
        d1_share: Share of the true disparity that an outlier of D1 exceeds beside 3 px; 0 where D1 means "off by more
            than 3 px".

    Raises:
        ValueError: a name that is none, or a number out of range.
    """

    region: str = 'noc'
    aggregate: str = 'image_mean'
    epe_aggregate: str | None = None
    max_disp: float | None = None
    thresholds: tuple[float, ...] = THRESHOLDS
    d1_share: float = D1_SHARE

    def __post_init__(self) -> None:
        _choose('region', self.region, REGIONS)
        for name in (self.aggregate, self.epe_aggregate or self.aggregate):
            _choose('aggregate', name, AGGREGATES)
        if self.max_disp is not None and not self.max_disp > 0:
            raise ValueError(f'max_disp must be above 0, got {self.max_disp}')
        if not self.thresholds or not all(value >= 0 and math.isfinite(value) for value in self.thresholds):
            raise ValueError(f'thresholds must be numbers of pixels, got {self.thresholds}')

    def text(self) -> str:
        """The rules in words."""
        span = 'any disparity' if self.max_disp is None else f'true disparity below {self.max_disp:g} px'
        epe = self.epe_aggregate or self.aggregate
        other = '' if epe == self.aggregate else f' (EPE {epe})'
        d1 = '' if self.d1_share else ', D1 without its 5 %'
        return f'{self.region}, {self.aggregate}{other}, {span}{d1}'


_NOC = Protocol()
_RAFT = Protocol(region='all', epe_aggregate='image_mean', d1_share=0.0)
_POOLED = {'aggregate': 'pixel_pool'}
OTHER = ''
"""Rules of data sets that a preset does not name."""
PROTOCOLS: dict[str, dict[str, Protocol]] = {
    'ffs': {
        OTHER: _NOC,
        'kitti': replace(_NOC, **_POOLED),
    },
    'raft_stereo': {
        OTHER: _RAFT,
        'kitti': replace(_RAFT, **_POOLED),
        'sceneflow': replace(_RAFT, **_POOLED, max_disp=192.0),
    },
    'openstereo': {
        OTHER: replace(_NOC, max_disp=192.0),
        'kitti': Protocol(region='all', max_disp=192.0),
        'sceneflow': Protocol(region='all', max_disp=192.0),
    },
    'lite_any_stereo': {
        OTHER: replace(_NOC, max_disp=192.0),
        'eth3d': _NOC,
        'kitti': Protocol(region='all', epe_aggregate='image_mean', max_disp=192.0, **_POOLED),
        'sceneflow': Protocol(region='all', max_disp=192.0),
    },
}
"""Preset -> beginning of the data set's name -> rules; ``ffs``, the paper's wording, is the default."""
DEFAULT = 'ffs'
_FAMILIES = {'drivingstereo': 'kitti', 'things': 'sceneflow', 'flyingthings': 'sceneflow', 'monkaa': 'sceneflow',
             'driving': 'sceneflow'}


def protocol_of(dataset: str, preset: str = DEFAULT, **changes: Any) -> Protocol:
    """Rules of a preset for a data set, by the beginning of its name (``kitti2015``: those of ``kitti``).

    Args:
        dataset: Its name; upper and lower case are one.
        preset: One of ``PROTOCOLS``.
        changes: Fields of :class:`Protocol` to have otherwise; None leaves a field as it is, ``max_disp`` of infinity
            takes the limit away.

    Raises:
        ValueError: an unknown preset or value.
    """
    _choose('protocol', preset, tuple(PROTOCOLS))
    name = dataset.lower()
    name = next((family for start, family in _FAMILIES.items() if name.startswith(start)), name)
    rules: Mapping[str, Protocol] = PROTOCOLS[preset]
    found = next((rule for start, rule in rules.items() if start and name.startswith(start)), rules[OTHER])
    changed = {key: value for key, value in changes.items() if value is not None}
    if changed.get('max_disp') == math.inf:
        changed['max_disp'] = None
    if 'aggregate' in changed:
        changed.setdefault('epe_aggregate', changed['aggregate'])
    if 'thresholds' in changed:
        changed['thresholds'] = tuple(map(float, changed['thresholds']))
    return replace(found, **changed)
