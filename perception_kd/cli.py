"""What all command lines share: one clear line on bad input instead of a traceback."""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

from .leaving import leave

# OpenMP threads spin while they wait, and on a busy machine they spin away the time of the one they wait for
# (measured: a training step of 5.1 s instead of 1.3 s). Read when torch loads, so it is set before.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')

TRACEBACK_VARIABLE = 'PKD_TRACEBACK'
USER_ERRORS = (ValueError, OSError, KeyError, ImportError, NotImplementedError)


def one_line(error: BaseException) -> str:
    """The message of an error on one line; a KeyError's quotes are taken off, a file comes before its trouble."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if isinstance(error, OSError) and error.strerror and error.filename:
        text = f'{error.filename}: {error.strerror}'
    if text.startswith('Caught ') and 'Traceback' in text:  # torch: the whole traceback of a loader worker
        text = re.split(r'^(?:[\w.]+\.)?\w+(?:Error|Exception): ', text, flags=re.MULTILINE)[-1]
    return ' '.join(text.split()) or type(error).__name__


def run_tool(main: Callable[[], int | None]) -> None:
    """Run a tool's ``main`` and leave the process: its status, 1 with one line on bad input, 130 on Ctrl-C.

    Set ``PKD_TRACEBACK=1`` to see the whole traceback.
    """
    try:
        logging.raiseExceptions = False  # a log file that takes no more is no reason for pages of tracebacks
        status = main() or 0
    except USER_ERRORS as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        print(f'error: {one_line(error)}', file=sys.stderr)
        status = 1
    except KeyboardInterrupt:
        print('interrupted; run the same command again to go on', file=sys.stderr)
        status = 130
    leave(status)


def parser_of(doc: str, commands: Iterable[Any], word: str) -> argparse.ArgumentParser:
    """A parser with sub-commands, whose namespaces have ``run``, which gives the exit status.

    Args:
        doc: The tool's description.
        commands: Modules with ``add(parsers)``.
        word: What a sub-command is called.
    """
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parsers: Any = parser.add_subparsers(dest=word, required=True, metavar=word.upper())
    for command in commands:
        command.add(parsers)
    return parser
