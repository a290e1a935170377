"""Learning curves in the files of runs and in the report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from mmengine.config import Config

from perception_kd.comparison.curves.chart import draw_curves
from perception_kd.comparison.curves.log import Curve, check_validates, read_curve, validated_epochs
from perception_kd.comparison.curves.reach import SHARES, Points, reached
from perception_kd.comparison.direction import direction
from perception_kd.comparison.parts import Found
from perception_kd.comparison.runs import Run
from perception_kd.comparison.table import aligned, mean_and_spread

PICTURE, DPI = 'curve', 160
NOT_REACHED = 'not reached'
Pairs = dict[str, list[tuple[Points, Points]]]


class Curves:
    """Validation figures by epoch, and the epochs and seconds that an accuracy takes.

    Args:
        runs: Of the comparison.
        metric: Of the curves; one that grows with quality.
        out: Folder that gets the pictures.

    Raises:
        ValueError: A run that is not validated during training, a metric that does not grow with quality.
    """

    key = 'curve'

    def __init__(self, runs: Sequence[Run], metric: str, out: Path) -> None:
        if direction(metric) < 1:
            raise ValueError(f'--curve tells when a share of the final {metric} is reached, which has no meaning for '
                             'an error; name one that grows with quality first: --metrics mAP ...')
        for run in runs:
            check_validates(run.cfg)
        self.metric, self.out, self._drawn = metric, out, 0

    def lacks(self, found: Found) -> bool:
        """Whether a run's file has no curve."""
        return self.key not in found

    def gather(self, found: Found, cfg: Config, folder: Path | None) -> Curve:
        """From the run's log; see :func:`~perception_kd.comparison.curves.log.read_curve`."""
        return read_curve(folder, validated_epochs(cfg))

    def section(self, results: Sequence[Found], names: Sequence[str], teachers: Mapping[str, Found]) -> list[str]:
        """Lines of the report; the picture lies beside it."""
        points = {(one['name'], one['seed']): found for one in results
                  if (found := Points.of(one.get(self.key), self.metric))}
        without = [f'{one["name"]}-seed{one["seed"]}' for one in results if (one['name'], one['seed']) not in points]
        if not any(name == names[0] for name, _ in points):
            return ['', f'No curves: no run of {names[0]} has {self.metric} by epoch in its file or log.']
        self._drawn += 1
        picture = self.out / f'{PICTURE}{"" if self._drawn == 1 else f"-{self._drawn}"}.png'
        by_name = {name: [one for (which, _), one in points.items() if which == name] for name in names}
        draw_curves(by_name, self.metric).save(picture, dpi=DPI)
        pairs = {name: [(one, points[names[0], seed]) for (which, seed), one in points.items()
                        if which == name and (names[0], seed) in points] for name in names}
        return ['', f'### Epochs and seconds to a share of the final {self.metric} of {names[0]}', '',
                _table(pairs, 0, 'epochs to', 1), '', _table(pairs, 1, 'seconds to', 0), '',
                *_notes(self.metric, names[0], picture.name, without)]


def _table(pairs: Pairs, which: int, what: str, digits: int) -> str:
    head = [what, *(f'{share:.0%}' for share in SHARES), 'final']
    rows = [[name, *(_cell([one[which] for one in reached(couples, share)], digits) for share in SHARES),
             mean_and_spread([ours.final for ours, _ in couples])] for name, couples in pairs.items()]
    return aligned(head, rows)


def _cell(values: Sequence[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return NOT_REACHED if values else '-'
    some = '' if len(known) == len(values) else f' ({len(known)} of {len(values)})'
    return mean_and_spread(known, digits) + some


def _notes(metric: str, reference: str, picture: str, without: Sequence[str]) -> Iterator[str]:
    yield (f'When {metric} on the validation split first reached that share of what {reference} with the same seed had '
           'in the end, straight between validations, and at the first one where that is above it already; means over '
           'the seeds that reached it ± standard deviation. '
           'Seconds are of training steps alone; the training time in the table above counts validation, too. '
           f'Curves: {picture}')
    if without:
        yield f'Without a curve: {", ".join(without)}; their logs are not in the work folder.'
