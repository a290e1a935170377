"""Work of which a log should not tell."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.logging import MMLogger


@contextmanager
def quiet_log(logger: logging.Logger | None = None, *, least: int = logging.WARNING) -> Iterator[None]:
    """Inside of the block only what is as serious as ``least``, in ``logger``; None: in mmengine's current one."""
    logger = MMLogger.get_current_instance() if logger is None else logger
    level = logger.level
    logger.setLevel(least)
    try:
        yield
    finally:
        logger.setLevel(level)
