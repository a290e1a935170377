"""Lists of pairs: one JSON object a line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from perception_kd.datasets.stereo.decoders import DISP_DECODERS, NOC_DECODERS
from perception_kd.files import require_file

_FILES = {'left': 'left_path', 'right': 'right_path', 'disp': 'disp_path', 'disp_right': 'disp_right_path',
          'noc': 'noc_path', 'noc_right': 'noc_right_path', 'mask': 'mask_path'}
_NUMBERS = ('focal', 'baseline', 'doffs', 'disp_scale')
_WORDS = ('decoder', 'noc_decoder', 'dataset', 'scene')


def read_pair_list(path: str | Path, root: str | Path) -> list[dict[str, Any]]:
    """Records of the pairs, as :meth:`PairLayout.pairs` gives them.

    A line has ``left`` and ``right``, and where it is known ``disp``, ``disp_right``, ``noc``, ``noc_right`` and
    ``mask``, where ``disp`` is trusted (files, below ``root`` unless absolute), ``decoder`` (``pfm``), ``noc_decoder``
    (``middlebury``), ``sparse`` (false), ``focal`` px, ``baseline`` m, ``doffs`` px, ``disp_scale``, ``dataset`` and
    ``scene``.

    Raises:
        FileNotFoundError: no such list.
        ValueError: a line that is no such object, or no line.
    """
    records = []
    with require_file(path, 'list of pairs').open('rb') as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    records.append(_record(line, Path(root)))
                except (ValueError, RecursionError) as error:
                    raise ValueError(f'{path}: line {number}: {str(error)[:200]}') from None
    if not records:
        raise ValueError(f'{path}: the list names no pair')
    return records


def _record(line: bytes, root: Path) -> dict[str, Any]:
    entry = json.loads(line)
    if not isinstance(entry, dict) or not {'left', 'right'} <= set(entry):
        raise ValueError('not an object with left and right')
    unknown = sorted(set(entry) - {*_FILES, *_NUMBERS, *_WORDS, 'sparse'})
    if unknown:
        raise ValueError(f'unknown {", ".join(unknown)}')
    entry = {'decoder': 'pfm', 'noc_decoder': 'middlebury', 'sparse': False,
             'scene': Path(str(entry['left'])).with_suffix('').as_posix(), **entry}
    for key, value in entry.items():
        kind = bool if key == 'sparse' else (int, float) if key in _NUMBERS else str
        if not isinstance(value, kind) or (key in _NUMBERS and not math.isfinite(value)):
            raise ValueError(f'{key} cannot be {value!r}')
    for key, known in (('decoder', DISP_DECODERS), ('noc_decoder', NOC_DECODERS)):
        if entry[key] not in known:
            raise ValueError(f'unknown {key} {entry[key]!r}; there are {", ".join(known)}')
    return {_FILES.get(key, key): str(root / value) if key in _FILES else value for key, value in entry.items()}
