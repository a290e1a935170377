"""Which faults a grid has: those of :mod:`perception_kd.faults.presets`, by name or family, at chosen severities."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perception_kd.faults.base import build_fault
from perception_kd.faults.presets import fault_cases
from perception_kd.registry import FAULTS

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """One fault, or a cross of several, with its severities.

    Args:
        name: As in the presets.
        family: One of ``FAMILIES``.
        severities: By number, from 1 (mild): the settings of the faults that act together.
        labels: What a severity is called.
    """

    name: str
    family: str
    severities: Mapping[int, Sequence[Settings]]
    labels: Mapping[int, str]

    @property
    def sensors(self) -> set[str]:
        """Kinds of sensors that it is about."""
        return {build_fault(fault).sensor for faults in self.severities.values() for fault in faults}


def resolved(faults: Sequence[Settings]) -> list[dict[str, Any]]:
    """Faults as plain data with every value that they act with, also those behind a severity and the defaults."""
    return json.loads(json.dumps([_values(fault) for fault in faults], default=str))


def _values(fault: Settings) -> dict[str, Any]:
    given = dict(fault)
    kind = FAULTS.get(given.pop('type'))
    levels = kind.LEVELS_OF.get(given.pop('severity', None), {})
    bound = inspect.signature(kind).bind(**{**levels, **given})
    bound.apply_defaults()
    return {'type': kind.__name__, **bound.arguments}


def choose_cases(words: Sequence[str] | None, severities: Iterable[int] | None, reads: set[str]) -> list[Case]:
    """The cases of a grid, in the presets' order, their severities numbered in theirs.

    Args:
        words: Names of faults and families; None: every fault of a sensor that a model reads.
        severities: Numbers; faults that have other ones too are thinned out. None: all.
        reads: Kinds of sensors that the models read together.

    Raises:
        ValueError: An unknown name, or nothing is left.
    """
    cases = [Case(case.name, case.family, dict(enumerate(case.severities.values(), start=1)),
                  dict(enumerate(case.severities, start=1)))
             for case in (fault_cases() if words is None else fault_cases(words))]
    if words is None:
        cases = [case for case in cases if case.sensors & reads]
    if severities is not None:
        cases = [_thin(case, set(severities)) for case in cases]
    cases = [case for case in cases if case.severities]
    if not any(case.sensors & reads for case in cases):
        raise ValueError(f'none of the faults and severities asked for touches what the models read '
                         f'({", ".join(sorted(reads)) or "no sensor"})')
    return cases


def _thin(case: Case, wanted: set[int]) -> Case:
    kept = {number: faults for number, faults in case.severities.items() if number in wanted}
    return Case(case.name, case.family, kept, {number: case.labels[number] for number in kept})
