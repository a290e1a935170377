"""Finding pairs by patterns of file names.

The n-th wildcard (``*``, or ``**`` for any number of folders) of every other pattern stands for what the n-th one of
``left`` matched; further ones of ``left`` are left out.
"""

from __future__ import annotations

import glob
import itertools
import re
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.datasets.stereo.calibration import CALIBRATION_READERS, read_calibration
from perception_kd.datasets.stereo.decoders import DISP_DECODERS, NOC_DECODERS
from perception_kd.files import require_folder

_WILDCARD = re.compile(r'\*\*/|\*')
_EXPRESSIONS = {'**/': r'((?:[^/]+/)*)', '*': r'([^/]*)'}


@dataclass(frozen=True, kw_only=True)
class PairLayout:
    """Where the files of a stereo set lie below its root, and what they hold.

    Patterns may have ``{split}`` and the names of ``choices``. Of several patterns the first that names a file counts.

    Args:
        left, right: Pictures.
        disp, disp_right: Disparity of the left and of the right picture.
        noc, noc_right: Which pixels both cameras see.
        calibration: File of the calibration; it need not be there.
        decoder, noc_decoder: Names in ``DISP_DECODERS`` and ``NOC_DECODERS``.
        calibration_reader: Name in ``CALIBRATION_READERS``.
        sparse: The truth has holes, so that it may not be interpolated.
        focal, baseline, doffs: In px, m and px, where all pairs have the same.
        disp_scale: By what the decoder ``scaled`` divides; focal length and offset of a calibration file are too.
        choices: What else the patterns name, and which are read by default.
    """

    left: str
    right: str
    disp: Sequence[str] = ()
    disp_right: Sequence[str] = ()
    noc: Sequence[str] = ()
    noc_right: Sequence[str] = ()
    calibration: str = ''
    decoder: str = 'pfm'
    noc_decoder: str = 'middlebury'
    calibration_reader: str = 'middlebury'
    sparse: bool = False
    focal: float | None = None
    baseline: float | None = None
    doffs: float | None = None
    disp_scale: float | None = None
    choices: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for kind, name, known in (('decoder', self.decoder, DISP_DECODERS), ('noc_decoder', self.noc_decoder,
                                  NOC_DECODERS), ('calibration_reader', self.calibration_reader, CALIBRATION_READERS)):
            if name not in known:
                raise ValueError(f'a layout has no {kind} {name!r}; there are {", ".join(known)}')
        for name in ('disp', 'disp_right', 'noc', 'noc_right'):
            if isinstance(getattr(self, name), str):
                object.__setattr__(self, name, (getattr(self, name),))
        for pattern in (self.left, self.right, self.calibration, *self.disp, *self.disp_right, *self.noc,
                        *self.noc_right):
            unknown = {name for _, name, _, _ in string.Formatter().parse(pattern)} - {None, 'split', *self.choices}
            if unknown:
                raise ValueError(f'pattern {pattern!r}: nothing stands for {", ".join(sorted(unknown))}; give choices')
        if len(_WILDCARD.findall(self.right)) != len(_WILDCARD.findall(self.left)):
            raise ValueError(f'the patterns of left and right pictures have different wildcards: {self.left!r} and '
                             f'{self.right!r}')

    def pairs(self, root: str | Path, *, split: str = '', select: Mapping[str, Sequence[str]] | None = None,
              ) -> list[dict[str, Any]]:
        """Records of all pairs in the order of their names: the keys of a sample that the files alone give.

        Files that are not there have no key, apart from ``right_path``, which is the first pattern's.

        Args:
            root: Folder of the set.
            split: What ``{split}`` stands for.
            select: Other ``choices`` than the layout's.

        Raises:
            FileNotFoundError, NotADirectoryError: no folder ``root``.
            ValueError: no pair is there, unknown choices, or a calibration that cannot be read.
        """
        root = require_folder(root, 'stereo data set')
        chosen = self._chosen(select)
        places = [{'split': split, **dict(zip(chosen, values))} for values in itertools.product(*chosen.values())]
        told_apart = [key for key, values in chosen.items() if len(values) > 1]
        found = [self._record(root, names, matched, [names[key] for key in told_apart])
                 for names in places for matched in _matches(root, _tidy(self.left.format_map(names)))]
        if not found:
            looked = [_tidy(self.left.format_map(names)) for names in places]
            raise ValueError(f'{root}: no left picture {" or ".join(looked)}; check data root, layout and split')
        return found

    def _chosen(self, select: Mapping[str, Sequence[str]] | None) -> dict[str, Sequence[str]]:
        unknown = sorted(set(select or ()) - set(self.choices))
        if unknown:
            raise ValueError(f'the layout has nothing to select by {", ".join(unknown)}; it has '
                             f'{", ".join(self.choices) or "none"}')
        chosen = {**self.choices, **(select or {})}
        return {key: [values] if isinstance(values, str) else values for key, values in chosen.items()}

    def _record(self, root: Path, names: Mapping[str, str], matched: Sequence[str], prefix: list[str],
                ) -> dict[str, Any]:
        def path(pattern: str) -> Path:
            return root / _fill(_tidy(pattern.format_map(names)), matched)

        record = {'left_path': str(path(self.left)), 'right_path': str(path(self.right)), 'decoder': self.decoder,
                  'noc_decoder': self.noc_decoder, 'sparse': self.sparse,
                  'scene': '/'.join(part.strip('/') for part in (*prefix, *matched) if part) or root.name}
        for key in ('disp', 'disp_right', 'noc', 'noc_right'):
            there = next((one for one in map(path, getattr(self, key)) if one.is_file()), None)
            record.update({f'{key}_path': str(there)} if there else {})
        known = {key: getattr(self, key) for key in ('focal', 'baseline', 'doffs', 'disp_scale')}
        if self.calibration and path(self.calibration).is_file():
            known.update(self._calibrated(path(self.calibration)))
        return {**record, **{key: value for key, value in known.items() if value is not None}}

    def _calibrated(self, path: Path) -> dict[str, Any]:
        found, reduction = read_calibration(path, self.calibration_reader), self.disp_scale or 1
        centre = found.centre and tuple(place / reduction for place in found.centre)
        return {'focal': found.focal / reduction, 'baseline': found.baseline, 'doffs': found.doffs / reduction,
                'centre': centre}


def _matches(root: Path, pattern: str) -> Iterator[list[str]]:
    """What the wildcards stand for, for each file."""
    parts = re.split(f'({_WILDCARD.pattern})', pattern)
    form = re.compile(''.join(_EXPRESSIONS.get(part) or re.escape(part) for part in parts))
    literal = ''.join(part if part in _EXPRESSIONS else glob.escape(part) for part in parts)
    for name in sorted(glob.iglob(literal, root_dir=root, recursive=True)):
        if (root / name).is_file():
            yield list(form.fullmatch(name).groups())


def _fill(pattern: str, matched: Sequence[str]) -> str:
    rest = iter(matched)
    return _WILDCARD.sub(lambda wildcard: next(rest, ''), pattern)


def _tidy(pattern: str) -> str:
    """An empty split leaves no empty folder."""
    return re.sub('/+', '/', pattern).lstrip('/')
