"""A teacher's frozen function that a student's value passes before it is compared (CrossKD)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from perception_kd.structures import TapSpec


@dataclass(frozen=True)
class Through:
    """The rest of a teacher, from one of its taps on, with frozen weights and gradient to its input.

    CrossKD (Wang et al., CVPR 2024) sends the student's features through the teacher's head, so that the two
    predictions that are compared come from one head. In a pair of a config::

        student='trunk_bev', through=dict(tap='lidar.neck_bev', function='lidar.head'), teacher='lidar.head'

    The connector then makes the student's tap comparable to ``tap``, not to the pair's teacher tap.

    Args:
        tap: Declaration of what the function reads, its name as ``teacher.tap``.
        function: The teacher's declared function, as ``teacher.function``.
    """

    tap: TapSpec
    function: str

    @classmethod
    def build(cls, cfg: Mapping[str, Any] | None, teacher_specs: Mapping[str, TapSpec]) -> Through | None:
        """From ``dict(tap=..., function=...)``; None passes through.

        Raises:
            ValueError: Other keys, or no such teacher tap.
        """
        if cfg is None:
            return None
        if not isinstance(cfg, Mapping) or set(cfg) != {'tap', 'function'}:
            raise ValueError(f"through is dict(tap='teacher.tap', function='teacher.function'), got {cfg!r}")
        if cfg['tap'] not in teacher_specs:
            raise ValueError(
                f"through: there is no teacher tap '{cfg['tap']}'; available: {', '.join(teacher_specs) or 'none'}"
            )
        return cls(replace(teacher_specs[cfg['tap']], name=cfg['tap']), cfg['function'])

    def __str__(self) -> str:
        return f'{self.tap.name} -> {self.function}'
