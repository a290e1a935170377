"""The radar's own velocity from one scan: what most returns agree on if they rest.

After Kellner et al., "Instantaneous ego-motion estimation using Doppler radar", ITSC 2013: a resting target in the
direction d (unit vector) has the radial speed -d.v, where v is the sensor's velocity; targets that move are outliers.
"""

from __future__ import annotations

import numpy as np

TOLERANCE = 0.3
"""Radial speeds this near to a resting target's (m/s) count as resting."""

LEAST_RETURNS, LEAST_SHARE = 10, 0.3
_DRAWS = 64


def estimate_ego_velocity(directions: np.ndarray, speeds: np.ndarray) -> np.ndarray | None:
    """Velocity (2: x and y in the radar frame, m/s) of a radar that moves level.

    Args:
        directions: (N, 3) unit vectors to the returns, radar frame.
        speeds: (N,) measured radial speeds, away from the sensor positive, m/s.

    Returns:
        None where fewer than ``LEAST_RETURNS`` returns, or less than ``LEAST_SHARE`` of them, agree.
    """
    flat = -directions[:, :2]
    if len(flat) < LEAST_RETURNS:
        return None
    rng = np.random.default_rng(0)  # the same for every scan: a conversion is repeatable
    pairs = rng.integers(0, len(flat), (_DRAWS, 2))
    systems, wanted = flat[pairs], speeds[pairs]
    solvable = np.abs(np.linalg.det(systems)) > 1e-3
    if not solvable.any():
        return None
    candidates = np.linalg.solve(systems[solvable], wanted[solvable][..., None])[..., 0]
    resting = np.abs(flat @ candidates.T - speeds[:, None]) < TOLERANCE  # (N, candidates)
    best = resting[:, resting.sum(axis=0).argmax()]
    if best.sum() < max(LEAST_RETURNS, LEAST_SHARE * len(flat)):
        return None
    return np.linalg.lstsq(flat[best], speeds[best], rcond=None)[0]
