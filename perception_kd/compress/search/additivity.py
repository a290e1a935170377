"""Whether the losses of single blocks add up to those of combinations, which the choice builds on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from perception_kd.compress.search.solve import Choice, Combination
from perception_kd.compress.search.tables import TEACHER

LEAST_EXCHANGED = 2  # with one block alone the prediction is the measurement
ENOUGH = 3  # pairs, below which a rank correlation says nothing
DRAWS = 200  # a combination wanted


def draw_combinations(table: Mapping[str, Sequence[Choice]], count: int, *, seed: int = 0) -> list[Combination]:
    """Different random combinations that exchange two blocks or more; all that there are, where those are fewer.

    Args:
        table: Choices by block, the teacher's among them.
        count: How many.
        seed: Of the draw.
    """
    rng = np.random.default_rng(seed)
    found: dict[tuple[str, ...], Combination] = {}
    for _ in range(count * DRAWS):
        chosen = {block: choices[rng.integers(len(choices))] for block, choices in table.items()}
        combination = Combination.of(chosen)
        if sum(name != TEACHER for name in combination.names.values()) >= LEAST_EXCHANGED:
            found.setdefault(tuple(combination.names.values()), combination)
        if len(found) == count:
            break
    return list(found.values())


@dataclass(frozen=True)
class Additivity:
    """Losses as they were predicted and as they were measured.

    Attributes:
        predicted, measured: Of each combination, in the same order; a score that is not finite counts as the worst.
        rho: Spearman's rank correlation; NaN where all predictions or all measurements are the same.
        error: Mean absolute difference of those that are finite.
    """

    predicted: Sequence[float]
    measured: Sequence[float]

    @property
    def rho(self) -> float:
        """See the class."""
        measured = [math.inf if math.isnan(value) else value for value in self.measured]
        if len({*self.predicted}) < 2 or len({*measured}) < 2:
            return math.nan
        return float(spearmanr(self.predicted, measured).statistic)

    @property
    def error(self) -> float:
        """See the class."""
        gaps = [abs(one - other) for one, other in zip(self.predicted, self.measured) if math.isfinite(other)]
        return sum(gaps) / len(gaps) if gaps else math.nan

    def require(self, least: float) -> None:
        """Stop a search whose tables predict nothing; with too few combinations to tell, let it go on.

        Raises:
            ValueError: the correlation is below ``least``, or undefined.
        """
        if len(self.predicted) < ENOUGH or self.rho >= least:
            return
        raise ValueError(f"additivity check: Spearman's rho between predicted and measured scores of "
                         f'{len(self.predicted)} combinations is {self.rho:.2f}, below {least:g}: the tables do not '
                         'predict combinations. Train candidates longer (search.iterations), score them on more data '
                         '(search.validation), or search fewer blocks')

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return dict(rho=self.rho, mean_absolute_error=self.error, predicted=list(self.predicted),
                    measured=list(self.measured))
