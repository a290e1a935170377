"""Peak memory of tensors, counted the same way on the CPU and on a GPU."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


def peak_bytes(fn: Callable[[], Any], device: torch.device | str = 'cpu') -> int:
    """Most bytes that tensors made by a call hold at one time.

    What was there before (weights, the batch) does not count; what the call returns does. On the CPU the
    storages are watched from operator to operator, which an operator's own scratch space escapes; on CUDA the
    allocator counts, scratch space included.

    Args:
        fn: Called once. Its backward passes count too.
        device: Where it works.

    Returns:
        Bytes.
    """
    device = torch.device(device)
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
        before = torch.cuda.memory_allocated(device)
        torch.cuda.reset_peak_memory_stats(device)
        fn()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    with _StorageWatch() as watch:
        fn()
    return watch.peak


def tensor_bytes(value: Any) -> int:
    """Bytes of all tensors in nested containers; a storage that several of them share counts once."""
    return sum({storage._cdata: storage.nbytes() for storage in _storages(value)}.values())


_PARTS = {torch.sparse_coo: ('_indices', '_values'), torch.sparse_csr: ('crow_indices', 'col_indices', 'values'),
          torch.sparse_csc: ('ccol_indices', 'row_indices', 'values')}


class _StorageWatch(TorchDispatchMode):
    """Follows the storages of the outputs of all operators until they are freed."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(self, func: Callable, types: Sequence[type], args: tuple = (),
                           kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = dict(kwargs or {})
        self._enter((args, kwargs), counts=False)  # what came from outside is known before it is seen again
        output = func(*args, **kwargs)
        self._enter(output, counts=True)
        self.peak = max(self.peak, self.live)
        return output

    def _enter(self, value: Any, counts: bool) -> None:
        for storage in _storages(value):
            if storage._cdata not in self._known:
                self._known[storage._cdata] = storage.nbytes() if counts else 0
                self.live += self._known[storage._cdata]
                weakref.finalize(storage, self._leave, storage._cdata).atexit = False

    def _leave(self, key: int) -> None:
        self.live -= self._known.pop(key, 0)


def _storages(value: Any) -> Iterator[torch.UntypedStorage]:
    """Storages of all tensors in nested containers; a sparse tensor has one for each of its parts."""
    for leaf in tree_leaves(value):
        if isinstance(leaf, Tensor):
            for name in _PARTS.get(leaf.layout, ()):
                yield getattr(leaf, name)().untyped_storage()
            if leaf.layout == torch.strided:
                yield leaf.untyped_storage()
