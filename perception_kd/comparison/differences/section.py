"""The picture of the differences beside the report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from perception_kd.comparison.differences.chart import Row, draw_differences
from perception_kd.comparison.intervals.section import Intervals, key_of
from perception_kd.comparison.parts import Found
from perception_kd.comparison.table import differs, paired

PICTURE, DPI = 'differences', 160


class Differences:
    """Draws how each method differs from the reference.

    Args:
        metric: In which.
        out: Folder that gets the pictures, one for each group of methods that see the same labels; those of an earlier
            report are removed.
        intervals: Intervals over frames, whose section comes before this one; None: there are none.
    """

    def __init__(self, metric: str, out: Path, intervals: Intervals | None = None) -> None:
        self.metric, self.out, self.intervals = metric, out, intervals
        self._drawn = 0
        for old in out.glob(f'{PICTURE}*.png'):
            old.unlink()

    def section(self, results: Sequence[Found], names: Sequence[str], teachers: Mapping[str, Found]) -> list[str]:
        """A line of the report that names the picture and who is not in it; none where there is nothing to draw."""
        found = {name: paired(results, names[0], name, self.metric) for name in names[1:]}
        rows = [Row(name, one, self._over_frames(names[0], name), differs(results, name))
                for name, one in found.items() if math.isfinite(one.mean)]
        if not rows:
            return []
        self._drawn += 1
        picture = self.out / f'{PICTURE}{"" if self._drawn == 1 else f"-{self._drawn}"}.png'
        draw_differences(rows, self.metric, names[0]).save(picture, dpi=DPI)
        absent = [name for name, one in found.items() if one.differences and not math.isfinite(one.mean)]
        without = f'; without {", ".join(absent)}, whose {self.metric} is not a number in every seed' if absent else ''
        return ['', f'Differences in {self.metric}, drawn: {picture.name}{without}']

    def _over_frames(self, reference: str, name: str) -> tuple[float, float] | None:
        for row in self.intervals.rows if self.intervals else ():
            if key_of(row) == (name, reference, self.metric):
                return row['over_frames']
        return None
