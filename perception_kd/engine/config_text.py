"""The text of a config, formatted once.

mmengine asks yapf for it each time it is written: to the run's folder, to each visualisation backend, to the log's
header. That is the same text several times a run, at a second or more each.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from mmengine.config import config as mmengine_config

_format = getattr(mmengine_config.FormatCode, 'plain', mmengine_config.FormatCode)


@lru_cache(maxsize=8)
def _formatted(text: str, style: tuple[tuple[str, Any], ...], more: tuple[tuple[str, Any], ...]) -> tuple[str, bool]:
    return _format(text, style_config=dict(style), **dict(more))


def remembering_format(text: str, *, style_config: dict[str, Any], **more: Any) -> tuple[str, bool]:
    """yapf's ``FormatCode``, which is asked once for the same text."""
    return _formatted(text, tuple(style_config.items()), tuple(more.items()))


remembering_format.plain = _format


def install() -> None:
    """Let mmengine's configs format their text so."""
    mmengine_config.FormatCode = remembering_format
