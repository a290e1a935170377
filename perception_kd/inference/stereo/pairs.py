"""Which pictures make a pair: two files, two folders, or a public layout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.datasets.stereo.layouts import LAYOUTS
from perception_kd.datasets.stereo.pair_list import read_pair_list
from perception_kd.evaluation.stereo.predictions import pair_name
from perception_kd.files import require_file, require_folder

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.ppm', '.pgm', '.tif', '.tiff')
_WORDS, _NUMBERED = 'left|right|lft|rgt|l|r', r'im(?:g|age)?_?0?[0123]|view_?[0156]|cam(?:era)?_?0?[01]'
_SIDE = re.compile(rf'(?<![a-z])(?:(?:{_WORDS})(?![a-z])|(?:{_NUMBERED})(?![a-z0-9]))'
                   r'|(?-i:(?<=[a-z])(?:Left|Right|L|R)(?![a-z]))', re.IGNORECASE)
_CALIBRATION = 'calib.txt'


@dataclass(frozen=True)
class Pair:
    """Two pictures of one moment.

    Attributes:
        name: Of the files that are written.
        left, right: Files.
        calibration: What is known of the cameras, or the file that tells of it; None without.
    """

    name: str
    left: Path
    right: Path
    calibration: Path | StereoCalibration | None = None


def pairs_of_inputs(inputs: Sequence[str | Path]) -> list[Pair]:
    """Pairs of two files, or of two folders.

    In folders, those files are a pair whose names are equal, or equal but for a word that says the side (``left``,
    ``R``, ``im0``, ``image_2``). A ``calib.txt`` beside a left picture belongs to it.

    Raises:
        FileNotFoundError, NotADirectoryError: no such file or folder, or one of each kind.
        ValueError: not two, or pictures without a partner.
    """
    if len(inputs) != 2:
        raise ValueError(f'stereo needs two inputs, the left and the right picture or folder; got {len(inputs)} '
                         '(a root of a public data set needs --layout)')
    left, right = map(Path, inputs)
    if not left.is_dir():
        left, right = require_file(left, 'left picture'), require_file(right, 'right picture')
        return [Pair(_name(left), left, right, _beside(left))]
    left, right = require_folder(left, 'left folder'), require_folder(right, 'right folder')
    if left.samefile(right):
        raise ValueError(f'{left} is given as left and as right folder; give two')
    partners = _matched(_pictures(left), _pictures(right), left, right)
    return [Pair(name, *files, _beside(files[0])) for name, files in partners.items()]


def pairs_of_layout(root: str | Path, layout: str, split: str = '',
                    select: Mapping[str, Sequence[str]] | None = None) -> list[Pair]:
    """All pairs of a public data set, named as its metrics name them.

    Args:
        root: Its folder.
        layout, split: As ``StereoDataset`` has them.
        select: Which of the layout's choices, likewise.

    Raises:
        FileNotFoundError, NotADirectoryError: no such folder.
        ValueError: unknown layout or choice, or no pair of it.
    """
    if layout not in LAYOUTS:
        raise ValueError(f'--layout {layout}: there are {", ".join(LAYOUTS)}')
    return [_of_record(record) for record in LAYOUTS[layout].pairs(root, split=split, select=select)]


def pairs_of_list(path: str | Path, root: str | Path) -> list[Pair]:
    """All pairs of a list (``read_pair_list``), named by their scenes.

    Raises:
        FileNotFoundError, ValueError: no such list, or a line that names no pair.
    """
    return [_of_record(record) for record in read_pair_list(path, root)]


def chosen_pairs(pairs: Sequence[Pair], chosen: Iterable[str]) -> list[Pair]:
    """Those with the names or the positions given, all without any.

    Raises:
        ValueError: there is no such pair.
    """
    names = {pair.name: pair for pair in pairs}
    found = []
    for one in chosen:
        if one not in names and not (one.isdecimal() and int(one) < len(pairs)):
            raise ValueError(f'no pair {one!r} among {len(pairs)}: give positions from 0 to {len(pairs) - 1}, or names '
                             f'such as {pairs[0].name}')
        found.append(names.get(one) or pairs[int(one)])
    return list(dict.fromkeys(found)) or list(pairs)


def _pictures(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir()
                   if path.suffix.lower() in SUFFIXES and not path.name.startswith('.'))
    if not found:
        raise FileNotFoundError(f'{folder} holds no pictures ({", ".join(SUFFIXES)})')
    return found


def _matched(left: list[Path], right: list[Path], *folders: Path) -> dict[str, tuple[Path, Path]]:
    """Name -> files, by the first rule under which every picture has one partner."""
    for key in (lambda path: path.stem, lambda path: _SIDE.sub('*', path.stem)):
        sides = [{key(path): path for path in files} for files in (left, right)]
        if len(sides[0]) == len(left) and len(sides[1]) == len(right) and sides[0].keys() == sides[1].keys():
            return {path.stem: (path, sides[1][name]) for name, path in sides[0].items()}
    stems = [{path.stem for path in files} for files in (left, right)]
    alone = sorted(stems[0] ^ stems[1])[:1] or sorted(stems[0])[:1]
    raise ValueError(f'{len(left)} pictures of {folders[0]} and {len(right)} of {folders[1]} do not make pairs by '
                     f'name: {alone[0]} has no one partner; give equal names')


def _name(left: Path) -> str:
    """Name of a picture, or of its folder where the picture's own says nothing but the side."""
    return left.stem if _SIDE.sub('', left.stem).strip('_-. ') else left.resolve().parent.name or left.stem


def _of_record(record: Mapping[str, Any]) -> Pair:
    left = Path(record['left_path'])
    known = {name: record[name] for name in ('focal', 'baseline', 'doffs', 'centre') if name in record}
    complete = 'focal' in known and 'baseline' in known
    return Pair(pair_name(str(left), record['scene']), left, Path(record['right_path']),
                _beside(left) or (StereoCalibration(**known) if complete else None))


def _beside(left: Path) -> Path | None:
    path = left.parent / _CALIBRATION
    return path if path.is_file() else None
