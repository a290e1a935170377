"""Fog and snow for LiDARs: light is lost on its way, and comes back from where nothing is.

A simple model after Hahner et al. (ICCV 2021) and Rasshofer et al. (2011). The air takes ``1 - exp(-2 a r)`` of the
light on the way to a target at range r and back, ``a`` being its extinction (1/m; visibility is ``ln(20) / a``). A
target is seen while what comes back, ``intensity * exp(-2 a r) / r^2``, reaches what one of intensity 1 returns from
``CLEAR_RANGE`` in clear air.
"""

from __future__ import annotations

import numpy as np

from perception_kd.faults.base import Draw, Fault, check_positive
from perception_kd.faults.lidar_points import INTENSITY, move_along
from perception_kd.registry import FAULTS

CLEAR_RANGE = 100.0
"""Metres."""
_NEAREST = 1.5  # light from nearer does not come back: sender and receiver do not overlap yet
_FAINT = 5.0  # largest intensity of what comes back from fog and flakes


@FAULTS.register_module()
class LidarFog(Fault):
    """Far and dark targets vanish, the others are dimmer; some beams that lost theirs return from the near fog instead.

    The fog's own return comes from range s with a density as ``1 / s^2``, for the beams that would meet fog of this
    extinction on their first ``near`` metres.

    Args:
        extinction: In 1/m; 0.02, 0.06 and 0.15 are visibilities of 150, 50 and 20 m.
        near: See above (m).
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(extinction=0.02), 'moderate': dict(extinction=0.06), 'hard': dict(extinction=0.15)}

    def __init__(self, *, extinction: float, near: float = 10.0) -> None:
        check_positive('LidarFog', extinction=extinction, near=near)
        self.extinction, self.near = extinction, near

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5) -> fewer, some of them in the fog."""
        reach = np.linalg.norm(data[:, :3], axis=1)
        seen = attenuate(data, reach, self.extinction)
        chance, place, strength = draw.here.random((3, len(data)), np.float32)
        fog = ~seen & (reach > _NEAREST) & (chance < 1 - np.exp(-2 * self.extinction * self.near))
        move_along(data, fog, 1 / (1 / _NEAREST - place[fog] * (1 / _NEAREST - 1 / reach[fog])))
        data[fog, INTENSITY] = strength[fog] * _FAINT
        return data[seen | fog]


@FAULTS.register_module()
class LidarSnow(Fault):
    """Flakes in front of targets: a beam ends at the first one it meets within ``near``, else it gets through dimmed.

    Args:
        rate: How many flakes a beam meets in a metre; as far as dimming goes, the extinction (1/m).
        near: Farther flakes are too faint to be seen (m).
    """

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(rate=0.005), 'moderate': dict(rate=0.015), 'hard': dict(rate=0.04)}

    def __init__(self, *, rate: float, near: float = 20.0) -> None:
        check_positive('LidarSnow', rate=rate, near=near)
        self.rate, self.near = rate, near

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Points (N, 5) -> fewer, some of them flakes."""
        reach = np.linalg.norm(data[:, :3], axis=1)
        first = draw.here.standard_exponential(len(data), np.float32) / max(self.rate, 1e-9)
        strength = draw.here.random(len(data), np.float32)
        flake = (first > _NEAREST) & (first < np.minimum(reach, self.near))
        seen = attenuate(data, reach, self.rate)
        move_along(data, flake, first[flake])
        data[flake, INTENSITY] = strength[flake] * _FAINT
        return data[seen | flake]


def attenuate(points: np.ndarray, reach: np.ndarray, extinction: float) -> np.ndarray:
    """Dim the points (N, 5) in place; returns (N,) which are still seen.

    A point of the recording was seen in clear air, however dark: without extinction all are kept.
    """
    left = np.exp(-2 * extinction * reach)
    power = np.maximum(points[:, INTENSITY], 1.0) * left
    seen = power * CLEAR_RANGE ** 2 >= np.minimum(reach, CLEAR_RANGE) ** 2
    points[:, INTENSITY] *= left
    return seen
