"""Reading of small label files: text, JSON and XML, each error naming its file in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from perception_kd.files import require_file

_MOST = 2**26  # bytes of an XML file or a text file of labels


def read_lines(path: Path) -> list[str]:
    """Lines of a text file, without the spaces around them; empty ones too, so that places are line numbers.

    Raises:
        FileNotFoundError, ValueError: no such file, or no text.
    """
    try:
        return [line.strip() for line in _read(path).decode('utf-8-sig').split('\n')]
    except UnicodeDecodeError:
        raise ValueError(f'{path}: no text; fetch the file again') from None


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
        FileNotFoundError, ValueError: no such file, or no JSON.
    """
    try:
        return json.loads(require_file(path).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ValueError(f'{path}: no readable JSON ({str(error)[:100]}); fetch the file again') from None


def read_xml(path: Path) -> ElementTree.Element:
    """Root of an XML file in UTF-8. One with a document type is refused: labels need none, and entities can blow up
    memory.

    Raises:
        FileNotFoundError, ValueError: no such file, or no XML.
    """
    # As text: the parser would import whatever codec a file names for itself.
    content = _read(path).decode('utf-8-sig', errors='replace')
    if '<!' in content.replace('<!--', ''):
        raise ValueError(f'{path}: an XML file with a document type; labels have none')
    try:
        return ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError) as error:
        raise ValueError(f'{path}: no readable XML ({str(error)[:100]}); fetch the file again') from None


def numbers_in(words: list[str]) -> tuple[float, ...] | None:
    """The words as numbers (NaN and infinity too); None where one is none."""
    try:
        return tuple(float(word) for word in words)
    except ValueError:
        return None


def _read(path: Path) -> bytes:
    content = require_file(path, 'label file').read_bytes()
    if len(content) > _MOST:
        raise ValueError(f'{path}: {len(content)} bytes are no file of labels')
    return content
