"""Do two footprints touch? Oriented rectangles over time, by separating axes."""

import numpy as np


def touches(pose: np.ndarray, half: np.ndarray, poses: np.ndarray, halves: np.ndarray) -> bool:
    """Whether one moving rectangle meets any of many.

    Args:
        pose: (T, 3) x, y, yaw of the rectangle at T instants.
        half: (2,) half length and half width in m.
        poses: (N, T, 3) of the others at the same instants.
        halves: (N, 2).
    """
    gap = poses[..., :2] - pose[None, :, :2]
    near = (np.hypot(gap[..., 0], gap[..., 1]) <= np.hypot(*half) + np.hypot(*halves.T)[:, None]).any(1)
    if not near.any():
        return False
    poses, halves, gap = poses[near], halves[near], gap[near]
    mine, theirs = _axes(pose)[None], _axes(poses)
    apart = np.zeros(gap.shape[:2], bool)
    for axes in (np.broadcast_to(mine, theirs.shape), theirs):
        reach = _reach(mine, half[None, None], axes) + _reach(theirs, halves[:, None], axes)
        apart |= (np.abs(np.einsum('ntk,ntak->nta', gap, axes)) > reach).any(-1)
    return not apart.all()


def _axes(pose: np.ndarray) -> np.ndarray:
    """(..., 2, 2): unit vectors along length and width."""
    cos, sin = np.cos(pose[..., 2]), np.sin(pose[..., 2])
    return np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)


def _reach(axes: np.ndarray, half: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Half extent of rectangles along each axis of ``onto`` (..., 2)."""
    return (np.abs(np.einsum('...bk,...ak->...ab', axes, onto)) * half[..., None, :]).sum(-1)
