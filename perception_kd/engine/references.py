"""Late references in configs: ``'${data_root}'`` stands for the config's final top-level ``data_root``.

In mmengine's text configs a variable of a base file is spent when that file is read: changing it in a child
config or by ``--cfg-options`` reaches none of the places that used it. A reference is looked up after all
merging instead, so one line (``data_root = ...``) moves every loader and metric.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable
from typing import Any

from mmengine.config import Config

_REFERENCE = re.compile(r'\$\{([A-Za-z_][\w.]*)\}')
_MOST = 100_000  # references to follow: a few that double what they name would fill any memory


def resolve_references(cfg: Config) -> Config:
    """A copy of ``cfg`` in which every ``${name}`` or ``${name.key}`` is replaced by what it names.

    A string that is one reference becomes the value itself (a list stays a list); inside a longer string the
    value is written as text. Values may hold references themselves.

    Raises:
        ValueError: a name that the config does not have, references that run in a circle, or that unfold without end.
    """
    raw = cfg.to_dict()
    return Config(_Resolver(raw, cfg.filename).resolve(raw, ()), filename=cfg.filename)


def refuse_unread(cfg: Config, given: dict[str, Any], options: Iterable[str]) -> None:
    """Refuse a new entry in a dictionary whose entries are read by references only, if no reference reads it.

    So ``lam.lidar_to_rader=0.1`` is refused where ``${lam.lidar_to_radar}`` and the like are all that reads ``lam``.

    Args:
        cfg: After the overrides, before references are replaced.
        given: The config as it was before.
        options: Paths of the overrides.

    Raises:
        ValueError: names the override and the entries that there are.
    """
    read = {tuple(name.split('.')[:2]) for name in _REFERENCE.findall(repr(cfg.to_dict()))}
    for option in options:
        name, *rest = option.split('.')
        entries = given.get(name)
        if not rest or not isinstance(entries, dict) or rest[0] in entries or (name, rest[0]) in read:
            continue
        if (name,) not in read and any(head == name for head, *_ in read):
            raise ValueError(f'config {cfg.filename}: nothing reads {option}; {name} has {", ".join(entries)}')


class _Resolver:
    def __init__(self, root: dict[str, Any], filename: str | None) -> None:
        self.root, self.config, self.left = root, f'config {filename}' if filename else 'config', _MOST

    def resolve(self, value: Any, path: tuple[str, ...]) -> Any:
        """The value without references; ``path`` are the names that led to it."""
        if isinstance(value, dict):
            return {key: self.resolve(item, path) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.resolve(item, path) for item in value)
        if not isinstance(value, str):
            return value
        whole = _REFERENCE.fullmatch(value)
        if whole:
            return self._look_up(whole[1], path)
        return _REFERENCE.sub(lambda match: str(self._look_up(match[1], path)), value)

    def _look_up(self, name: str, path: tuple[str, ...]) -> Any:
        if name in path:
            raise ValueError(f'{self.config}: references run in a circle: {" -> ".join((*path, name))}')
        self.left -= 1
        if self.left < 0:
            raise ValueError(f'{self.config}: more than {_MOST} references, one inside the other')
        value: Any = self.root
        for key in name.split('.'):
            if isinstance(value, str) and _REFERENCE.fullmatch(value):  # a choice among named values leads on
                value = self.resolve(value, (*path, name))
            if not isinstance(value, dict) or key not in value:
                raise ValueError(f'{self.config}: "${{{name}}}" is used but the config has no {name}')
            value = value[key]
        return self.resolve(copy.deepcopy(value), (*path, name))
