"""Which key frames of a data set keep their annotations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Labelled:
    """A part of the key frames that is annotated; the annotations of the others are forgotten while loading.

    Parts are nested: with the same ``by`` and ``seed``, the frames of a smaller fraction are among those of a larger
    one, whatever the order of the file. Annotated scenes are the way of a fleet, whose annotators get whole drives,
    and the strict one: the velocity of a box is the difference of neighbouring annotations, so that a single frame
    has been told where its objects are before and after it.

    Args:
        fraction: Of the scenes or samples, above 0 and at most 1; at least one is annotated.
        by: What is chosen: ``scene`` or ``sample``.
        seed: Another seed, another part.
        others: What becomes of the rest. ``keep``: they are trained on without annotations. ``repeat``: annotated
            ones take their places, so that epochs and schedules stay as long as with all frames: the control of the
            same number of steps. ``drop``: they are left out, so that an epoch is shorter.

    Raises:
        ValueError: a value that is none of these.
    """

    fraction: float
    by: Literal['scene', 'sample'] = 'scene'
    seed: int = 0
    others: Literal['keep', 'repeat', 'drop'] = 'keep'

    def __post_init__(self) -> None:
        number = isinstance(self.fraction, (int, float)) and not isinstance(self.fraction, bool)
        if not number or not 0 < self.fraction <= 1:
            raise ValueError(f'labelled: fraction is a number above 0 and at most 1, got {self.fraction!r}')
        for key, allowed in (('by', ('scene', 'sample')), ('others', ('keep', 'repeat', 'drop'))):
            if getattr(self, key) not in allowed:
                raise ValueError(f'labelled: {key} is one of {", ".join(allowed)}, got {getattr(self, key)!r}')

    @classmethod
    def build(cls, settings: dict[str, Any] | Labelled | None) -> Labelled | None:
        """From a config.

        Raises:
            ValueError: unknown or missing settings.
        """
        if settings is None or isinstance(settings, cls):
            return settings
        try:
            return cls(**settings)
        except TypeError:
            raise ValueError(f'labelled takes fraction, by, seed and others, got {settings!r}') from None

    def annotated(self, infos: Sequence[dict[str, Any]]) -> list[bool]:
        """Whether each of the infos is in the annotated part."""
        names = [info['scene_token' if self.by == 'scene' else 'token'] for info in infos]
        units = sorted(set(names), key=self._draw)
        chosen = set(units[:max(1, round(self.fraction * len(units)))])
        return [name in chosen for name in names]

    def rows(self, annotated: Sequence[bool]) -> list[int]:
        """Rows of the infos that the data set shows, in its order.

        Raises:
            ValueError: none is annotated, and the others are not to be kept.
        """
        known = [row for row, good in enumerate(annotated) if good]
        if self.others == 'keep':
            return list(range(len(annotated)))
        if not known:
            raise ValueError(f"labelled: no key frame is annotated, so others='{self.others}' leaves nothing")
        if self.others == 'drop':
            return known
        rest = iter(range(len(annotated)))
        return [row if good else known[next(rest) % len(known)] for row, good in enumerate(annotated)]

    def _draw(self, name: str) -> str:
        """Its place in the order of being annotated: the same in every file."""
        return hashlib.sha256(f'{self.seed}/{name}'.encode()).hexdigest()


def count_distinct(dataset: Any) -> int:
    """How many samples of a data set differ, or of those inside a wrapper; all where it does not say."""
    if hasattr(dataset, 'distinct_samples'):
        return dataset.distinct_samples
    inner = _inside(dataset)
    return sum(map(count_distinct, inner)) if inner else len(dataset)


def count_annotated(dataset: Any) -> tuple[int, int] | None:
    """How many samples of a data set are annotated, and how many it has; None where it does not say.

    Looks into wrappers: of one data set (``dataset``) and of several (``datasets``).
    """
    if hasattr(dataset, 'annotated_samples'):
        return dataset.annotated_samples, len(dataset)
    counts = [count_annotated(one) for one in _inside(dataset)]
    return None if None in counts or not counts else tuple(map(sum, zip(*counts)))


def _inside(dataset: Any) -> list[Any]:
    """The data sets that a wrapper wraps."""
    several, one = getattr(dataset, 'datasets', None), getattr(dataset, 'dataset', None)
    return list(several or ([] if one is None else [one]))
