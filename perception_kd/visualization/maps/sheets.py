"""Sheets of maps: one for a pair, one for the student, one for the mean over many frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perception_kd.visualization.maps.bev_map import BEVMap
from perception_kd.visualization.maps.pair_maps import TIMES
from perception_kd.visualization.maps.panels import (
    BELOW,
    GAP,
    PANEL_WIDTH,
    TICKS,
    TITLE_HEIGHT,
    Ground,
    draw_map,
    write_lines,
)
from perception_kd.visualization.palette import FAINT_INK, INK
from perception_kd.visualization.sheet import Sheet

MARGIN, COLUMN = 24, TICKS + PANEL_WIDTH + GAP
LEFT = MARGIN + TICKS - 6
"""Left edge of the first map, of titles and of lines."""
FOOT = ('Seen from above, metres from the vehicle (triangle), ahead is up.', 'Thin outlines: true boxes.',
        'RMS: root mean square. Batch norms take the statistics of the frame itself, as of the batch while training.')
_LEAST_WIDTH = 900


def pair_sheet(maps: Mapping[str, BEVMap], ground: Ground, *, title: str, note: str, facts: Sequence[str]) -> Sheet:
    """What a pair compares: target and weights at the left, the student before (above) and after training (below).

    Args:
        maps: Of ``pair_maps``.
        ground: Where they lie.
        title, note: Of the sheet: the pair, and the sample.
        facts: Lines below the title.
    """
    around = [maps[part] for part in ('teacher', 'mask', 'target_scale') if part in maps]
    students = {time: [maps[f'{part}/{time}'] for part in ('student', 'difference', 'distance')
                       if f'{part}/{time}' in maps] for time in TIMES}
    if not students['before']:
        return draw_rows(in_rows([*around, *students['after']], 3), ground, title=title, note=note, facts=facts)
    if len(around) % 2 and 'change' in maps:
        around.append(maps['change'])
    above, below = around[0::2], [*around[1::2], *[None] * (len(around) % 2)]
    rows = [above + students['before'], below + students['after']]
    return draw_rows(rows, ground, title=title, note=note, facts=facts)


def student_sheet(
    maps: Mapping[str, Sequence[BEVMap]], ground: Ground, *, title: str, note: str, facts: Sequence[str]
) -> Sheet:
    """The student's maps, first those that training does not change, then the others before and after; arguments as
    above.
    """
    single = [several[0] for several in maps.values() if len(several) == 1]
    twice = [shown for several in maps.values() if len(several) > 1 for shown in several]
    begin = single[:len(single) - len(single) % 2] if twice else single
    cells = begin + twice + single[len(begin):]
    across = 6 if len(cells) > 8 else 4
    return draw_rows(in_rows(cells, across), ground, title=title, note=note, facts=facts)


def in_rows(cells: Sequence[BEVMap], across: int) -> list[list[BEVMap | None]]:
    """Maps in rows of ``across``."""
    return [list(cells[begin:begin + across]) for begin in range(0, len(cells), across)]


def average_sheet(
    pairs: Mapping[str, Mapping[str, BEVMap]], ground: Ground, *, title: str, note: str, facts: Sequence[str]
) -> Sheet:
    """A row for each pair: teacher, student before and after training, and their differences; arguments as above."""
    parts = ('teacher', 'student/before', 'student/after', 'difference/before', 'difference/after')
    rows = [[maps[part] for part in parts] for maps in pairs.values()]
    return draw_rows(rows, ground, title=title, note=note, facts=facts, names=list(pairs))


def draw_rows(
    rows: Sequence[Sequence[BEVMap | None]], ground: Ground, *, title: str, note: str, facts: Sequence[str],
    names: Sequence[str] = ()
) -> Sheet:
    """Maps in rows and columns; ``names`` are headings of the rows, their first word in bold."""
    columns = max(len(row) for row in rows)
    heading = 30 if names else 0
    tall = heading + TITLE_HEIGHT + ground.size[1] + BELOW
    width = max(LEFT + columns * COLUMN - GAP - TICKS + MARGIN, _LEAST_WIDTH)
    head = 56 + 18 * sum(1 for _ in facts)
    sheet = Sheet(width=width, height=head + len(rows) * tall + 40)
    _write_head(sheet, title, note, facts)
    for number, row in enumerate(rows):
        top = head + number * tall
        if names:
            name, _, rest = names[number].partition(' ')
            end = sheet.width_of(sheet.text(LEFT, top + 10, name, size=11, weight='bold'))
            sheet.text(LEFT + end + 16, top + 10, rest, size=9, colour=FAINT_INK)
        for column, shown in enumerate(row):
            if shown is not None:
                draw_map(sheet, LEFT - TICKS + column * COLUMN, top + heading, shown, ground)
    foot = ' '.join(FOOT if len(ground.outlines) else FOOT[::2])
    write_lines(sheet, LEFT, sheet.height - 28, foot, width=width - LEFT - MARGIN, size=7.5, most=2)
    return sheet


def _write_head(sheet: Sheet, title: str, note: str, facts: Sequence[str]) -> None:
    end = LEFT + sheet.width_of(sheet.text(LEFT, 28, title, size=15, weight='bold'))
    right = sheet.text(sheet.width - MARGIN, 30, note, size=10, colour=FAINT_INK, align='right')
    sheet.shorten(right, sheet.width - MARGIN - end - 16)
    for number, line in enumerate(facts):
        write_lines(sheet, LEFT, 56 + 18 * number, line, width=sheet.width - LEFT - MARGIN, size=9, most=1, colour=INK)
