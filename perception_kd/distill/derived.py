"""Taps that follow from another tap of the same teacher: derived once it has run, for every adapter alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.checks import head_tasks
from perception_kd.structures import TapSpec


def objectness(head: Any) -> Tensor:
    """``mean over tasks of sigmoid(max over classes of the heat map's logits)``, ``(B, 1, ny, nx)`` in (0, 1).

    How sure a CenterHead is that an object of any class has its centre in a cell.
    """
    return torch.stack([task['heatmap'].amax(1, keepdim=True).sigmoid() for task in head_tasks(head)]).mean(0)


def mean_objectness(head: Any) -> Tensor:
    """``mean over tasks of sigmoid(mean over classes of the logits)``, ``(B, 1, ny, nx)``.

    The form of CRKD's released code (Zhao et al., CVPR 2024), whose tasks have one or two classes. In a task of many
    classes it is nearly 0 everywhere.
    """
    return torch.stack([task['heatmap'].mean(1, keepdim=True).sigmoid() for task in head_tasks(head)]).mean(0)


DERIVED: dict[str, tuple[str, Callable[[Any], Tensor], str]] = {
    'objectness': ('head', objectness, 'of the head: an object of any class, in (0, 1)'),
    'mean_objectness': ('head', mean_objectness, 'of the head: sigmoid of the mean logit, in (0, 1)')}
"""Name -> (tap that it follows from, function, one line for people); one channel on the grid of its source."""


def with_derived(specs: Mapping[str, TapSpec]) -> dict[str, TapSpec]:
    """Declarations of a teacher and of what follows from them; its own taps go before derived ones of the same name."""
    found = dict(specs)
    for name, (source, _, about) in DERIVED.items():
        if name not in found and source in specs and specs[source].kind == 'head' and specs[source].call != 'all':
            found[name] = replace(specs[source], name=name, kind='bev', channels=1, about=about)
    return found


def sources(taps: Iterable[str], own: Mapping[str, TapSpec]) -> set[str]:
    """What has to be recorded for ``taps``, ``own`` being the teacher's declarations."""
    return {name if name in own or name not in DERIVED else DERIVED[name][0] for name in taps}


def derive(taps: Iterable[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """``found`` with those of ``taps`` that follow from it."""
    derived = {name: DERIVED[name][1](found[DERIVED[name][0]])
               for name in taps if name not in found and name in DERIVED and DERIVED[name][0] in found}
    return {**found, **derived}
