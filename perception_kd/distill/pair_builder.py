"""From the pairs of a config to built pairs, type-checked against the declarations of their taps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from perception_kd.distill.connectors import SharedConnector, build_connector
from perception_kd.distill.losses import build_loss
from perception_kd.distill.masks import build_mask
from perception_kd.distill.matchers import expand_matchers
from perception_kd.distill.pair import Pair
from perception_kd.distill.rng import private_rng
from perception_kd.distill.schedules import Scaled, build_schedule
from perception_kd.distill.through import Through
from perception_kd.structures import TapSpec


def build_pairs(
    pairs: Mapping[str, dict] | None,
    student_specs: Mapping[str, TapSpec],
    teacher_specs: Mapping[str, TapSpec],
    strength: float = 1.0,
) -> dict[str, Pair]:
    """Build pairs from configs; each draws its initial weights from a generator seeded by its name.

    Args:
        pairs: Configs ``dict(student=tap, teacher='teacher.tap', loss=..., connector=..., mask=...,
            target_scale=..., through=..., weight=..., decay=...)`` by name; None leaves a pair of a base config out;
            a matcher's (:class:`~perception_kd.distill.matchers.LayerMatch`) stands for several pairs.
        student_specs: The student's declarations.
        teacher_specs: The teachers' declarations by ``teacher.tap``.
        strength: Multiplies every weight.

    Raises:
        ValueError: An unknown tap, with the taps available; taps that do not fit; a strength below 0 or not finite.
    """
    built = {}
    if isinstance(strength, bool) or not isinstance(strength, (int, float)) or not 0 <= strength < math.inf:
        raise ValueError(f"a distiller's strength is a number from 0 on, got {strength!r}")
    if not isinstance(pairs or {}, Mapping):
        raise ValueError(f'pairs is a dictionary of pairs by name, got a {type(pairs).__name__}')
    for name, cfg in expand_matchers(pairs or {}, student_specs, teacher_specs).items():
        if cfg is None:
            continue
        if not isinstance(cfg, Mapping):
            raise ValueError(f"pair '{name}' is a dictionary with student, teacher and loss, or None; got {cfg!r}")
        cfg = dict(cfg)
        source = _find(name, 'student', cfg.pop('student', None), student_specs)
        target = _find(name, 'teacher', cfg.pop('teacher', None), teacher_specs)
        with private_rng('pair', name):
            try:
                cfg['connector'] = _shared(cfg.get('connector'), source, built)
                parts = _build_parts(cfg, source, target, Through.build(cfg.pop('through', None), teacher_specs))
            except ValueError as error:
                raise ValueError(f"pair '{name}': {error}") from error
        if cfg:
            raise ValueError(f"pair '{name}': unknown keys {', '.join(cfg)}")
        if strength != 1:
            parts['weight'] = Scaled(value=strength, schedule=parts['weight'])
        built[name] = Pair(name=name, student=source, teacher=target, **parts)
        for needed in built[name].student_taps:
            _find(name, 'student', needed, student_specs)
        for needed in built[name].teacher_taps:
            built[name].needs_boxes |= _find(name, 'teacher', needed, teacher_specs).needs_boxes
    return built


def _build_parts(cfg: dict, source: TapSpec, target: TapSpec, through: Through | None) -> dict[str, Any]:
    connector = build_connector(cfg.pop('connector', None), source, through.tap if through else target)
    compared = target if through else connector.result(source)
    return dict(
        connector=connector,
        through=through,
        loss=build_loss(cfg.pop('loss', 'MSE'), compared, target),
        mask=build_mask(cfg.pop('mask', None)),
        target_scale=build_mask(cfg.pop('target_scale', None)),
        weight=build_schedule(cfg.pop('weight', 1.0)),
        decay=cfg.pop('decay', None),
    )


def _shared(connector: Any, source: TapSpec, built: Mapping[str, Pair]) -> Any:
    """The connector of a pair built before, where the config says so; else the config as it is."""
    if not isinstance(connector, Mapping) or connector.get('type') != 'ConnectorOf':
        return connector
    if set(connector) - {'type', 'pair', 'otherwise'} or 'pair' not in connector:
        raise ValueError(f"ConnectorOf takes pair=NAME and otherwise=CONNECTOR, got {', '.join(connector)}")
    owner = built.get(connector['pair'])
    if owner is None and 'otherwise' in connector:
        return connector['otherwise']
    if owner is None or owner.student != source:
        raise ValueError(f"ConnectorOf: no pair '{connector['pair']}' that reads '{source.name}' stands before it; "
                         f'there are: {", ".join(built) or "none"}')
    return SharedConnector(owner=owner.connector)


def _find(pair: str, side: str, wanted: str | None, specs: Mapping[str, TapSpec]) -> TapSpec:
    if wanted not in specs:
        raise ValueError(
            f"pair '{pair}': there is no {side} tap '{wanted}'; available: {', '.join(specs) or 'none'}"
        )
    return replace(specs[wanted], name=wanted)
