"""The end of a process that is one of a job."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import Any, NoReturn


def leave(status: int = 0) -> NoReturn:
    """Leave the process with this exit status; one of a gloo job does so without taking torch apart.

    Threads of a gloo group still touch Python objects while the interpreter is taken down, which then aborts
    ("terminate called without an active exception") or waits for ever (both seen with torch 2.13). So the processes
    wait for each other, do what was to be done at exit, write out what they hold, and are gone.
    """
    distributed: Any = sys.modules.get('torch.distributed')  # a tool without torch does not load it for this
    if distributed is None or not distributed.is_available() or not distributed.is_initialized():
        sys.exit(status)
    if distributed.get_backend() != 'gloo':
        distributed.destroy_process_group()
        sys.exit(status)
    if status == 0:
        _wait_for_the_others(distributed)
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


def _wait_for_the_others(distributed: Any) -> None:
    """The first process may keep the store through which the others still meet."""
    try:
        distributed.barrier()
    except RuntimeError as error:  # another one failed and is gone: it has said why
        print(f'another process of this job is gone: {" ".join(str(error).split())[:120]}', file=sys.stderr)
