"""Random layers for the grammars of search spaces: dicts with ``type`` and arguments drawn from their choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Layer = dict[str, Any]
Choices = Mapping[str, Sequence[Any]]


def one_of(many: Sequence[Any], rng: np.random.Generator) -> Any:
    """One of several, as it is; a generator's own ``choice`` turns lists and None into arrays."""
    return many[int(rng.integers(len(many)))]


def draw_layer(kind: str, choices: Choices, width: int, rng: np.random.Generator) -> Layer:
    """A layer of a kind.

    Args:
        kind: Its ``type``.
        choices: Of each argument; ``channels`` as factors of ``width``.
        width: Channels.
        rng: Random numbers.
    """
    layer = dict(type=kind, **{name: one_of(many, rng) for name, many in choices.items()})
    if 'channels' in layer:
        layer['channels'] = max(1, int(width * layer['channels']))
    return layer


def ending_in(channels: int, layers: Sequence[Layer], passing: Iterable[str] = ()) -> list[Layer]:
    """The layers, of which the last one that sets the number of channels sets this one.

    Args:
        channels: At the end.
        layers: Layers.
        passing: Types that keep the number of channels.
    """
    place = max((place for place, layer in enumerate(layers) if layer['type'] not in passing), default=None)
    return [dict(layer, channels=channels) if index == place else layer for index, layer in enumerate(layers)]


def check_choices(what: str, *choices: Choices) -> None:
    """See that every argument has something to choose from.

    Raises:
        ValueError: names the argument that has not.
    """
    for one in choices:
        for name, many in one.items():
            if not isinstance(many, Sequence) or isinstance(many, str) or not many:
                raise ValueError(f'grammar of {what}: {name} is a list of one choice or more, got {many!r}')
