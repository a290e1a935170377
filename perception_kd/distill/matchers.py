"""Which layer of a teacher teaches which layer of a student: one entry of ``pairs`` that stands for several."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from perception_kd.distill.parts import build_part
from perception_kd.distill.schedules import Schedule
from perception_kd.registry import MATCHERS
from perception_kd.structures import TapSpec

Specs = Mapping[str, TapSpec]
STRATEGIES = ('forward', 'reverse', 'all_to_one', 'random')


def assign_layers(strategy: str, students: int, teachers: int, seed: int = 0, to: int = -1) -> list[int]:
    """For each of the student's layers the place of its teacher's, both counted from 0 at the shallow end.

    With layers counted from 1: ``forward`` is ``ceil(i L_T / L_S)``, ``reverse`` ``forward(L_S + 1 - i)``,
    ``all_to_one`` constant; ``random`` is ``forward`` of a permutation of the student's layers drawn by ``seed``.

    Args:
        strategy: One of ``STRATEGIES``.
        students, teachers: Numbers of layers L_S and L_T.
        seed: Of ``random``.
        to: Place of the one layer of ``all_to_one``; -1: the deepest.
    """
    forward = [-(-(place + 1) * teachers // students) - 1 for place in range(students)]
    if strategy == 'reverse':
        return forward[::-1]
    if strategy == 'all_to_one':
        return [range(teachers)[to]] * students
    if strategy == 'random':
        random.Random(seed).shuffle(forward)
    return forward


@MATCHERS.register_module()
class LayerMatch:
    """Pairs between layers of a student and of a teacher, by a rule: ``L = weight sum_i d(A_i h_S^i, h_T^pi(i))``.

    After "layer selection doesn't matter" (arXiv 2502.04499, Findings of IJCNLP-AACL 2025), whose finding on language
    models is that any rule is about as good as any other, a reversed one included, and all are better than none. Its
    distance is the mean squared difference over places, the default here, or ``1 - cos``: half of
    ``dict(type='MSE', normalise='l2', channel='sum')``. The index formula generalises the lookup tables of its code
    (our reading); a random permutation of the layers that ``forward`` takes keeps them the same for both.

    In a config an entry ``layers=dict(type='LayerMatch', ...)`` of ``pairs`` becomes the pairs ``layers_0``,
    ``layers_1``, ... from the student's shallow end on: these names are in the log and in the shares of a balance.
    Where two grids differ, a ``BEVResample`` stands before the connector. The published claim is about stacks of
    equal resolution; in a pyramid, taps of equal strides in both lists, as many on either side, and ``forward`` keep
    equal strides together, and nothing is resampled.

    Args:
        student: Student taps, shallow to deep.
        teacher: Teacher taps (``teacher.tap``), shallow to deep.
        strategy: See :func:`assign_layers`.
        seed, to: See there.
        connector: Of each pair; the published linear map has no bias and stands where widths differ only.
        loss, mask: Of each pair; of what is built already each pair gets a copy.
        weight: Of **each** pair, as published (1): their sum grows with the student's layers, and is the same for all
            strategies.

    Raises:
        ValueError: No taps, an unknown strategy, or a ``to`` beyond the teacher's taps.
    """

    def __init__(
        self,
        *,
        student: Sequence[str],
        teacher: Sequence[str],
        strategy: Literal['forward', 'reverse', 'all_to_one', 'random'] = 'forward',
        seed: int = 0,
        to: int = -1,
        connector: Any = 'Conv1x1',
        loss: Any = 'MSE',
        mask: Any = None,
        weight: float | dict | Schedule = 1.0,
    ) -> None:
        for side, taps in (('student', student), ('teacher', teacher)):
            if isinstance(taps, str) or not taps:
                raise ValueError(f'LayerMatch: {side} is a list of taps, shallow to deep, got {taps!r}')
        if strategy not in STRATEGIES:
            raise ValueError(f"LayerMatch: strategy is one of {', '.join(STRATEGIES)}, got '{strategy}'")
        if not -len(teacher) <= to < len(teacher):
            raise ValueError(f'LayerMatch: there is no teacher tap number {to} of {len(teacher)}')
        places = assign_layers(strategy, len(student), len(teacher), seed, to)
        self.matches = [(tap, teacher[place]) for tap, place in zip(student, places)]
        self.connector, self.parts = connector, dict(loss=loss, mask=mask, weight=weight)

    def expand(self, name: str, student_specs: Specs, teacher_specs: Specs) -> dict[str, dict[str, Any]]:
        """Configs of the pairs by name.

        Args:
            name: Of the entry.
            student_specs, teacher_specs: Declarations, which say where grids differ.
        """
        return {
            f'{name}_{place}': dict(
                student=mine, teacher=other, **copy.deepcopy(self.parts),
                connector=self._connector(student_specs.get(mine), teacher_specs.get(other)))
            for place, (mine, other) in enumerate(self.matches)
        }

    def _connector(self, source: TapSpec | None, target: TapSpec | None) -> Any:
        grids = [spec.grid for spec in (source, target) if spec is not None and spec.grid is not None]
        if len(grids) < 2 or grids[0].same_as(grids[1]):
            return copy.deepcopy(self.connector)
        return [dict(type='BEVResample'), *([] if self.connector is None else [copy.deepcopy(self.connector)])]


def expand_matchers(pairs: Mapping[str, Any], student_specs: Specs, teacher_specs: Specs) -> dict[str, Any]:
    """The pairs of a config with the pairs of each matcher (an entry with a ``type``) in its place.

    A name that the config sets to None leaves out that pair of a matcher.

    Raises:
        ValueError: A matcher that cannot be built, or two pairs of one name.
    """
    found: dict[str, Any] = {}
    for name, cfg in pairs.items():
        new = {name: cfg}
        if isinstance(cfg, Mapping) and 'type' in cfg:
            try:
                new = build_part(MATCHERS, cfg, 'matcher').expand(name, student_specs, teacher_specs)
            except ValueError as error:
                raise ValueError(f"pair '{name}': {error}") from error
        twice = [one for one in new if found.get(one) is not None and new[one] is not None]
        if twice:
            raise ValueError(f"pair '{name}' stands for {', '.join(twice)}, which there is already: rename one of them")
        found |= new
    return found | {name: None for name, cfg in pairs.items() if cfg is None}


def entry_of(pairs: Mapping[str, Any], name: str) -> str:
    """The entry of a config that a pair comes from: its own, or a matcher's.

    Raises:
        KeyError: No entry stands for the pair.
    """
    for entry, cfg in pairs.items():
        if cfg is not None and name in expand_matchers({entry: cfg}, {}, {}):
            return entry
    raise KeyError(name)


def pair_alone(pairs: Mapping[str, Any], name: str, **changes: Any) -> dict[str, Any]:
    """The pairs of a config without all but one, whose entry is changed."""
    entry = entry_of(pairs, name)
    others = [one for one in expand_matchers({entry: pairs[entry]}, {}, {}) if one != name]
    return {entry: {**pairs[entry], **changes}, **dict.fromkeys(others)}
