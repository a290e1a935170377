"""Work whose traces can be counted, and a driver for it; nothing large is imported."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class MakeTracing:
    """Work that leaves a file for each attempt, and gives the square.

    Items are numbers; 'fails' never works, 'second' works in its second attempt, 'dies' takes its process with it once.

    Args:
        folder: Of the traces.
        seconds: Of each item.
    """

    folder: Path
    seconds: float = 0.0

    def __call__(self) -> Tracing:
        if not self.folder.is_dir():
            raise FileNotFoundError(f'{self.folder}: no folder for traces')
        return Tracing(self)


class Tracing:
    def __init__(self, settings: MakeTracing) -> None:
        self.settings = settings

    def __call__(self, key: str, item: Any) -> Mapping[str, Any]:
        attempt = len(attempts(self.settings.folder, key))
        (self.settings.folder / f'{key}.{attempt}').write_text(str(os.getpid()))
        time.sleep(self.settings.seconds)
        if item == 'fails' or (item == 'second' and attempt == 0):
            raise ValueError(f'{key} cannot be done')
        if item == 'dies' and attempt == 0:
            os._exit(9)
        return dict(square=item ** 2 if isinstance(item, int) else -1, pid=os.getpid())


def attempts(folder: Path, key: str) -> list[Path]:
    """Traces of one item."""
    return list(folder.glob(f'{key}.*'))


def numbers(count: int) -> dict[str, Any]:
    """Items by key."""
    return {f'n{number:03d}': number for number in range(count)}


if __name__ == '__main__':  # FOLDER COUNT SECONDS [KEY=ITEM...]: two workers
    from perception_kd.pseudo_labels.queue import run

    folder, count, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    more = dict(word.split('=') for word in sys.argv[4:])
    summary = run(numbers(count) | more, MakeTracing(folder, seconds), journal=folder / 'journal.jsonl', stamp={},
                  workers=2)
    print(json.dumps(dict(rows=summary.rows, failed=summary.failed, earlier=summary.earlier)))
