"""YAML configs as plain data: mmengine reads them with the loader that makes any Python object and calls any function.

A config in Python is a program and runs as one; a ``.yaml`` or ``.json`` config, which people take for data, is data.
"""

from __future__ import annotations

from typing import Any, TextIO

import yaml
from mmengine.fileio import YamlHandler, register_handler

_LOADER = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


class SafeYamlHandler(YamlHandler):
    """mmengine's, without tags that name Python objects."""

    def load_from_fileobj(self, file: TextIO, **kwargs: Any) -> Any:
        """Content of a file.

        Raises:
            yaml.YAMLError: no YAML, or a tag that asks for more than plain data.
        """
        return super().load_from_fileobj(file, **{**kwargs, 'Loader': _LOADER})


def install() -> None:
    """Let mmengine read YAML so."""
    register_handler(['yaml', 'yml'])(SafeYamlHandler)
