"""Boxes as left, top, width, height: how much two have in common."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]


def overlaps(found: Floats, truth: Floats, ignored: Mask | None = None) -> Floats:
    """Intersection over union ``(D, G)``, as pycocotools has it.

    Args:
        found: ``(D, 4)`` left, top, width, height.
        truth: ``(G, 4)``.
        ignored: ``(G,)`` regions: the intersection counts over the found box alone, for one that lies inside of a
            region is of it, however large that is.

    Boxes without area have 0.
    """
    left = np.maximum(found[:, None, :2], truth[None, :, :2])
    right = np.minimum((found[:, :2] + found[:, 2:])[:, None], (truth[:, :2] + truth[:, 2:])[None])
    common = np.clip(right - left, 0, None).prod(axis=2)
    mine, theirs = found[:, 2:].prod(axis=1)[:, None], truth[:, 2:].prod(axis=1)[None]
    whole = mine + theirs - common
    if ignored is not None:
        whole = np.where(ignored[None], mine, whole)
    return np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)


def wasserstein(found: Floats, truth: Floats, constant: float) -> Floats:
    """Likeness ``(D, G)`` in (0, 1] of boxes taken as Gaussians: ``exp(-W / constant)``.

    ``W²`` is the squared distance of the vectors of centre and half size (Wang et al., "A Normalized Gaussian
    Wasserstein Distance for Tiny Object Detection", 2021). Unlike IoU it does not drop to 0 where tiny boxes miss by
    some pixels.

    Args:
        found: ``(D, 4)`` left, top, width, height.
        truth: ``(G, 4)``.
        constant: px; the mean side of the targets.
    """
    mine, theirs = (np.concatenate([one[:, :2] + one[:, 2:] / 2, one[:, 2:] / 2], axis=1) for one in (found, truth))
    return np.exp(-np.linalg.norm(mine[:, None] - theirs[None], axis=2) / constant)
