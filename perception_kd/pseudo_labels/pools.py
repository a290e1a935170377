"""Who does the work of a queue: this process, or workers elsewhere."""

from __future__ import annotations

import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from perception_kd.cli import USER_ERRORS, one_line
from perception_kd.files import DiskFullError

Work = Callable[[str, Any], Mapping[str, Any]]
"""Key and item -> what is to be kept of it, as JSON has it."""


@dataclass(frozen=True)
class Answer:
    """What came of one attempt.

    Attributes:
        key: Of the item.
        row: What the work gave; None where it failed.
        error: What went wrong, in a line.
        seconds: It took.
        hopeless: The other items would fail alike, since the disk is full.
    """

    key: str
    row: dict[str, Any] | None = None
    error: str = ''
    seconds: float = 0.0
    hopeless: bool = False


class Pool(Protocol):
    """Workers that each do one item at a time."""

    def idle(self) -> bool:
        """Whether a worker waits for an item."""

    def submit(self, key: str, item: Any) -> None:
        """Give an item to a worker that waits."""

    def next_answer(self) -> Answer:
        """Wait for the next one to be done."""

    def close(self) -> None:
        """End all workers, whatever they do."""


def attempt(work: Work, key: str, item: Any) -> Answer:
    """Do one item; an error is an answer, too."""
    begin = time.perf_counter()
    try:
        row = dict(work(key, item))
    except Exception as error:
        return Answer(key, error=told(error), seconds=time.perf_counter() - begin,
                      hopeless=isinstance(error, DiskFullError))
    return Answer(key, row, seconds=time.perf_counter() - begin)


def told(error: Exception) -> str:
    """An error in a line; of one that is nobody's input also the place where it was raised."""
    if isinstance(error, USER_ERRORS):
        return one_line(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f'{type(error).__name__}: {one_line(error)} ({last.filename}:{last.lineno}, {last.name})'


class ThisProcess:
    """A pool of one worker, which is this process.

    Args:
        make_worker: Makes the work.
    """

    def __init__(self, make_worker: Callable[[], Work]) -> None:
        self.work = make_worker()
        self.waiting: deque[tuple[str, Any]] = deque()

    def idle(self) -> bool:
        """See :class:`Pool`."""
        return not self.waiting

    def submit(self, key: str, item: Any) -> None:
        """See :class:`Pool`."""
        self.waiting.append((key, item))

    def next_answer(self) -> Answer:
        """See :class:`Pool`."""
        return attempt(self.work, *self.waiting.popleft())

    def close(self) -> None:
        """See :class:`Pool`."""
        self.waiting.clear()
