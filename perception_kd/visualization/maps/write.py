"""From a config and checkpoints to sheets on disk, and a list of them for reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from perception_kd.files import check_folder_target, write_json
from perception_kd.visualization.maps.collect import MapCollector, MapSet
from perception_kd.visualization.maps.panels import Ground
from perception_kd.visualization.maps.sheets import average_sheet, pair_sheet, student_sheet
from perception_kd.visualization.sheet import Sheet, check_resolution

LIST = 'maps.json'
"""``{"pictures": [{"file", "title", "caption", "group"}], "left_out": {pair: why}}``; files lie beside it."""


@dataclass(frozen=True)
class NamedSheet:
    """A sheet and what is said of it.

    Args:
        file: Name of the picture.
        title, caption, group: For reports; pictures of one group show the same at different times.
        sheet: The drawing.
    """

    file: str
    title: str
    caption: str
    group: str
    sheet: Sheet


def save_maps(
    cfg: Config,
    checkpoint: str | Path,
    *,
    out: Path,
    samples: Sequence[str | int] = (0,),
    average: int = 8,
    before: str | Path | None = None,
    split: str = 'val',
    dpi: float = 100,
    max_width: int | None = None,
) -> tuple[list[Path], list[str]]:
    """Draw the maps of some samples, and of their mean, into a folder.

    Args:
        cfg, checkpoint, before, split: See ``MapCollector``.
        out: Folder for the PNGs and ``maps.json``.
        samples: Tokens or places in the split.
        average: Mean over so many samples; 0: none.
        dpi, max_width: See ``Sheet.save``.

    Returns:
        The pictures, and remarks: pairs that have no maps.

    Raises:
        FileNotFoundError, NotADirectoryError, ValueError: what is wrong with which file, in one line.
    """
    check_resolution(dpi, max_width)
    check_folder_target(out)
    if average < 0 or not (samples or average):
        raise ValueError(f'maps: give a sample, or an average over 1 or more, got {average}')
    collector = MapCollector(cfg, checkpoint, before=before, split=split)
    samples = dict.fromkeys(map(collector.source.number, samples))  # a wrong one is told before anything is drawn
    listed, left_out = [], {}
    for maps in _sets(collector, samples, average):
        left_out |= maps.left_out
        for one in sheets_of(maps, collector):
            one.sheet.save(out / one.file, dpi=dpi, max_width=max_width)
            listed.append(one)
    pictures = [dict(file=one.file, title=one.title, caption=one.caption, group=one.group) for one in listed]
    write_json(out / LIST, dict(pictures=pictures, left_out=left_out))
    remarks = [f'no maps of pair {name}: {why}' for name, why in left_out.items()]
    return [out / one.file for one in listed], remarks


def sheets_of(maps: MapSet, collector: MapCollector) -> Iterator[NamedSheet]:
    """One sheet for each pair and one for the student; of an average one for all pairs, or for the student."""
    averaged = maps.name == 'average'
    if averaged and maps.pairs:
        grids = {shown.grid for several in maps.pairs.values() for shown in several.values()}
        title = 'All pairs on average'
        rows = {f'{name} {maps.facts[name][-1]}': several for name, several in maps.pairs.items()}
        sheet = average_sheet(rows, _ground(maps, grids), title=title, note=maps.note, facts=[collector.origin])
        yield NamedSheet('average.png', title, _sentence(maps.note, collector.origin), 'average', sheet)
        return
    for name, several in maps.pairs.items():
        facts = [*maps.facts[name], collector.origin]
        sheet = pair_sheet(several, _ground(maps, {shown.grid for shown in several.values()}), title=name,
                           note=maps.note, facts=facts)
        yield NamedSheet(f'{maps.name}_{name}.png', f'Pair {name}', _sentence(maps.note, *facts), name, sheet)
    title = f'Student on average ({collector.student_name})' if averaged else f'Student ({collector.student_name})'
    ground = _ground(maps, {shown.grid for several in maps.student.values() for shown in several})
    sheet = student_sheet(maps.student, ground, title=title, note=maps.note, facts=[collector.origin])
    yield NamedSheet(f'{maps.name}_student.png', title, _sentence(maps.note, collector.origin), 'student', sheet)


def _sets(collector: MapCollector, samples: Sequence[str | int], average: int) -> Iterator[MapSet]:
    yield from map(collector.sample, samples)
    if average:
        yield collector.average(average)


def _ground(maps: MapSet, grids: set) -> Ground:
    return Ground(maps.grid2ego, maps.outlines, tuple(grids))


def _sentence(note: str, *facts: str) -> str:
    return ' '.join([f'{note[:1].upper()}{note[1:]}.', *facts])
