"""Faults in data that a run survives: the first are named, all are counted, too many stop the run."""

from __future__ import annotations

import logging

from mmengine.logging import print_log


class FaultLog:
    """Takes account of one kind of fault in one process; a loader's workers each keep their own.

    Args:
        what: What is counted, in the plural.
        most: With more of them the run stops; None: never.
        named: How many are named in the log.
    """

    def __init__(self, *, what: str, most: int | None = None, named: int = 10) -> None:
        self.what, self.most, self.named = what, most, named
        self.names: set[str] = set()

    def add(self, name: str, message: str) -> None:
        """Note a fault once for each ``name``.

        Raises:
            ValueError: there are too many now.
        """
        if name in self.names:
            return
        self.names.add(name)
        count = len(self.names)
        if self.most is not None and count > self.most:
            raise ValueError(f'{message}; these are {count} {self.what}, and at most {self.most} may be')
        if count <= self.named:
            more = '; further ones will not be named' if count == self.named else ''
            print_log(f'{message} ({self.what} so far: {count}{more})', logger='current', level=logging.WARNING)
