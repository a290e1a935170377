"""A stand-in for the compiled module ``mmcv._ext``.

The stand-in comes through the import system, as a finder at the *end* of ``sys.meta_path``: a compiled
``mmcv._ext`` on disk is always found first and stays untouched. The module that the finder makes has a
valid ``__spec__`` with a loader, since mmengine's optimizer builder asks ``pkgutil`` for it.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

EXT_NAME = 'mmcv._ext'


class CompiledOpMissing(NotImplementedError):
    """A compiled op of mmcv was called, no compiled mmcv is installed and the op has no twin here."""

    def __init__(self, op: str) -> None:
        super().__init__(
            f'not available without compiled mmcv: op {op!r}; mmcv-lite is installed. Install a compiled '
            'mmcv (>=2.1,<2.2) that matches your torch and CUDA, or choose a model that does not need this op'
        )
        self.op = op


def _missing_op(name: str) -> Callable[..., NoReturn]:
    def missing(*args: Any, **kwargs: Any) -> NoReturn:
        raise CompiledOpMissing(name)

    missing.__name__ = missing.__qualname__ = name
    return missing


def _twins() -> dict[str, Callable[..., Any]]:
    from perception_kd.compat.ops import TWINS

    def compiled_by() -> str:
        return 'none: mmcv-lite with the portable ops of perception_kd.compat'

    return {**TWINS, 'get_compiler_version': compiled_by, 'get_compiling_cuda_version': compiled_by}


def _replace_wrappers() -> None:
    """Exchange the functions of mmcv that look for a CUDA device before they call their op, or index as of old.

    mmcv.ops is being imported when this runs, and has not bound them yet.
    """
    from perception_kd.compat.ops import points_in_boxes, sparse_conv

    importlib.import_module('mmcv.ops.sparse_structure').scatter_nd = sparse_conv.scatter_nd
    module = importlib.import_module('mmcv.ops.points_in_boxes')
    module.points_in_boxes_part = points_in_boxes.points_in_boxes_part
    module.points_in_boxes_all = points_in_boxes.points_in_boxes_all


class _StandInLoader(Loader):
    def create_module(self, spec: ModuleSpec) -> None:
        return None  # the import system's default module

    def exec_module(self, module: ModuleType) -> None:
        module.__doc__ = 'Portable twins of the compiled ops of mmcv; the others raise CompiledOpMissing.'
        vars(module).update(_twins())

        def missing_attribute(name: str) -> Callable[..., NoReturn]:
            if name.startswith('_'):
                raise AttributeError(f'module {EXT_NAME!r} has no attribute {name!r}')
            return _missing_op(name)

        module.__getattr__ = missing_attribute  # type: ignore[method-assign]
        _replace_wrappers()


class _StandInFinder(MetaPathFinder):
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != EXT_NAME:
            return None
        return ModuleSpec(name, _StandInLoader(), origin='perception_kd.compat')


def install() -> None:
    """Append the finder to ``sys.meta_path``, once. Imports neither mmcv nor torch."""
    if not any(isinstance(finder, _StandInFinder) for finder in sys.meta_path):
        sys.meta_path.append(_StandInFinder())


def compiled_mmcv_available() -> bool:
    """True where mmcv's compiled ops are on disk (mmcv itself is not imported to find out)."""
    spec = importlib.util.find_spec('mmcv')
    folders = list(spec.submodule_search_locations or []) if spec else []
    names = [f'_ext{suffix}' for suffix in EXTENSION_SUFFIXES]
    return any((Path(folder) / name).is_file() for folder in folders for name in names)
