"""A distiller as text, for people who want to see what a config means before it runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from torch import nn

from perception_kd.structures import TapSpec

if TYPE_CHECKING:
    from perception_kd.distill.distiller import Distiller


def describe(distiller: Distiller) -> str:
    """Student, teachers, taps and pairs of a distiller, with shapes and parameter counts.

    Args:
        distiller: Any distiller, with or without pairs.
    """
    student = distiller.student
    used = set().union(*(pair.teacher_taps for pair in distiller.pairs.values()))
    lines = [f'student   {type(student).__name__}, {_millions(student)} parameters']
    lines += [f'teacher   {name}: {teacher}' for name, teacher in distiller.teachers.items()]
    if hasattr(student, 'tap_specs'):
        lines += ['', 'student taps', *_taps(student.tap_specs(), distiller._student_specs)]
    if len(distiller.teachers):
        lines += ['', 'teacher taps', *_taps(distiller.teachers.tap_specs(), used)]
    if not distiller.pairs:
        return '\n'.join([*lines, '', 'no pairs: trains like the bare student'])
    header = (
        'pair',
        'student tap',
        'teacher tap',
        'connector',
        'target scale',
        'mask',
        'distance',
        'weight',
        'parameters',
    )
    return '\n'.join([*lines, '', *_table([header, *map(_row, distiller.pairs.values())])])


def _row(pair: nn.Module) -> tuple[str, ...]:
    links = getattr(pair.connector, 'links', [pair.connector])
    return (
        pair.name,
        pair.student.name,
        pair.teacher.name,
        ' + '.join([*(type(link).__name__ for link in links), *([str(pair.through)] if pair.through else [])]),
        str(pair.target_scale or '-'),
        str(pair.mask or '-'),
        str(pair.loss),
        str(pair.schedule),
        _millions(pair),
    )


def _taps(specs: dict[str, TapSpec], used: Iterable[str]) -> list[str]:
    used = set(used)
    rows = [
        (
            '*' if name in used else ' ',
            name,
            spec.kind,
            '-' if spec.channels is None else str(spec.channels),
            _place(spec),
            f'call {spec.call}',
            spec.about,
        )
        for name, spec in specs.items()
    ]
    return _table(rows)


def _place(spec: TapSpec) -> str:
    if spec.grid is not None:
        return f'{spec.grid.ny}x{spec.grid.nx} at {spec.grid.cell:g} m'
    return f'stride {spec.stride}' if spec.stride else '-'


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def _millions(module: nn.Module) -> str:
    return f'{sum(weight.numel() for weight in module.parameters()) / 1e6:.3f} M'
