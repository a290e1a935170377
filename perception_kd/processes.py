"""Work shared out to processes that end with their parent and leave Ctrl-C to it."""

from __future__ import annotations

import gc
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any

_THREAD_LIMITS = ('OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS')


def run_unordered(work: Callable[[Any], Any], items: Iterable[Any], *, workers: int,
                  method: str = 'spawn') -> Iterator[Any]:
    """Results of ``work(item)`` as they come.

    Args:
        work: A function of a module, which the processes can import.
        items: Its arguments.
        workers: Processes; with 1 the work is done in this one.
        method: ``spawn`` or ``fork`` (where the processes need the memory of this one).

    Raises:
        ChildProcessError: a process was killed from outside.
        Exception: whatever ``work`` raises; what has not begun is then left undone.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context(method)
    deaf = signal.getsignal(signal.SIGINT) == signal.SIG_IGN  # a background job of a script, which Ctrl-C spares
    with ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(deaf,)) as pool:
        try:
            with ctrl_c_ignored():
                futures = [pool.submit(work, item) for item in items]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise ChildProcessError('a worker process was killed from outside (did the memory run out?); '
                                    'fewer --workers need less') from None
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


@contextmanager
def collection_paused() -> Iterator[None]:
    """No search for cyclic garbage inside, also in processes forked there: for work on many objects without cycles."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def single_threaded() -> Iterator[None]:
    """Worker processes that start in here inherit these limits; the processes themselves fill the machine."""
    before = {name: os.environ.get(name) for name in _THREAD_LIMITS}
    os.environ.update(dict.fromkeys(_THREAD_LIMITS, '1'))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def ctrl_c_ignored() -> Iterator[None]:
    """Nothing in here is interrupted; processes that start in here ignore Ctrl-C until :func:`_begin_worker`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _begin_worker(deaf: bool) -> None:
    # Ctrl-C reaches the whole group: a worker just ends, without a traceback of its own.
    signal.signal(signal.SIGINT, signal.SIG_IGN if deaf else signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """A parent that was killed cannot end its workers, and they would wait for work for ever."""
    multiprocessing.connection.wait([sentinel])
    os._exit(1)
