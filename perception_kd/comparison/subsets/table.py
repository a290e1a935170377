"""Subset by subset: how far the teachers lead the reference, and what every method gains."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from perception_kd.comparison.subsets.choice import LEAST_BOXES
from perception_kd.comparison.table import LEAST_LEAD, NO_GAIN, aligned, mean_and_spread, paired

Found = Mapping[str, Any]


def subset_tables(results: Sequence[Found], names: Sequence[str], families: Sequence[str],
                  teachers: Mapping[str, Found]) -> list[str]:
    """A Markdown table for each family: in every slice the teachers, the reference, then the other methods.

    Args:
        results: Files of the finished runs, with ``subsets`` where they were scored.
        names: Of the methods in order; the first is the reference.
        families: In order.
        teachers: Files of the scored teachers by name.
    """
    lines: list[str] = []
    columns = ['boxes', 'classes', 'model', 'AP', f'against {names[0]}']
    for family in families:
        rows = [row for name in _slices(family, results, teachers)
                for row in _rows(family, name, results, names, teachers)]
        lines += ['', f'### By {family}', '', aligned([family, *columns], rows)]
    return [*lines, '', *_notes(results, names, families, teachers)]


def _rows(family: str, slice_name: str, results: Sequence[Found], names: Sequence[str],
          teachers: Mapping[str, Found]) -> Iterator[list[str]]:
    values = [dict(name=one['name'], seed=one['seed'], metrics=_entry(one, family, slice_name)) for one in results]
    aps = {name: [one['metrics'].get('AP') for one in values if one['name'] == name] for name in names}
    boxes = {one['metrics'].get('boxes') for one in values} - {None}
    classes = {len(one['metrics']['classes']) for one in values if 'classes' in one['metrics']}
    begin = [slice_name, *(', '.join(map(str, sorted(counts))) or '-' for counts in (boxes, classes))]
    for name, found in teachers.items():
        entry = _entry(found, family, slice_name)
        same = {entry.get('boxes')} - {None} <= boxes
        yield [*begin, f'teacher {name}', mean_and_spread([entry.get('AP')]),
               _lead(entry.get('AP'), aps[names[0]]) if same else 'scored on other boxes']
        begin = [''] * 3
    for name in names:
        against = '' if name == names[0] else str(paired(values, names[0], name, 'AP'))
        yield [*begin, name, mean_and_spread(aps[name]), against]
        begin = [''] * 3


def _lead(teacher: float | None, reference: Sequence[float | None]) -> str:
    known = [value for value in reference if value is not None]
    if teacher is None or not known:
        return '-'
    points = 100 * (teacher - mean(known))
    return f'leads by {points:+.1f} points{"" if points >= LEAST_LEAD else f": {NO_GAIN}"}'


def _slices(family: str, results: Sequence[Found], teachers: Mapping[str, Found]) -> list[str]:
    return list(dict.fromkeys(name for one in (*results, *teachers.values())
                              for name in (one.get('subsets') or {}).get(family, {})))


def _entry(found: Found, family: str, slice_name: str) -> Mapping[str, Any]:
    return (found.get('subsets') or {}).get(family, {}).get(slice_name, {})


def _notes(results: Sequence[Found], names: Sequence[str], families: Sequence[str],
           teachers: Mapping[str, Found]) -> list[str]:
    lines = [f'AP of a subset is the mean over its classes, those with {LEAST_BOXES} true boxes or more, "-" '
             'without one; a prediction follows the true box that it belongs to (docs/evaluation.md, slices).']
    if teachers:
        lines.append(f'Where a teacher leads {names[0]} by less than {LEAST_LEAD} points there is {NO_GAIN}.')
    else:
        lines.append('No teacher was scored (--score-teacher), so nothing here says where one leads.')
    without = [f'{one["name"]}-seed{one["seed"]}' for one in results if _lacks(one, families)]
    without += [f'teacher {name}' for name, found in teachers.items() if _lacks(found, families)]
    if without:
        lines.append(f'Not scored on these subsets: {", ".join(without)}. Their result files are not in the work '
                     'folder; put the folders back and run the same command again, or move their JSON away to train '
                     'them again.')
    return lines


def _lacks(found: Found, families: Sequence[str]) -> bool:
    return any(family not in (found.get('subsets') or {}) for family in families)
