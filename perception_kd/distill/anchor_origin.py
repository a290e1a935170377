"""The anchors that a checkpoint was trained with: no weight tells of them, and with others every box is wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

from torch import nn

HEAD = 'AnchorYOLOHead'
BUFFER = 'anchor_sizes'
Anchors = tuple[tuple[tuple[float, float], ...], ...]  # level, anchor, (w, h) px of the network input
TOLERANCE = 1e-4  # relative; anchors are written in decimals


def anchors_of(model: nn.Module) -> Anchors | None:
    """Of the first head with anchors; None where there is none."""
    found = next((module.anchor_sizes for module in model.modules() if hasattr(module, BUFFER)), None)
    return None if found is None else _anchors(found.tolist())


def anchors_in(meta: dict[str, Any]) -> Anchors | None:
    """What the ``meta`` of a checkpoint tells in the text of its config (``cfg``; ``model`` of an exported student),
    which is read and not run; of a distiller the student's. None where nothing is told.
    """
    text = meta.get('cfg', meta.get('model'))
    if not isinstance(text, str) or HEAD not in text:
        return None
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        return None
    model = next((_entries(line.value) for line in body if isinstance(line, ast.Assign)
                  and isinstance(line.targets[0], ast.Name) and line.targets[0].id == 'model'), {})
    model = _entries(model['student']) if 'student' in model else model
    found = next((_literal(head['anchors']) for head in _dicts(model) if 'anchors' in head
                  and str(_literal(head.get('type'))).endswith(HEAD)), None)
    return _anchors(found)


def same_anchors(a: Anchors, b: Anchors) -> bool:
    """Whether two sets are equal but for the rounding of decimals."""
    flat = [[side for level in each for anchor in level for side in anchor] for each in (a, b)]
    return [len(level) for level in a] == [len(level) for level in b] and all(
        abs(x - y) <= TOLERANCE * max(x, y) for x, y in zip(*flat))


def spelt(anchors: Anchors) -> str:
    """As in a config."""
    return '[' + ', '.join('[' + ', '.join(f'[{w:g}, {h:g}]' for w, h in level) + ']' for level in anchors) + ']'


def _dicts(entries: dict[str, ast.expr]) -> Iterator[dict[str, ast.expr]]:
    yield entries
    for value in entries.values():
        yield from _dicts(_entries(value))


def _entries(node: ast.expr | None) -> dict[str, ast.expr]:
    """Of ``dict(a=...)`` or ``{'a': ...}``; nothing of anything else."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {word.arg: word.value for word in node.keywords if word.arg}
    if isinstance(node, ast.Dict):
        return {str(_literal(key)): value for key, value in zip(node.keys, node.values) if key is not None}
    return {}


def _literal(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None


def _anchors(found: Any) -> Anchors | None:
    try:
        return tuple(tuple((float(w), float(h)) for w, h in level) for level in found)
    except (ValueError, TypeError):
        return None
