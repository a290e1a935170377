"""How two models of a grid differ, with intervals from scenes that are drawn alike for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.resampling.bootstrap import interval

SCORES = ('NDS', 'mAP')
Samples = Mapping[str, Mapping[str, NDArray[np.float64]]]
"""By fault (``clean`` among them) and score: ``(severities, draws)``."""


def difference(model: Mapping[str, Any], other: Mapping[str, Any], samples: Samples,
               other_samples: Samples) -> dict[str, Any]:
    """``model`` less ``other``, two tables of :func:`~perception_kd.robustness.summary.summarise`.

    Returns:
        Differences of the clean scores, of every severity of every fault, and of their mean over severities; of the
        mean over all faults, and of mRR (as a fraction). ``interval`` beside them is of NDS, 95 %; None where there are
        no draws.
    """
    names = list(model['faults'])
    faults = {}
    for name in names:
        one, two = model['faults'][name], other['faults'][name]
        faults[name] = dict(severities=one['severities'], **{score: _less(one[score], two[score]) for score in SCORES},
                            mean=_mean_difference([one], [two], samples, other_samples, [name]))
    mean = _mean_difference([model['faults'][name] for name in names], [other['faults'][name] for name in names],
                            samples, other_samples, names)
    clean = {score: _less([model['clean'][score]], [other['clean'][score]])[0] for score in SCORES}
    rates = {score: _less([model['mRR'][score]], [other['mRR'][score]])[0] for score in SCORES}
    return dict(model=model['name'], against=other['name'],
                clean=dict(clean, interval=_interval(_drawn(samples, ['clean']), _drawn(other_samples, ['clean']))),
                faults=faults, mean=mean,
                mRR=dict(rates, interval=_interval(_drawn_rates(samples, names), _drawn_rates(other_samples, names))))


def _mean_difference(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, Any]], samples: Samples,
                     other_samples: Samples, names: Sequence[str]) -> dict[str, Any]:
    """Of the mean over faults of the means over severities."""
    found: dict[str, Any] = {}
    for score in SCORES:
        gaps = _less([one['mean'][score] for one in ours], [one['mean'][score] for one in theirs])
        found[score] = None if None in gaps else float(np.mean(gaps))
    return dict(found, interval=_interval(_drawn(samples, names), _drawn(other_samples, names)))


def _less(ours: Sequence[float | None], theirs: Sequence[float | None]) -> list[float | None]:
    return [None if one is None or two is None else one - two for one, two in zip(ours, theirs)]


def _drawn(samples: Samples, names: Sequence[str]) -> NDArray[np.float64] | None:
    """``(draws,)`` mean NDS over faults of each draw."""
    if any(name not in samples for name in names):
        return None
    return np.mean([samples[name]['NDS'].mean(axis=0) for name in names], axis=0)


def _drawn_rates(samples: Samples, names: Sequence[str]) -> NDArray[np.float64] | None:
    """``(draws,)`` mRR of each draw."""
    faulty = _drawn(samples, names)
    if faulty is None or 'clean' not in samples:
        return None
    clean = samples['clean']['NDS'][0]
    return np.divide(faulty, clean, out=np.full_like(faulty, np.nan), where=clean > 0)


def _interval(ours: NDArray[np.float64] | None, theirs: NDArray[np.float64] | None) -> list[float] | None:
    found = None if ours is None or theirs is None else interval(ours - theirs)
    return None if found is None else list(found)
