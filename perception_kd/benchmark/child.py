"""Time and memory of work in a fresh process, with all processes that it starts."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple


class Measured(NamedTuple):
    """Seconds of the work alone, and the most bytes that its processes held; pages that they share count once."""

    seconds: float
    peak_bytes: int


def run_in_child(work: Callable[..., None], *args: Any, every: float = 0.25) -> Measured:
    """Run ``work(*args)`` in a fresh process (Linux).

    Args:
        work: A function of a module; what it imports at its head is not timed.
        args: Plain data.
        every: Time between looks at the memory, in s.

    Raises:
        ChildProcessError: the work failed.
    """
    context = multiprocessing.get_context('spawn')
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_timed, args=(there, work, args))
    process.start()
    there.close()
    peak = 0
    while process.is_alive() and not here.poll(every):
        peak = max(peak, sum(map(_memory, _family(process.pid))))
    try:
        seconds = here.recv()
    except EOFError:  # it ended without a word
        process.join()
        raise ChildProcessError(f'{work.__name__} failed in its process (status {process.exitcode}); see '
                                'above') from None
    process.join()
    return Measured(seconds, peak)


def _timed(connection: Connection, work: Callable[..., None], args: tuple[Any, ...]) -> None:
    start = time.perf_counter()
    work(*args)
    connection.send(time.perf_counter() - start)


def _family(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        try:
            threads = list(Path(f'/proc/{one}/task').iterdir())
            found += [int(child) for thread in threads for child in (thread / 'children').read_text().split()]
        except OSError:  # it has ended
            continue
    return found


def _memory(pid: int) -> int:
    """Bytes in memory, shared pages divided by who share them; 0 for a process that has ended."""
    try:
        lines = Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith('Pss:')), 0)
