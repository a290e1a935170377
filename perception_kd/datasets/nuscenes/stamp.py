"""Info files say what they are; a file that says something else is refused before it can spoil a training.

A box convention that nobody checked is the most expensive silent mistake of this field: with boxes of mmdet3d
before 1.0, mAP stays right while orientation and size are wrong, and 8 to 11 NDS points are lost.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from perception_kd.datasets.nuscenes.info_writer import stamp_at_end
from perception_kd.files import atomic_path, limited_memory, remove_left_overs, require_file
from perception_kd.processes import collection_paused
from perception_kd.structures.classes import CLASS_COLOURS, NUSCENES_CLASSES

SCHEMA = 'perception_kd-1'
BOX_CONVENTION = 'mmdet3d-1.x lidar'
INFO_VERSION = '1.1'
PSEUDO_LABELS = 'pseudo_labels'
"""Entry of a stamp: whose boxes stand in the places of annotations. Absent where all are annotations."""

_LEAST_MEMORY, _MEMORY_PER_BYTE = 2**30, 100  # what plain data of a pickle may take: measured are 5 to 20 bytes a byte

_EXPECTED = {'dataset': 'nuscenes', 'schema': SCHEMA, 'box_convention': BOX_CONVENTION}
CURE = 'make it again with: python tools/create_data.py nuscenes --root DIR --version V'


def make_stamp(*, version: str, split: str, **more: Any) -> dict[str, Any]:
    """``metainfo`` of an info file; ``more`` is kept as it is (how many sweeps, for example)."""
    return {
        **_EXPECTED,
        'info_version': INFO_VERSION,
        'version': version,
        'split': split,
        'categories': {name: label for label, name in enumerate(NUSCENES_CLASSES)},
        'palette': [CLASS_COLOURS[name] for name in NUSCENES_CLASSES],
        **more,
    }


def check_stamp(metainfo: Any, path: str | Path) -> None:
    """Refuse infos of another data set, schema, box convention or class order.

    Raises:
        ValueError: one line that names the file, what it says, what is needed and what to do.
    """
    if not isinstance(metainfo, dict) or 'schema' not in metainfo:
        raise ValueError(f'{path}: no stamp, so this file comes from another tool and its box convention is '
                         f'unknown; {CURE}')
    for key, wanted in _EXPECTED.items():
        if metainfo.get(key) != wanted:
            raise ValueError(f'{path}: {key} is {metainfo.get(key)!r} but {wanted!r} is needed; {CURE}')
    for key in ('version', 'split'):
        if not isinstance(metainfo.get(key), str):
            raise ValueError(f'{path}: the stamp names no {key}; {CURE}')
    if list(metainfo.get('categories', ())) != list(NUSCENES_CLASSES):
        raise ValueError(f'{path}: its class order differs from {", ".join(NUSCENES_CLASSES)}; {CURE}')


def refuse_pseudo_labels(metainfo: Mapping[str, Any], path: str | Path) -> None:
    """See that boxes are annotations before anything is scored against them.

    Args:
        metainfo: Stamp of an info file, or ``info`` of a COCO file.
        path: Of that file.

    Raises:
        ValueError: ``pseudo_labels`` of the stamp says which teacher's they are.
    """
    made = metainfo.get(PSEUDO_LABELS)
    if made:
        whose = str(made.get('checkpoint') if isinstance(made, Mapping) else made)[:200]
        raise ValueError(f'{path}: its boxes are pseudo-labels of {whose}, so a score against them would '
                         'say how like that teacher a model is, not how good; name a file of annotations')


def save_infos(path: str | Path, metainfo: dict[str, Any], data_list: list[dict[str, Any]]) -> None:
    """Write ``{'metainfo': ..., 'data_list': ...}`` as a pickle, atomically."""
    remove_left_overs(path)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        pickle.dump({'metainfo': metainfo, 'data_list': data_list}, file, protocol=4)


def load_stamp(path: str | Path) -> dict[str, Any]:
    """``metainfo`` of an info file, checked; reads only the end of a file that ``info_writer`` made.

    Errors as :func:`load_infos`.
    """
    path = Path(path)
    stamp = stamp_at_end(path) if path.is_file() else None
    if stamp is None:
        return load_infos(path)[0]
    with naming_damage(path), limited_memory(_LEAST_MEMORY):
        metainfo = _load_plain(stamp, path)['metainfo']
        check_stamp(metainfo, path)
    return metainfo


def load_infos(path: str | Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read and check an info file. Only plain data is unpickled: a file cannot run code.

    Returns:
        ``metainfo`` and ``data_list``.

    Raises:
        FileNotFoundError: no such file; names the info files beside it.
        ValueError: damaged, from another tool, or with a wrong stamp.
    """
    content = load_plain_pickle(path)
    if not isinstance(content, dict) or not isinstance(content.get('data_list'), list):
        raise ValueError(f'{path}: not an info file (no data_list); {CURE}')
    with naming_damage(path):
        check_stamp(content.get('metainfo'), path)
    return content['metainfo'], content['data_list']


@contextmanager
def naming_damage(path: str | Path, where: str = '') -> Iterator[None]:
    """Turn what plain data of another form than expected brings up into a line that names the info file.

    Args:
        path: The file.
        where: Which part of it.

    Raises:
        ValueError: instead of any error of lookup, type or arithmetic, and of a ``ValueError`` that does not name it.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if isinstance(error, ValueError) and str(path) in str(error):
            raise
        place = f'{where}: ' if where else ''
        raise ValueError(f'{path}: {place}damaged ({type(error).__name__}: {str(error)[:200]}); {CURE}') from error


def load_plain_pickle(path: str | Path) -> Any:
    """Unpickle numbers, strings and containers, nothing else. Errors as :func:`load_infos`."""
    path = Path(path)
    if not path.exists():
        beside = ', '.join(sorted(other.name for other in path.parent.glob('*.pkl'))) or 'no .pkl file'
        raise FileNotFoundError(f'info file {path} is missing (there: {beside}); {CURE}')
    require_file(path, 'info file')
    with path.open('rb') as file, limited_memory(_LEAST_MEMORY + _MEMORY_PER_BYTE * path.stat().st_size):
        return _load_plain(file, path)


def _load_plain(file: BinaryIO, path: Path) -> Any:
    try:
        with collection_paused():  # of full nuScenes: 5 s instead of 40
            return _PlainUnpickler(file).load()
    except _ForeignObjectError as error:
        raise ValueError(f'{path}: holds {error}, so it comes from another tool; {CURE}') from None
    except Exception as error:  # a damaged pickle can ask for anything, also for more memory than there is
        raise ValueError(f'{path}: damaged ({type(error).__name__}: {str(error)[:200]}); {CURE}') from None


class _ForeignObjectError(Exception):
    """A pickle that needs more than plain data."""


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise _ForeignObjectError(f'a Python object ({module}.{name}'[:140] + ')')
