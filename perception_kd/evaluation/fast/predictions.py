"""Predicted boxes as arrays, from a result file or from rows in memory.

A file as it should be is decoded by msgspec sample by sample, in bounded memory beside the file's bytes. Any other goes
to ``submission.read_results``, which says what is wrong with it, or knows how to read it all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, LABELS, BoxArrays, Floats
from perception_kd.evaluation.fast.truth import Truth
from perception_kd.evaluation.submission import MAX_BOXES_PER_SAMPLE, check_tokens, read_results
from perception_kd.files import require_file

Vector = tuple[float, float, float]


class _Row(msgspec.Struct, gc=False):
    """One predicted box of a result file."""

    sample_token: str
    translation: Vector
    size: Vector
    rotation: tuple[float, float, float, float]
    velocity: tuple[float, float]
    detection_name: str
    detection_score: float
    attribute_name: str
    num_pts: int = -1


class _File(msgspec.Struct):
    meta: dict[str, Any]
    results: dict[str, msgspec.Raw]


_COLUMNS = 16
_decode_rows = msgspec.json.Decoder(list[_Row]).decode


def load_predictions(results_json: str | Path, truth: Truth, version_tokens: Collection[str] = ()) -> BoxArrays:
    """The boxes of :func:`load_results`."""
    return load_results(results_json, truth, version_tokens)[1]


def load_results(results_json: str | Path, truth: Truth,
                 version_tokens: Collection[str] = ()) -> tuple[dict[str, Any], BoxArrays]:
    """``meta`` of a result file and its boxes in the key frames of ``truth``, not filtered.

    Args:
        results_json: File in the submission format.
        truth: Names the key frames, each of which must be in the file.
        version_tokens: Further key frames that may be there.

    Raises:
        FileNotFoundError, ValueError: as :func:`~perception_kd.evaluation.submission.read_results`, and an unknown
            class or attribute.
    """
    path = require_file(results_json, 'result file')
    tables = None
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
        check_tokens(file.results, truth.tokens, str(path), allowed=version_tokens)
        tables = _decode_tables(file.results, truth, path)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    if tables is not None:
        return file.meta, _from_tables(tables, truth)
    content = read_results(path, truth.tokens, version_tokens)
    return dict(content['meta']), predictions_from_rows(content['results'], truth, str(path))


def predictions_from_rows(results: Mapping[str, Sequence[Mapping[str, Any]]], truth: Truth,
                          source: str = 'predictions') -> BoxArrays:
    """Boxes from the ``results`` of a result file that is in memory.

    Args:
        results: Sample token -> rows.
        truth: Names the key frames; each must be in ``results``.
        source: What to call the rows in an error.

    Raises:
        ValueError: an unknown class or attribute.
    """
    rows = ((token, [_row(one) for one in results[token]]) for token in truth.tokens)
    return _from_tables([_table(found, token, source) for token, found in rows], truth)


def _decode_tables(results: Mapping[str, msgspec.Raw], truth: Truth, path: Path) -> list[Floats] | None:
    """A table for each key frame of ``truth``; None where a sample has too many boxes, or another's."""
    wanted = set(truth.tokens)
    tables = {}
    for token, raw in results.items():
        rows = _decode_rows(raw)
        if len(rows) > MAX_BOXES_PER_SAMPLE or any(row.sample_token != token for row in rows):
            return None
        if token in wanted:
            tables[token] = _table(rows, token, str(path))
    return [tables[token] for token in truth.tokens]


def _row(row: Mapping[str, Any]) -> _Row:
    names = ('sample_token', 'translation', 'size', 'rotation', 'velocity', 'detection_name', 'detection_score',
             'attribute_name')
    return _Row(*(row[name] for name in names), num_pts=int(row.get('num_pts', -1)))


def _table(rows: Sequence[_Row], token: str, source: str) -> Floats:
    """``(n, 16)`` all numbers of some boxes, in the order of ``_from_tables``."""
    try:
        table = [(*row.translation, *row.size, *row.rotation, *row.velocity, row.detection_score,
                  LABELS[row.detection_name], ATTRIBUTE_CODES[row.attribute_name], row.num_pts) for row in rows]
    except KeyError:
        bad = next(row for row in rows if row.detection_name not in LABELS or row.attribute_name not in ATTRIBUTE_CODES)
        raise ValueError(f'{source}: sample {token}: unknown class {bad.detection_name!r} or attribute '
                         f'{bad.attribute_name!r}') from None
    return np.array(table, np.float64).reshape(-1, _COLUMNS)


def _from_tables(tables: Sequence[Floats], truth: Truth) -> BoxArrays:
    frame = np.repeat(np.arange(len(tables)), [len(table) for table in tables])
    table = np.concatenate([*tables, np.empty((0, _COLUMNS))])
    return BoxArrays(
        frame=frame, translation=table[:, :3], size=table[:, 3:6], rotation=table[:, 6:10], velocity=table[:, 10:12],
        score=table[:, 12], label=table[:, 13].astype(np.int64), attribute=table[:, 14].astype(np.int64),
        num_pts=table[:, 15].astype(np.int64), ego_translation=truth.ego_relative(frame, table[:, :3]))
