"""Whom a report looks at picture by picture, and which pairs it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from perception_kd.visualization.report.runs import DISTILLED, STUDENT, TEACHER, Method, Run, RunSet
from perception_kd.visualization.report.stereo.figures import (
    by_picture,
    data_sets,
    main_figure,
    region_of,
    same_rules,
    tested_on,
    value,
)

HELPED, HURT, WORST, BEST = 'helped', 'hurt', 'worst', 'best'


@dataclass(frozen=True)
class Cast:
    """Models that were scored on the same pictures.

    Args:
        dataset, figure, region: What counts.
        shown: Teacher, student without distillation, and the one that is looked at last, as far as there are such.
        plain: The middle one; None without.
    """

    dataset: str
    figure: str
    region: str
    shown: tuple[Run, ...]
    plain: Run | None

    @property
    def main(self) -> Run:
        """The distilled student, or the only model."""
        return self.shown[-1]

    @cached_property
    def values(self) -> Mapping[str, Mapping[str, float]]:
        """Title of each that is shown -> picture -> figure, of pictures that count for all."""
        found = {run.title: by_picture(run, self.dataset, self.figure, self.region) for run in self.shown}
        common = [name for name in found[self.main.title] if all(name in one for one in found.values())]
        return {title: {name: one[name] for name in common} for title, one in found.items()}

    def choose(self) -> list[tuple[str, str]]:
        """(kind, picture): where distillation helped and hurt most, where both are worst and best; of one model its
        two worst, its middle one and its best. No picture twice."""
        main = self.values[self.main.title]
        names = list(main)
        if self.plain is None:
            order = sorted(names, key=main.__getitem__, reverse=True)
            wanted = [(WORST, order[:1]), (WORST, order[1:2]), (BEST, order[-1:])]
        else:
            plain = self.values[self.plain.title]
            gain = sorted(names, key=lambda name: plain[name] - main[name])
            both = sorted(names, key=lambda name: plain[name] + main[name])
            wanted = [(HELPED, [name for name in gain[:0:-1] if plain[name] > main[name]]),
                      (HURT, [name for name in gain if plain[name] < main[name]]), (WORST, both[::-1]), (BEST, both)]
        chosen: list[tuple[str, str]] = []
        for kind, order in wanted:
            left = [name for name in order if name not in {taken for _, taken in chosen}]
            chosen += [(kind, name) for name in left[:1]]
        return chosen


def choose_cast(runs: RunSet) -> Cast | None:
    """On the data set that comes first; None where nothing was scored there picture by picture by the same rules.

    Of several methods the best one is looked at, in the seed of the student that it is compared with.
    """
    dataset = next((name for name in data_sets(runs) if same_rules(runs, name)), None)
    if dataset is None:
        return None
    figure, region = main_figure(runs, dataset), region_of(runs, dataset)

    def ranked(role: str) -> list[Method]:
        found = [one for one in tested_on(runs, dataset) if one.role == role]
        return sorted(found, key=lambda one: (one is not runs.baseline_method, value(one, dataset, figure, region)))

    teachers, plain, distilled = (ranked(role) for role in (TEACHER, STUDENT, DISTILLED))
    pair = bool(plain and distilled)
    main = (distilled or plain or tested_on(runs, dataset))[0]
    first = next(run for run in main.runs if dataset in run.tested)
    beside = _of_seed(plain[0], dataset, first.seed) if pair else None
    teacher = _of_seed(teachers[0], dataset, first.seed) if teachers and main.role != TEACHER else None
    shown = tuple(run for run in (teacher, beside, first) if run is not None)
    cast = Cast(dataset, figure, region, shown, beside)
    return cast if cast.values[first.title] else None


def _of_seed(method: Method, dataset: str, seed: int | None) -> Run:
    tested = [run for run in method.runs if dataset in run.tested]
    return next((run for run in tested if run.seed == seed), tested[0])
