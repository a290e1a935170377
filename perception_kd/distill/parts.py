"""Building the parts of a pair (loss, mask, connector, schedule) from what a config says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mmengine.registry import Registry


def build_part(registry: Registry, cfg: Any, what: str, defaults: Callable[[type], Mapping] | None = None) -> Any:
    """Build one part.

    Args:
        registry: Where its type is looked up.
        cfg: ``dict(type=..., ...)``, or the type alone.
        what: What it is, for messages.
        defaults: Gives arguments that the config may override, for the class that was found.

    Raises:
        ValueError: No such type, with those that there are; arguments that the type does not take.
    """
    settings = dict(cfg) if isinstance(cfg, Mapping) else dict(type=cfg)
    name = settings.pop('type', None)
    kind = registry.get(name) if isinstance(name, str) else name
    if not isinstance(kind, type):
        registry.import_from_location()
        raise ValueError(f'unknown {what} {name!r}; there are: {", ".join(registry.module_dict)}')
    try:
        return kind(**{**(defaults(kind) if defaults else {}), **settings})
    except TypeError as error:
        raise ValueError(f'{what} {kind.__name__}: {str(error).replace("__init__()", "it")}') from error
