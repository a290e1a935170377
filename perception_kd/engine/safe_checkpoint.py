"""Checkpoints as plain data: nothing in the file needs code to be read back.

A file holds tensors, numbers, strings and containers of them, so that ``torch.load(weights_only=True)`` reads
it with its built-in allow-list. What mmengine would pickle as objects is written under a marker key: its
``HistoryBuffer`` in the message hub, and numpy arrays (in dataset meta and random states).
"""

from __future__ import annotations

import os
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer
from torch import Tensor

from perception_kd.engine.foreign_checkpoint import read_without_code
from perception_kd.files import atomic_path, remove_left_overs

FORMAT = 'perception_kd-1'
POINTER = 'last_checkpoint'
"""Text file in a work directory that names the newest checkpoint."""
_MARK = '__perception_kd__'
_NO_ARRAY, _LONGEST_ITEM = 'OMmV', 2**20  # kinds of arrays that are no plain data; bytes of one item
_ATOMS = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device)


def to_plain(value: Any, where: str = 'checkpoint') -> Any:
    """Copy a tree of containers, with tensors on the CPU and known objects as marked dicts.

    Args:
        value: Anything that a checkpoint may hold.
        where: Path of the value, for the error.

    Raises:
        TypeError: an object of a class that would need code to be read back.
    """
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, _ATOMS):
        return value
    if isinstance(value, np.ndarray):
        return {_MARK: 'ndarray', 'data': _array_to_plain(value), 'dtype': value.dtype.str}
    if isinstance(value, HistoryBuffer):
        log, count = (np.asarray(part, dtype=np.float64) for part in value.data)
        parts = {'log': torch.from_numpy(log.copy()), 'count': torch.from_numpy(count.copy())}
        return {_MARK: 'history', 'max_length': value.max_length, **parts}
    return _container_to_plain(value, where)


def _array_to_plain(array: np.ndarray) -> Any:
    if array.dtype.kind in _NO_ARRAY or array.dtype.itemsize > _LONGEST_ITEM:
        raise TypeError(f'checkpoint: a numpy array of dtype {array.dtype} cannot be written as plain data')
    return array.tolist() if array.dtype.kind in 'US' else torch.from_numpy(np.array(array, order='C'))


def _container_to_plain(value: Any, where: str) -> Any:
    if isinstance(value, dict):
        # ConfigDict and other subclasses become dicts; a state dict keeps its version metadata.
        kept = isinstance(value, OrderedDict)
        result = OrderedDict() if kept else {}
        for key, item in dict.items(value):
            result[to_plain(key, where)] = to_plain(item, f'{where}.{key}')
        if kept and hasattr(value, '_metadata'):
            result._metadata = to_plain(value._metadata, f'{where}._metadata')
        return result
    for kind in (list, tuple, set):
        if isinstance(value, kind):
            return kind(to_plain(item, f'{where}[{index}]') for index, item in enumerate(value))
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    kind = f'{type(value).__module__}.{type(value).__qualname__}'
    raise TypeError(f'{where} holds a {kind}, which cannot be written as plain data')


def from_plain(value: Any) -> Any:
    """The reverse of :func:`to_plain`: marked dicts become arrays and history buffers again."""
    if isinstance(value, dict):
        kind = value.get(_MARK)
        if kind == 'ndarray':
            data, dtype = value['data'], np.dtype(value['dtype'])
            if dtype.kind in _NO_ARRAY or not 0 <= dtype.itemsize <= _LONGEST_ITEM:  # NumPy 1's overflows
                raise ValueError(f'an array of dtype {dtype}')
            return np.array(data.cpu().numpy() if isinstance(data, Tensor) else data, dtype=dtype)
        if kind == 'history':
            return HistoryBuffer(value['log'].tolist(), value['count'].tolist(), value['max_length'])
        for key, item in value.items():
            value[key] = from_plain(item)
        return value
    if isinstance(value, (list, tuple)):
        return type(value)(from_plain(item) for item in value)
    return value


def write_checkpoint(path: str | Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint of plain data; after a crash at any moment the path holds the old file or the new.

    The file is written under a temporary name in the same folder, forced to the disk, and renamed, and the rename
    is forced too: what local file systems do in one step. On a network file system the rename is one step for
    the server, while other machines may see the old file for some seconds. One process may write a path at a
    time; in a job of several, only the first one does (``DistillRunner.save_checkpoint``).

    Raises:
        TypeError: the checkpoint holds an object that is not plain data (nothing is written).
    """
    path = Path(path)
    content = {'format': FORMAT, **to_plain(checkpoint)}
    remove_left_overs(path)
    with atomic_path(path) as temporary, temporary.open('wb') as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def remove_partials(folder: str | Path) -> None:
    """Remove half-written checkpoints and pointers of killed runs; nobody else may be training in the folder."""
    for pattern in ('.*.partial.pth', f'.{POINTER}.*.partial'):
        for left_over in Path(folder).glob(pattern):
            left_over.unlink(missing_ok=True)


def write_pointer(path: str | Path, target: str) -> None:
    """Write the small text file that names the newest checkpoint, atomically."""
    path = Path(path)
    with atomic_path(path) as temporary, temporary.open('w') as file:
        file.write(target)
        file.flush()
        os.fsync(file.fileno())
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power failure; systems without directory descriptors skip it."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except (OSError, AttributeError):
        return
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def read_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a checkpoint of ours, or one that mmengine wrote, without running any code from the file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is damaged, is no checkpoint, or asks for code that is not on the allow-list.
    """
    checkpoint = read_without_code(path, map_location)
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} is no checkpoint: it holds a {type(checkpoint).__name__}, not a dict')
    try:
        return from_plain(checkpoint)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(f'checkpoint {path} is damaged: {type(error).__name__}: {str(error)[:200]}') from error


def find_newest_checkpoint(work_dir: str | Path) -> Path | None:
    """The checkpoint that ``last_checkpoint`` in a work directory names, or None.

    The name is looked up in the folder itself where the written path no longer exists (the folder moved).

    Raises:
        FileNotFoundError: the named checkpoint is gone.
    """
    pointer = Path(work_dir) / POINTER
    if not pointer.is_file():
        return None
    written = pointer.read_text(errors='replace').strip('\0 \n')  # zeros: what a power cut can leave of a file
    if not written:
        return None
    for candidate in (Path(written), Path(work_dir) / Path(written).name):
        if candidate.is_file():
            return candidate
    raise FileNotFoundError(f'{pointer} names {written}, which is gone; pass a checkpoint by its path')
