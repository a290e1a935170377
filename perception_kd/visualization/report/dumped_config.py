"""The config that a run has written down, read as data: nothing in it is run."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from typing import Any

_NAMES = {'inf': math.inf, 'nan': math.nan}


def read_dumped_config(path: Path) -> dict[str, Any]:
    """Settings by name, as mmengine dumps them: literals and ``dict(...)``; anything else stays as its text.

    Raises:
        ValueError: no Python, or nested without end.
    """
    try:
        tree = ast.parse(path.read_bytes())
        return {target.id: _value(node.value) for node in tree.body if isinstance(node, ast.Assign)
                for target in node.targets if isinstance(target, ast.Name)}
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ValueError(f'{path} is damaged: no dumped config ({type(error).__name__}: {error}); '
                         'move it away to report without it') from None


def _value(node: ast.expr) -> Any:
    if _is_dict_call(node):
        inner = _value(node.args[0]) if node.args else {}
        return {**inner, **{str(key.arg): _value(key.value) for key in node.keywords}}
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(value) for key, value in zip(node.keys, node.values)}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(one) for one in node.elts]
    if isinstance(node, ast.Name) and node.id in _NAMES:
        return _NAMES[node.id]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)


def _is_dict_call(node: ast.expr) -> bool:
    """``dict(a=1)``, or ``dict({'a-b': 1})`` where a name is no identifier."""
    return (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict'
            and all(isinstance(one, ast.Dict) for one in node.args) and len(node.args) < 2)
