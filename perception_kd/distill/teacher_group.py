"""All teachers of a distiller, held so that no module machinery finds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from perception_kd.distill.rng import private_rng
from perception_kd.distill.teacher import FrozenTeacher, Teacher
from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec

if TYPE_CHECKING:
    from perception_kd.distill.pair import Pair


class TeacherGroup:
    """Teachers by name. Taps and functions of the group are named ``teacher.tap``.

    A deep copy (an averaged model makes one) shares the teachers, and moving the copy to a device leaves them
    where they are.

    Args:
        teachers: Built teachers by name.
    """

    def __init__(self, teachers: Mapping[str, Teacher]) -> None:
        for name in teachers:
            if not name.isidentifier():
                raise ValueError(f"a teacher's name is a plain word, got '{name}'")
        self._teachers = dict(teachers)
        self._owner = True

    @classmethod
    def build(cls, teachers: Mapping[str, dict | Teacher] | None) -> TeacherGroup:
        """From configs or ready teachers. Each is built under its own random numbers."""
        built = {}
        for name, teacher in (teachers or {}).items():
            with private_rng('teacher', name):
                built[name] = _build_teacher(name, teacher) if isinstance(teacher, dict) else teacher
        return cls(built)

    def __len__(self) -> int:
        return len(self._teachers)

    def items(self) -> Iterable[tuple[str, Teacher]]:
        """Names and teachers."""
        return self._teachers.items()

    def __getitem__(self, name: str) -> Teacher:
        return self._teachers[name]

    def serve(self, pairs: Mapping[str, Pair]) -> None:
        """Tell the teachers that want to know which pairs read them.

        Raises:
            ValueError: A pair's ``through`` is no declared function.
        """
        for name, pair in pairs.items():
            if pair.through is not None:
                try:
                    self.function(pair.through.function)
                except ValueError as error:
                    raise ValueError(f"pair '{name}': through: {error}") from error
        for teacher in self._teachers.values():
            if hasattr(teacher, 'serve'):
                teacher.serve(pairs)

    def tap_specs(self) -> dict[str, TapSpec]:
        """All declarations by ``teacher.tap``."""
        return {
            f'{name}.{tap}': spec
            for name, teacher in self._teachers.items()
            for tap, spec in teacher.tap_specs().items()
        }

    def run(self, inputs: Mapping[str, Any], data_samples: list, taps: Iterable[str]) -> dict[str, Any]:
        """Run the teachers that are asked for, one after another, each as deep as its deepest tap.

        Args:
            inputs, data_samples: The loader's, on the device; every teacher gets its own copy of the
                containers.
            taps: Names ``teacher.tap``.
        """
        wanted: dict[str, list[str]] = {}
        for full in sorted(taps):
            teacher, _, tap = full.partition('.')
            wanted.setdefault(teacher, []).append(tap)
        values = {}
        for name, names in wanted.items():
            own = dict(inputs) if isinstance(inputs, Mapping) else list(inputs)
            found = self._teachers[name].run(own, list(data_samples or ()), names)
            values.update({f'{name}.{tap}': found[tap] for tap in names})
        return values

    def function(self, full: str) -> Callable:
        """A declared function by ``teacher.function``.

        Raises:
            ValueError: No such teacher or function; lists what there is.
        """
        asked = full.partition('.')[0]  # it alone, unless there is no such teacher: a cached one would load its network
        declared = {
            f'{name}.{key}': value
            for name, teacher in self._teachers.items()
            if hasattr(teacher, 'functions') and (name == asked or asked not in self._teachers)
            for key, value in teacher.functions().items()
        }
        if full not in declared:
            raise ValueError(
                f"no teacher declares a function '{full}'; declared: {', '.join(declared) or 'none'}"
            )
        return declared[full]

    def to(self, device: torch.device | str) -> None:
        """Move every teacher that can move, unless this group is a copy."""
        if self._owner:
            for teacher in self._teachers.values():
                if hasattr(teacher, 'to'):
                    teacher.to(device)

    def __deepcopy__(self, memo: dict) -> TeacherGroup:
        copy = TeacherGroup(self._teachers)
        copy._owner = False
        return copy


def _build_teacher(name: str, cfg: dict) -> Teacher:
    cfg = dict(cfg)
    kind = cfg.pop('type', 'FrozenTeacher')
    if kind in ('FrozenTeacher', FrozenTeacher):
        return FrozenTeacher(**{'name': name, **cfg})
    if kind in ('CachedTeacher', CachedTeacher):
        return CachedTeacher.of_config(name, cfg)
    return MODELS.build(dict(cfg, type=kind))
