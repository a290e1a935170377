"""Points that are no numbers are left out before anything is computed from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from perception_kd.datasets.faults import FaultLog

FAULTS = FaultLog(what='files with such points')


def finite_points(points: np.ndarray, path: str, columns: Sequence[int] | None = None) -> np.ndarray:
    """Points (N, C) without the rows that hold NaN or infinity; names the file once in the log.

    Args:
        points: As read from ``path``.
        path: For the message.
        columns: Those that count; default all.
    """
    looked_at = points if columns is None else points[:, columns]
    good = np.isfinite(looked_at).all(axis=1)
    if good.all():
        return points
    bad = len(points) - np.count_nonzero(good)
    FAULTS.add(path, f'{path}: {bad} of {len(points)} points hold NaN or infinity and are left out')
    return points[good]
