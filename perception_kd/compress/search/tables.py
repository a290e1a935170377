"""Latency and accuracy of every candidate, and what of them may be put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from perception_kd.compress.search.solve import Choice, Combination

TEACHER = 'teacher'


@dataclass(frozen=True)
class Row:
    """One candidate.

    Attributes:
        name: Of the candidate; ``teacher`` for the teacher's own block.
        latency: Median ms of the block alone.
        score: Figure of the teacher with this block in it; None: it was not trained, or has no finite figure.
        spec: The design.
        parameters: Of the block.
    """

    name: str
    latency: float
    score: float | None
    spec: Mapping[str, Any] = field(default_factory=dict)
    parameters: int = 0


@dataclass(frozen=True)
class Table:
    """All of a search, in one unit and on one device.

    Attributes:
        conditions: What latency was measured with (:func:`~perception_kd.compress.search.latency.conditions`).
        metric: Name of the figure.
        better: Whether ``lower`` or ``higher`` is.
        latency: Median ms of the whole teacher.
        score: Its figure.
        blocks: Rows by block; the teacher's own comes first.
    """

    conditions: Mapping[str, Any]
    metric: str
    better: Literal['lower', 'higher']
    latency: float
    score: float
    blocks: Mapping[str, list[Row]]

    @classmethod
    def join(cls, *, latencies: Mapping[str, Mapping[str, Any]], model: Mapping[str, Any], metric: str,
             better: Literal['lower', 'higher'], score: float, scores: Mapping[str, Mapping[str, float | None]],
             specs: Mapping[str, Mapping[str, Any]]) -> Table:
        """Put measured parts together.

        Args:
            latencies: By block: ``conditions``, ``teacher`` and ``candidates`` (ms and parameters of each).
            model: ``conditions`` and ``median`` ms of the whole teacher.
            metric, better, score: As the attributes.
            scores: By block and candidate.
            specs: Designs by block and candidate.

        Raises:
            ValueError: parts that were measured under different conditions.
        """
        check_alike({'the whole model': model['conditions'],
                     **{f'block {block}': found['conditions'] for block, found in latencies.items()}})
        blocks = {}
        for block, found in latencies.items():
            own = found[TEACHER]
            blocks[block] = [Row(TEACHER, own['median'], score, {}, own['parameters'])]
            blocks[block] += [Row(name, one['median'], scores[block].get(name), specs[block][name], one['parameters'])
                              for name, one in found['candidates'].items()]
        return cls(model['conditions'], metric, better, model['median'], score, blocks)

    def loss_of(self, score: float) -> float:
        """What a figure is worse by than the teacher's."""
        return score - self.score if self.better == 'lower' else self.score - score

    def score_at(self, loss: float) -> float:
        """The reverse of :meth:`loss_of`."""
        return self.score + loss if self.better == 'lower' else self.score - loss

    def choices(self) -> dict[str, list[Choice]]:
        """What a solver chooses from: candidates that were scored and are faster than the teacher's block, and that."""
        return {block: [Choice(row.name, row.latency - rows[0].latency, self.loss_of(row.score)) for row in rows
                        if row.name == TEACHER or (row.score is not None and row.latency < rows[0].latency)]
                for block, rows in self.blocks.items()}

    def predicted(self, combination: Combination) -> dict[str, Any]:
        """Latency and score of a whole model with this combination, as they add up."""
        return dict(blocks=dict(combination.names), latency_ms=self.latency + combination.latency,
                    score=self.score_at(combination.loss))

    def described(self, combination: Combination) -> str:
        """The same in a line."""
        names = ', '.join(f'{block} {name}' for block, name in combination.names.items())
        return (f'{names}; predicted {self.latency + combination.latency:.4g} ms, {self.metric} '
                f'{self.score_at(combination.loss):.4g}')

    def to_json(self) -> dict[str, Any]:
        """Everything, with differences from the teacher."""
        def plain(row: Row, own: Row) -> dict[str, Any]:
            loss = None if row.score is None else row.score - self.score
            return dict(latency_ms=row.latency, latency_difference_ms=row.latency - own.latency, score=row.score,
                        score_difference=loss, parameters=row.parameters, spec=dict(row.spec))

        return dict(conditions=dict(self.conditions), metric=self.metric, better=self.better,
                    teacher=dict(latency_ms=self.latency, score=self.score),
                    blocks={block: {row.name: plain(row, rows[0]) for row in rows}
                            for block, rows in self.blocks.items()})

    def text(self) -> str:
        """A line a candidate: latency, score and parameters, each block's fastest last."""
        lines = [f'{"block":12s} {"candidate":10s} {"ms":>9s} {"difference":>11s} {self.metric:>20s} '
                 f'{"difference":>11s} {"parameters":>11s}']
        for block, rows in self.blocks.items():
            for row in sorted(rows, key=lambda row: -row.latency):
                score = '-' if row.score is None else f'{row.score:.4g}'
                change = '-' if row.score is None else f'{row.score - self.score:+.3g}'
                lines.append(f'{block:12s} {row.name:10s} {row.latency:9.3f} {row.latency - rows[0].latency:+11.3f} '
                             f'{score:>20s} {change:>11s} {row.parameters:11d}')
        return '\n'.join(lines)


def check_alike(conditions: Mapping[str, Mapping[str, Any]]) -> None:
    """See that all were measured on one device, with one dtype, number of threads, size and torch.

    Args:
        conditions: By what was measured.

    Raises:
        ValueError: names two that differ, and in what.
    """
    (first, expected), *others = conditions.items()
    for name, found in others:
        differing = [key for key in expected if found.get(key) != expected[key]]
        if differing or set(found) != set(expected):
            named = ', '.join(f'{key} {found.get(key)!r} and {expected[key]!r}' for key in differing) or 'other things'
            raise ValueError(f'latencies of {name} and of {first} cannot be mixed: measured with {named}. Measure all '
                             'of them alike: remove the others from the folder latency, and run again')
