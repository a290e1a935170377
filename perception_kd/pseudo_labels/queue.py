"""A list of items worked off by one or many workers, which can be killed at any time and goes on where it was.

    summary = run({'a': '/pictures/a.png', 'b': '/pictures/b.png'}, MakeWorker(checkpoint), journal=out / JOURNAL,
                  stamp=dict(checkpoint=fingerprint(checkpoint)), workers=2)
    for key, row in summary.rows.items(): ...

An item's work writes its files atomically (``perception_kd.files``), under names that follow from the key alone, and
then gives its row. A kill between the two leaves files that the next run writes again, alike; what is in the journal is
finished and never done again. So nothing is lost and nothing is there twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.pseudo_labels.journal import Journal
from perception_kd.pseudo_labels.pools import Answer, Pool, ThisProcess, Work

JOURNAL = 'journal.jsonl'
"""Usual name of the file, in the folder of the results."""
MakeWorker = Callable[[], Work]
Progress = Callable[[Iterable[str], str, int], Iterable[str]]


@dataclass(frozen=True)
class Summary:
    """What a run leaves.

    Attributes:
        rows: By key, in the order of the items: of all that are finished, now or earlier.
        failed: Why, by key: items that failed in every attempt of this run.
        earlier: How many items were finished before this run began.
    """

    rows: dict[str, dict[str, Any]]
    failed: dict[str, str]
    earlier: int


@dataclass(frozen=True)
class Workers:
    """Who does the work.

    Args:
        count: 0 and 1: this process, without Ray; more: so many processes, by Ray.
        address: Of a running Ray cluster (``auto``, ``host:6379``), whose machines see the same files and have the
            same packages; None: this machine alone, over which no network goes.
        gpus: Of each worker; 0.5 lets two share one.

    Raises:
        ValueError: Numbers out of range.
    """

    count: int = 1
    address: str | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.count < 0 or self.gpus < 0:
            raise ValueError(f'--workers and --gpus-per-worker are 0 or more, got {self.count} and {self.gpus:g}')

    def pool(self, make_worker: MakeWorker, items: int) -> Pool:
        """Workers that are ready, no more than there are items.

        Raises:
            ImportError: More than one worker, and no Ray.
            Exception: What ``make_worker`` raises.
        """
        if self.count <= 1 and self.address is None:
            return ThisProcess(make_worker)
        from perception_kd.pseudo_labels.ray_pool import RayPool

        return RayPool(make_worker, max(1, min(self.count, items)), address=self.address, gpus=self.gpus)


def run(items: Mapping[str, Any], make_worker: MakeWorker, *, journal: str | Path, stamp: Mapping[str, Any],
        workers: Workers | int = 1, retries: int = 2, kept: Callable[[str, Mapping[str, Any]], bool] | None = None,
        progress: Progress | None = None) -> Summary:
    """Do all items that the journal does not have.

    Items that failed in an earlier run are tried again.

    Args:
        items: By a key that names one for ever, such as its file's name; what the work needs to know of it, which is
            pickled where Ray does the work.
        make_worker: Called once in every worker, gives the work: ``work(key, item) -> row`` with what JSON can hold.
            An instance of a module's class, so that it can be pickled. Its errors end the run.
        journal: File, see :class:`Journal`.
        stamp: Settings and fingerprints of files on which the results depend: a journal of others is refused.
        workers: See :class:`Workers`, or their number.
        retries: So many more attempts an item gets that fails, or whose worker dies, after all others had their turn.
        kept: Whether the files of a finished item are still there (by key and row); it is done again where not.
        progress: As ``perception_kd.inference.rates.show_progress``: gives its first argument on while it tells of it.

    Raises:
        ValueError, BlockingIOError: As :class:`Journal`; no items; ``retries`` below 0.
        OSError: The disk is full.
    """
    if not items or retries < 0:
        raise ValueError(f'{len(items)} items, {retries} retries: there must be something to do, and retries are 0 or '
                         'more')
    with Journal(journal, stamp) as book:
        there = {key for key in items if key in book.rows and (kept is None or kept(key, book.rows[key]))}
        due = {key: item for key, item in items.items() if key not in there}
        failed: dict[str, str] = {}
        if due:
            chosen = workers if isinstance(workers, Workers) else Workers(workers)
            pool = chosen.pool(make_worker, len(due))
            try:
                ended = _work_off(due, pool, book, retries, failed)
                for _ in progress(ended, 'labelling', len(due)) if progress else ended:
                    pass
            finally:
                pool.close()
        rows = {key: book.rows[key] for key in items if key in book.rows and key not in failed}
        return Summary(rows, failed, len(there))


def _work_off(due: Mapping[str, Any], pool: Pool, book: Journal, retries: int, failed: dict[str, str]) -> Iterator[str]:
    """Yield the keys as they end."""
    waiting, attempts, busy = deque(due), dict.fromkeys(due, 0), 0
    while waiting or busy:
        while waiting and pool.idle():
            key = waiting.popleft()
            attempts[key] += 1
            busy += 1
            pool.submit(key, due[key])
        answer = pool.next_answer()
        busy -= 1
        if answer.row is None and not answer.hopeless and attempts[answer.key] <= retries:
            waiting.append(answer.key)
            continue
        _note(answer, attempts[answer.key], book, failed)
        yield answer.key


def _note(answer: Answer, attempts: int, book: Journal, failed: dict[str, str]) -> None:
    if answer.hopeless:
        raise OSError(answer.error)
    if answer.row is not None:
        book.done(answer.key, answer.row, attempts=attempts, seconds=answer.seconds)
    else:
        failed[answer.key] = answer.error
        book.failed(answer.key, answer.error, attempts=attempts)
