"""Settings of SGBM for the pairs at hand, by coordinate descent: one setting after another, until none helps.

Score SGBM on other pairs than those it was tuned on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from perception_kd.evaluation.stereo.protocols import Protocol
from perception_kd.evaluation.stereo.sgbm import SGBM, SGBMSettings
from perception_kd.evaluation.stereo.stored import measure_sample
from perception_kd.evaluation.stereo.summary import DatasetErrors

GRID: Mapping[str, Sequence[Any]] = {
    'mode': ('hh', 'sgbm'),
    'block_size': (3, 5, 7, 9),
    'p2': (24.0, 32.0, 64.0, 96.0, 128.0, 192.0),
    'p1': (2.0, 4.0, 8.0, 16.0),
    'pre_filter_cap': (15, 31, 63),
    'uniqueness': (0, 5, 10, 15),
    'left_right': (-1, 1, 2),
    'speckle_window': (0, 50, 100, 200, 400),
    'speckle_range': (1, 2, 4),
    'median': (0, 3, 5),
    'colour': (False, True),
}
"""Values to try, in this order."""


@dataclass(frozen=True)
class Tuned:
    """What came out.

    Args:
        settings: The best.
        before, after: The figure with the first settings and with the best.
        tried: How many settings were scored.
    """

    settings: SGBMSettings
    before: float
    after: float
    tried: int


def tune_sgbm(pairs: Sequence[Mapping[str, Any]], start: SGBMSettings, *, protocol: Protocol, figure: str = 'BP-2',
              grid: Mapping[str, Sequence[Any]] = GRID, rounds: int = 3,
              progress: Callable[[str], None] = lambda line: None) -> Tuned:
    """The settings with the least ``figure`` on some pairs.

    Args:
        pairs: Samples with ``left``, ``right``, ``disp``, ``valid`` and maybe ``noc``.
        start: Settings to begin with; ``max_disp`` and ``fill`` stay.
        protocol: Rules; its region, or all pixels where pairs lack the mask.
        figure: See :meth:`DatasetErrors.figures`.
        grid: Field -> values.
        rounds: At most so many times through the grid.
        progress: Told a line at each improvement.

    Raises:
        ValueError: no pair, no such figure or no pixel to score.
    """
    search = _Search(pairs, protocol, figure)
    before = best = search(start)
    if math.isnan(best):
        raise ValueError(f'no pixel of the {len(pairs)} pairs counts for {figure}; see the region and the range')
    settings = start
    for _ in range(rounds):
        found = settings
        for field, values in grid.items():
            for value in values:
                candidate = _changed(found, field, value)
                score = math.inf if candidate is None else search.or_worst(candidate)
                if score < best:
                    found, best = candidate, score
                    progress(f'{figure} {best:.3f} with {field} = {value}')
        if found == settings:
            break
        settings = found
    return Tuned(settings, before, best, len(search.known))


class _Search:
    """Scores of settings, each computed once."""

    def __init__(self, pairs: Sequence[Mapping[str, Any]], protocol: Protocol, figure: str) -> None:
        if not pairs:
            raise ValueError('no pair to tune on')
        self.pairs, self.protocol, self.figure = pairs, protocol, figure
        self.known: dict[SGBMSettings, float] = {}

    def __call__(self, settings: SGBMSettings) -> float:
        if settings not in self.known:
            matcher = SGBM(settings)
            errors = DatasetErrors('', self.protocol, [
                measure_sample(matcher(pair['left'], pair['right']), pair, self.protocol) for pair in self.pairs])
            figures = errors.figures(errors.region)
            if self.figure not in figures:
                raise ValueError(f'no figure {self.figure!r}; there are {", ".join(figures)}')
            self.known[settings] = figures[self.figure]
        return self.known[settings]

    def or_worst(self, settings: SGBMSettings) -> float:
        """The score; infinity where the settings leave no pixel of a picture matched."""
        try:
            return self(settings)
        except ValueError:
            self.known[settings] = math.inf
            return math.inf


def _changed(settings: SGBMSettings, field: str, value: Any) -> SGBMSettings | None:
    """None where the value does not go with the others."""
    try:
        return replace(settings, **{field: value})
    except ValueError:
        return None
