"""Weights from checkpoints of other tools, without running code from the file.

mmengine 0.10's own checkpoints pickle its ``HistoryBuffer`` with bound methods: reading them by an allow-list
would need ``getattr`` on it, which opens the door to anything. Here a global that is not needed for
tensors is never imported: harmless ones of known libraries become inert objects, others stop the load.
"""

from __future__ import annotations

import pickle
import warnings
from collections import Counter, OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from perception_kd.distill.checkpoint_origin import Origin, origin_of
from perception_kd.files import limited_memory, require_file

# Containers, dtypes and the functions that make a tensor from a storage. None of them runs code of the file.
_NEEDED = {
    ('collections', 'OrderedDict'): OrderedDict,
    ('collections', 'Counter'): Counter,
    ('collections', 'defaultdict'): lambda *args: {},
    ('builtins', 'set'): set,
    ('__builtin__', 'set'): set,
    ('torch', 'Size'): torch.Size,
    ('torch', 'device'): torch.device,
    ('torch._utils', '_rebuild_tensor'): torch._utils._rebuild_tensor,
    ('torch._utils', '_rebuild_tensor_v2'): torch._utils._rebuild_tensor_v2,
    ('torch._utils', '_rebuild_tensor_v3'): torch._utils._rebuild_tensor_v3,
    ('torch._utils', '_rebuild_parameter'): torch._utils._rebuild_parameter,
}
# What such a file names besides tensors: log buffers, numpy scalars, configs. Made inert, never imported.
_INERT_PREFIXES = ('mmengine.', 'mmcv.', 'mmdet.', 'mmdet3d.', 'numpy', 'pathlib', 'argparse', 'datetime')
_INERT_NAMES = {('builtins', 'getattr'), ('__builtin__', 'getattr'), ('_codecs', 'encode')}

_LONGEST = 140  # characters of a refusal
_LEAST_MEMORY = 2**31  # what reading a small checkpoint may take


class _Refused(pickle.UnpicklingError):
    pass


class Inert:
    """Stands for an object of the file that is not read: takes any state, does nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Pickle fills list-like objects so."""

    def extend(self, values: Any) -> None:
        """Pickle fills list-like objects so."""


class CarefulUnpickler(pickle.Unpickler):
    """Makes tensors and containers; what else a file names is never imported."""

    def find_class(self, module: str, name: str) -> Any:
        """What stands for a name of the file."""
        if (module, name) in _NEEDED:
            return _NEEDED[module, name]
        if module == 'torch' and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        if module in ('torch', 'torch.storage') and name.endswith('Storage'):
            return getattr(torch.storage if module == 'torch.storage' else torch, name)
        return self.unknown(module, name)

    def unknown(self, module: str, name: str) -> Any:
        """What stands for a name that is not needed: something inert, or a refusal."""
        if module.startswith(_INERT_PREFIXES) or (module, name) in _INERT_NAMES:
            return Inert
        raise _Refused(f'it asks for {module}.{name}'[:_LONGEST])  # a damaged name has any length


# The two names that torch.load uses of a pickle module.
_careful_pickle = SimpleNamespace(
    Unpickler=CarefulUnpickler,
    load=lambda file, **kwargs: CarefulUnpickler(file, **kwargs).load(),
    __name__='careful pickle',
)


def read_without_code(path: str | Path, map_location: Any = 'cpu') -> Any:
    """Read a file of ``torch.save``: by torch's own allow-list, else with what is not needed made inert.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file asks for code that is neither needed nor known to be harmless, or is damaged.
    """
    path = require_file(Path(path).expanduser(), 'checkpoint')
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try:
                return torch.load(path, map_location=map_location, weights_only=True)
            except pickle.UnpicklingError:
                with limited_memory(_LEAST_MEMORY + 10 * path.stat().st_size):
                    return torch.load(
                        path, map_location=map_location, pickle_module=_careful_pickle, weights_only=False
                    )
    except _Refused as error:
        raise ValueError(
            f'checkpoint {path} is refused: {error}. Loading it could run code; if you made the file '
            'yourself, load_weights(path, trust=True) reads it'
        ) from error
    except Exception as error:  # a damaged pickle can end in any of them
        reason = ' '.join(str(error).split())[:200] or type(error).__name__
        raise ValueError(f'checkpoint {path} is damaged or incomplete: {reason}') from error


class ModelFile(NamedTuple):
    """A model's part of a checkpoint.

    Attributes:
        weights: Names to tensors.
        origin: What the file tells of the training.
    """

    weights: dict[str, Tensor]
    origin: Origin


def load_weights(
    path: str | Path, *, trust: bool = False, map_location: Any = 'cpu', prefix: str = ''
) -> dict[str, Tensor]:
    """The state dict in a checkpoint of any tool; see :func:`load_model_file`."""
    return load_model_file(path, trust=trust, map_location=map_location, prefix=prefix).weights


def load_model_file(
    path: str | Path, *, trust: bool = False, map_location: Any = 'cpu', prefix: str = ''
) -> ModelFile:
    """Weights and origin in a checkpoint of any tool.

    Args:
        path: Local file: a bare state dict, or a dict that holds one under ``state_dict`` or ``model``.
        trust: Read it with full pickle, which can run code from the file.
        map_location: As for ``torch.load``.
        prefix: Keep only names that begin so, with the prefix cut off (``'student.'``).

    Returns:
        Weights by name (a leading ``module.`` of a parallel wrapper cut off), and their origin.

    Raises:
        FileNotFoundError: no such file.
        ValueError: damaged, refused, or without weights.
    """
    if trust:
        content = torch.load(path, map_location=map_location, weights_only=False)
    else:
        content = read_without_code(path, map_location)
    origin = origin_of(content)
    for key in ('state_dict', 'model'):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    named = content.items() if isinstance(content, dict) else ()
    weights = {str(name).removeprefix('module.'): value for name, value in named if isinstance(value, Tensor)}
    weights = {name[len(prefix) :]: value for name, value in weights.items() if name.startswith(prefix)}
    if not weights:
        wanted = f' whose names begin with {prefix!r}' if prefix else ''
        raise ValueError(f'checkpoint {path} holds no weights{wanted}')
    return ModelFile(weights, origin)
