"""The budgeted choice of one candidate a block, solved exactly as a 0-1 program (Fast-FoundationStereo, 2026).

    min  sum_i  loss_i . e_i     subject to   sum_i  latency_i . e_i <= budget,   1 . e_i = 1,   e_i in {0, 1}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp

SLACK = 1e-9  # of a sum of floats, relative to its range


@dataclass(frozen=True)
class Choice:
    """One candidate of a block.

    Attributes:
        name: Unique in its block.
        latency: Against the teacher's block; any unit.
        loss: What the model loses by it against the teacher; less is better.
    """

    name: str
    latency: float
    loss: float


@dataclass(frozen=True)
class Combination:
    """One choice a block.

    Attributes:
        names: Block -> name of its choice.
        latency, loss: Sums.
    """

    names: Mapping[str, str]
    latency: float
    loss: float

    @classmethod
    def of(cls, choices: Mapping[str, Choice]) -> Combination:
        """From the choice of each block."""
        return cls({block: choice.name for block, choice in choices.items()},
                   sum(choice.latency for choice in choices.values()), sum(choice.loss for choice in choices.values()))


def least_latency(table: Mapping[str, Sequence[Choice]]) -> float:
    """Latency of the fastest combination."""
    return sum(min(choice.latency for choice in choices) for choices in table.values())


def solve(table: Mapping[str, Sequence[Choice]], budget: float, *, top: int = 1,
          base: float = 0.0) -> list[Combination]:
    """The best combinations within a budget, best first; of equal ones the fastest first.

    Each further one is found by a cut that forbids those before it.

    Args:
        table: Choices by block.
        budget: The largest latency, ms.
        top: How many at most; there may be fewer.
        base: Ms to which those of the choices are added: the teacher's, where these are differences from it.

    Raises:
        ValueError: a block has no choice, or nothing is so fast.
    """
    empty = [block for block, choices in table.items() if not choices]
    if empty or not table:
        raise ValueError(f'nothing to choose from for block {", ".join(empty)}' if empty else 'no block to choose for')
    least = least_latency(table)
    program = _Program(table, budget - base)
    if not program.allows(least):
        raise ValueError(f'no combination takes {budget:g} ms or less; the smallest possible is {base + least:g} ms')
    found: list[Combination] = []
    while len(found) < top:
        best = program.solve()
        if best is None:
            break
        if program.allows(best.latency):  # the solver's own tolerance may be coarser
            found.append(best)
        program.forbid(best)
    return found


class _Program:
    """The 0-1 program in numbers near 1, since the solver's tolerances are absolute."""

    def __init__(self, table: Mapping[str, Sequence[Choice]], budget: float) -> None:
        self.table, self.budget = table, budget
        self.columns = [(block, choice) for block, choices in table.items() for choice in choices]
        blocks = list(table)
        self.one_each = np.array([[float(block == name) for block, _ in self.columns] for name in blocks])
        self.latency, self.unit = _scaled([choice.latency for _, choice in self.columns])
        self.loss, _ = _scaled([choice.loss for _, choice in self.columns])
        self.cuts: list[NDArray] = []

    def allows(self, latency: float) -> bool:
        """Whether a sum of latencies is within the budget."""
        return latency <= self.budget + SLACK * len(self.table) * self.unit

    def forbid(self, combination: Combination) -> None:
        """Cut one combination off: not all of its choices together."""
        self.cuts.append(np.array([float(combination.names[block] == choice.name) for block, choice in self.columns]))

    def solve(self) -> Combination | None:
        """The best combination that is left, the fastest of equally good ones; None if there is none."""
        first = self._minimise(self.loss)
        if first is None:
            return None
        good = LinearConstraint(self.loss[None], ub=self.loss @ first + SLACK * len(self.table))
        second = self._minimise(self.latency, good)
        chosen = first if second is None else min(first, second, key=self._rank)
        return Combination.of({block: choice for (block, choice), one in zip(self.columns, chosen) if one})

    def _rank(self, chosen: NDArray) -> tuple[float, float]:
        return round(float(self.loss @ chosen), 9), float(self.latency @ chosen)

    def _minimise(self, cost: NDArray, *more: LinearConstraint) -> NDArray | None:
        limits = [LinearConstraint(self.one_each, 1, 1), *more,
                  LinearConstraint(self.latency[None], ub=self.budget / self.unit + SLACK * len(self.table))]
        if self.cuts:
            limits.append(LinearConstraint(np.stack(self.cuts), ub=len(self.table) - 1))
        result = milp(cost, constraints=limits, bounds=Bounds(0, 1), integrality=np.ones_like(cost),
                      options=dict(mip_rel_gap=0.0))
        if result.status == 2:
            return None
        if result.x is None:
            raise ValueError(f'the solver stopped: {result.message}')
        return np.round(result.x)


def _scaled(values: Sequence[float]) -> tuple[NDArray, float]:
    """Values over their largest size, and that."""
    unit = max(map(abs, values)) or 1.0
    return np.array(values) / unit, unit
