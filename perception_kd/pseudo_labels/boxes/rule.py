"""Which of a teacher's boxes are kept as pseudo-labels, and what became of all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

KEPT, UNSURE, UNSEEN, DOUBLE = 'kept', 'unsure', 'unseen', 'double'
FATES = (KEPT, UNSURE, UNSEEN, DOUBLE)
"""``unsure``: scored below the least of its class. ``unseen``: sure, but hardly anything of it was measured.
``double``: a box of a better score stands in its place."""


@dataclass(frozen=True)
class KeepRule:
    """What a box must be to be kept.

    Args:
        score: Least score, 0 to 1.
        scores: Class -> its own least score, in place of ``score``.
        evidence: Least of what was measured of the object: returns of LiDAR and radar inside of a box in space,
            the shorter side in pixels of one in a picture.
        doubles: Keep boxes in space, too, in whose place a better one stands (``place_taken``).

    Raises:
        ValueError: a value out of its range.
    """

    score: float = 0.3
    scores: Mapping[str, float] = field(default_factory=dict)
    evidence: float = 1.0
    doubles: bool = False

    def __post_init__(self) -> None:
        for name, value in (('score', self.score), *((f'score of {name}', one) for name, one in self.scores.items())):
            if not 0 <= value <= 1:
                raise ValueError(f'keep rule: the least {name} is a number from 0 to 1, got {value}')
        if not 0 <= self.evidence < float('inf'):
            raise ValueError(f'keep rule: what must be seen of an object is 0 or more, got {self.evidence}')

    def check_classes(self, classes: Sequence[str]) -> None:
        """See that the classes with a score of their own are among those that the teacher finds.

        Raises:
            ValueError: names one that is not.
        """
        unknown = [name for name in self.scores if name not in classes]
        if unknown:
            raise ValueError(f'keep rule: a score is given for {", ".join(unknown)}; the teacher finds '
                             f'{", ".join(classes)}')

    def least(self, name: str) -> float:
        """Least score of a class."""
        return self.scores.get(name, self.score)

    def lowest(self, classes: Sequence[str]) -> float:
        """Least score of all classes."""
        return min(map(self.least, classes), default=self.score)

    def fate(self, name: str, score: float, evidence: float) -> str:
        """One of ``FATES`` of a box of class ``name``."""
        if score < self.least(name):
            return UNSURE
        return KEPT if evidence >= self.evidence else UNSEEN

    def as_json(self) -> dict[str, Any]:
        """For stamps."""
        return dict(score=self.score, scores=dict(self.scores), evidence=self.evidence, doubles=self.doubles)


@dataclass
class Tally:
    """How many boxes of each class came to which end, in how many frames or pictures."""

    items: int = 0
    empty: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    def add(self, fates: Sequence[tuple[str, str]]) -> None:
        """Those of the next item: class and fate of each of its boxes."""
        self.items += 1
        self.empty += all(fate != KEPT for _, fate in fates)
        for name, fate in fates:
            self.counts.setdefault(name, dict.fromkeys(FATES, 0))[fate] += 1

    @property
    def kept(self) -> int:
        """Boxes that became pseudo-labels."""
        return sum(row[KEPT] for row in self.counts.values())

    def as_json(self) -> dict[str, Any]:
        """For a report."""
        return dict(items=self.items, without_boxes=self.empty, kept=self.kept, classes=self.counts)

    def lines(self, what: str) -> Iterator[str]:
        """For people; ``what`` the items are called."""
        yield f'{self.items} {what}, {self.empty} of them without a kept box'
        if self.counts:
            yield f'{"class":24s}' + ''.join(f'{fate:>10s}' for fate in FATES)
        for name, row in sorted(self.counts.items(), key=lambda entry: -entry[1][KEPT]):
            yield f'{name:24s}' + ''.join(f'{row[fate]:10d}' for fate in FATES)
