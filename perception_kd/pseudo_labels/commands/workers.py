"""Options that all kinds of labels have: who works, and what becomes of items that fail."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perception_kd.pseudo_labels.queue import Summary, Workers

_SHOWN = 5  # failed items


def add_work(parser: argparse.ArgumentParser) -> None:
    """``--out``, the device, and the queue's."""
    parser.add_argument('--out', type=Path, required=True, help='folder to write; an interrupted run goes on there')
    parser.add_argument('--device', default='cpu', help='cpu or cuda, of each worker')
    group = parser.add_argument_group('workers')
    group.add_argument('--workers', type=int, default=1, metavar='N',
                       help='processes by Ray (pip install "perception_kd[pseudo]"); 1, the default: this process, '
                       'without Ray')
    group.add_argument('--address', metavar='HOST:PORT',
                       help='of a running Ray cluster, or auto; its machines see the same files by the same names. '
                       'Without it Ray stays on this machine')
    group.add_argument('--gpus-per-worker', type=float, metavar='G',
                       help='0.5: two share one (default: 1 with --device cuda, else 0)')
    group.add_argument('--retries', type=int, default=2, metavar='N',
                       help='further attempts of an item that fails (default: 2)')


def chosen_workers(args: argparse.Namespace) -> Workers:
    """What :func:`add_work` asked for.

    Raises:
        ValueError: Numbers out of range.
    """
    from perception_kd.pseudo_labels.queue import Workers

    gpus = args.gpus_per_worker
    return Workers(args.workers, args.address, float(args.device != 'cpu') if gpus is None else gpus)


def tell_failures(summary: Summary, journal: Path, what: str) -> int:
    """Name what failed for good.

    Returns:
        Exit status: 1 if there is any.
    """
    for key, error in list(summary.failed.items())[:_SHOWN]:
        print(f'failed: {key}: {error}')
    if summary.failed:
        print(f'{len(summary.failed)} of {len(summary.failed) + len(summary.rows)} {what} failed in every attempt; all '
              f'are named in {journal}; the same command tries them again')
    return int(bool(summary.failed))
