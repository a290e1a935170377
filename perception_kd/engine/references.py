"""Late references in configs: ``'${data_root}'`` stands for the config's final top-level ``data_root``.

In mmengine's text configs a variable of a base file is spent when that file is read: changing it in a child
config or by ``--cfg-options`` reaches none of the places that used it. A reference is looked up after all
merging instead, so one line (``data_root = ...``) moves every loader and metric.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from mmengine.config import Config

_REFERENCE = re.compile(r'\$\{([A-Za-z_][\w.]*)\}')


def resolve_references(cfg: Config) -> Config:
    """A copy of ``cfg`` in which every ``${name}`` or ``${name.key}`` is replaced by what it names.

    A string that is one reference becomes the value itself (a list stays a list); inside a longer string the
    value is written as text. Values may hold references themselves.

    Raises:
        ValueError: a name that the config does not have, or references that run in a circle.
    """
    raw = cfg.to_dict()
    return Config(_resolve(raw, raw, ()), filename=cfg.filename)


def _resolve(value: Any, root: dict, path: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _resolve(item, root, path) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_resolve(item, root, path) for item in value)
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return _look_up(whole[1], root, path)
    return _REFERENCE.sub(lambda match: str(_look_up(match[1], root, path)), value)


def _look_up(name: str, root: dict, path: tuple[str, ...]) -> Any:
    if name in path:
        raise ValueError(f'config: references run in a circle: {" -> ".join((*path, name))}')
    value: Any = root
    for key in name.split('.'):
        if isinstance(value, str) and _REFERENCE.fullmatch(value):  # a choice among named values leads on
            value = _resolve(value, root, (*path, name))
        if not isinstance(value, dict) or key not in value:
            raise ValueError(f'config: "${{{name}}}" is used but the config has no {name}')
        value = value[key]
    return _resolve(copy.deepcopy(value), root, (*path, name))
