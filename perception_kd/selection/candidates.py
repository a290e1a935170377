"""Teachers to choose from, built into one distiller: the student runs once for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import signature
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn

from perception_kd.distill.distiller import Distiller
from perception_kd.distill.schedules import Constant, full_weight
from perception_kd.engine.build import load_config, naming_config, require
from perception_kd.engine.quiet_log import quiet_log
from perception_kd.export.student import student_config
from perception_kd.registry import DISTILL_LOSSES, MASKS, MODELS


@dataclass(frozen=True)
class Candidate:
    """A teacher that could take the place of the config's.

    Args:
        name: Plain word.
        checkpoint: Its weights.
        config: Where its model is described; None: it is the config's teacher.
        options: Overrides of the distiller's config for this candidate alone (a temperature).
    """

    name: str
    checkpoint: str
    config: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, word: str, options: Mapping[str, Any] | None = None) -> Candidate:
        """From ``CHECKPOINT[@CONFIG]``."""
        checkpoint, at, config = word.rpartition('@')
        if not (at and config.endswith('.py')):
            checkpoint, config = word, ''
        return cls(name, checkpoint, config or None, options or {})


@dataclass(frozen=True)
class Field:
    """All candidates, ready to be compared.

    Args:
        model: The student with every candidate as a teacher, in eval mode.
        pairs: Names of the model's pairs by candidate.
        left_out: Pairs of the config that do not take part, with the reason.
    """

    model: Distiller
    pairs: dict[str, list[str]]
    left_out: dict[str, str]


def build_field(
    config: str, candidates: Sequence[Candidate], *, slot: str | None = None, chosen: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None, seed: int = 0,
) -> Field:
    """Build the student and, for each candidate, the pairs that it would teach by, at their full weights.

    Args:
        config: Of a distiller.
        candidates: With names that differ.
        slot: The teacher of the config whose place they take; None: its only one.
        chosen: Names of the config's pairs to look at; None: those without weights of their own. (The gradient
            through a connector that was never trained says as much of the connector as of the teacher.)
        options: Overrides of the config for all.
        seed: Of the student's initial weights.

    Raises:
        ValueError: No such teacher or pair, no pair left, or weights that do not fit.
        FileNotFoundError: No such file.
    """
    model_cfg, names = _combine(config, candidates, slot, options or {})
    torch.manual_seed(seed)
    with naming_config(model_cfg):
        model = MODELS.build(model_cfg.model)
        _initialise(model.student)
    left_out = _leave_out(model, names, chosen)
    pairs = {one: [pair for pair in found.values() if pair in model.pairs] for one, found in names.items()}
    for found in names.values():
        _share_weights(model, next(iter(names.values())), found)
    if not all(pairs.values()):
        reasons = '; '.join(f'{name} ({why})' for name, why in left_out.items())
        raise ValueError(f'{config}: no pair to compare teachers by. Left out: {reasons or "none"}; choose by --pairs')
    return Field(model.eval(), pairs, left_out)


def _initialise(student: nn.Module) -> None:
    """mmengine's ``init_weights`` without its pages of log."""
    with quiet_log():
        student.init_weights()


def _combine(
    config: str, candidates: Sequence[Candidate], slot: str | None, options: Mapping[str, Any]
) -> tuple[Config, dict[str, dict[str, str]]]:
    """A config with all candidates as teachers, and by candidate the config's pair names to those of the model."""
    combined, teachers, pairs, names = None, {}, {}, {}
    for one in candidates:
        cfg = load_config(config, {**options, **one.options})
        require(cfg, 'model')
        if cfg.model.get('type') != 'Distiller' or not cfg.model.get('pairs'):
            raise ValueError(f'{config} is not of a distiller with pairs; teachers are compared by what they teach')
        combined = combined or cfg
        init_default_scope(cfg.get('default_scope', 'perception_kd'))
        place = _slot(config, cfg.model.teachers, slot)
        others = {name: teacher for name, teacher in cfg.model.teachers.items() if name != place}
        if one.name in others:
            raise ValueError(f"a candidate cannot be called '{one.name}', as another teacher of {config} is")
        model = cfg.model.teachers[place].model if one.config is None else student_config(load_config(one.config))
        teachers[one.name] = dict(cfg.model.teachers[place], checkpoint=one.checkpoint, model=model)
        names[one.name] = {}
        for name, pair in cfg.model.pairs.items():
            if pair is not None and str(pair.get('teacher')).startswith(f'{place}.'):
                names[one.name][name] = f'{one.name}_{name}'
                pairs[f'{one.name}_{name}'] = _renamed(_explicit(pair, place), place, one.name)
                teachers.update({other: others[other] for other in others if _reads(pair, other)})
    model = dict(type='Distiller', student=combined.model.student, teachers=teachers, pairs=pairs)
    return Config(dict(model=model), filename=config), names


def _slot(config: str, teachers: Mapping[str, Any], slot: str | None) -> str:
    if slot is None and len(teachers) != 1:
        raise ValueError(f'{config} has the teachers {", ".join(teachers)}; name the one to choose with --slot')
    slot = slot or next(iter(teachers))
    if slot not in teachers:
        raise ValueError(f"{config} has no teacher '{slot}'; it has {', '.join(teachers)}")
    return slot


def _strings(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _strings(item)


def _reads(pair: Mapping[str, Any], teacher: str) -> bool:
    return any(word.startswith(f'{teacher}.') for word in _strings(pair))


def _explicit(value: Any, teacher: str) -> Any:
    """A config whose masks and losses say the taps of ``teacher`` that they read by default (``lidar.head``)."""
    if isinstance(value, list | tuple):
        return [_explicit(item, teacher) for item in value]
    if not isinstance(value, Mapping):
        return value
    kinds = [registry.get(str(value.get('type'))) for registry in (MASKS, DISTILL_LOSSES) if 'type' in value]
    defaults = {name: parameter.default for kind in kinds if kind is not None
                for name, parameter in signature(kind).parameters.items()}
    taps = {name: word for name, word in defaults.items() if isinstance(word, str) and word.startswith(f'{teacher}.')}
    return {**taps, **{key: _explicit(item, teacher) for key, item in value.items()}}


def _renamed(value: Any, old: str, new: str) -> Any:
    """A config with ``old.tap`` as ``new.tap`` wherever a teacher's tap or function is named."""
    if isinstance(value, str):
        return f'{new}{value[len(old):]}' if value.startswith(f'{old}.') else value
    if isinstance(value, Mapping):
        return {key: _renamed(item, old, new) for key, item in value.items()}
    return [_renamed(item, old, new) for item in value] if isinstance(value, list | tuple) else value


def _leave_out(model: Distiller, names: Mapping[str, Mapping[str, str]], chosen: Collection[str] | None
               ) -> dict[str, str]:
    """Take pairs that are not to be looked at out of the model; give full weights to the others."""
    known = {name for found in names.values() for name in found}
    unknown = sorted(set(chosen or ()) - known)
    if unknown:
        raise ValueError(f"no pair '{unknown[0]}' of this teacher; there are {', '.join(sorted(known)) or 'none'}")
    left_out = {}
    for name, full in ((name, full) for found in names.values() for name, full in found.items()):
        pair = model.pairs[full]
        why = None
        if chosen is not None:
            why = None if name in chosen else 'not chosen'
        elif next(pair.parameters(), None) is not None:
            why = 'it has weights of its own, which are not trained yet'
        weight = full_weight(pair.schedule)
        if why is None and weight == 0:
            why = 'its weight is 0'
        if why:
            left_out[name] = why
            del model.pairs[full]
        else:
            pair.schedule = Constant(value=weight)
    return left_out


def _share_weights(model: Distiller, first: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Give the pairs of a candidate the same untrained weights as the first one's, where they fit."""
    for name in first.keys() & found.keys():
        if first[name] in model.pairs and found[name] in model.pairs:
            state, own = model.pairs[first[name]].state_dict(), model.pairs[found[name]].state_dict()
            if {key: value.shape for key, value in state.items()} == {key: value.shape for key, value in own.items()}:
                model.pairs[found[name]].load_state_dict(state)
