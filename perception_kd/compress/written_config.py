"""Configs that a compression writes: the one it was given, with another model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from pprint import pformat
from typing import Any

from perception_kd.engine.build import load_open_config
from perception_kd.files import write_bytes


def write_config(path: str | Path, *, source: str | Path, options: Mapping[str, Any], about: str,
                 changes: Mapping[str, Any]) -> None:
    """Write a config that stands alone: ``source`` with its bases, overrides and changes.

    References (``'${data_root}'``) stay references, so that overrides move the new config as they moved the old one.

    Args:
        path: File to write.
        source: Config to begin with.
        options: Overrides of it.
        about: Text of its docstring.
        changes: New values of top-level names.
    """
    settings = {**load_open_config(source, dict(options)).to_dict(), **changes}
    # mmengine's own writer takes seconds.
    lines = (f'{name} = {pformat(value, width=120, compact=True, sort_dicts=False)}\n'
             for name, value in settings.items())
    write_bytes(path, f'"""{about}"""\n\n{"".join(lines)}'.encode())
