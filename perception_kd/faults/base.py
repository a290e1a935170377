"""What a fault of a sensor is, and where its random numbers come from.

A fault acts as if the recording itself were faulty: it edits a frame's infos before anything is read, or changes what
has just been read from a file, before any filter or augmentation. All that it draws comes from generators seeded by
what it is drawn for (:class:`Draw`), so that models with other cameras, sweeps, orders or workers meet the same faults.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from perception_kd.registry import FAULTS

LEVELS = ('easy', 'moderate', 'hard')
"""Severities, as RoboBEV names them."""

RIG = {
    'camera': ('CAM_FRONT', 'CAM_FRONT_RIGHT', 'CAM_BACK_RIGHT', 'CAM_BACK', 'CAM_BACK_LEFT', 'CAM_FRONT_LEFT'),
    'radar': ('RADAR_FRONT', 'RADAR_FRONT_LEFT', 'RADAR_FRONT_RIGHT', 'RADAR_BACK_LEFT', 'RADAR_BACK_RIGHT'),
}
"""Sensors of nuScenes. Which of them fail is drawn among all, whatever a model uses."""


class Draw:
    """Random numbers of one fault for one measurement of one sensor.

    Severity takes no part, so that what a milder fault hits, a harder one of the same kind hits too; points that stand
    nowhere in the file (``RadarClutter``) are others.

    Args:
        key: Seed, and the fault's name.
        scene: Token of the scene.
        channel: Of the sensor.
        file: Of the measurement; its folder does not count.
        info: Its infos: ``lidar_points`` of the sweep, a camera's, a radar's.
    """

    def __init__(self, key: Sequence[Any], scene: str, channel: str, file: str = '',
                 info: Mapping[str, Any] | None = None) -> None:
        self._key, self._scene, self.channel, self.info = tuple(key), scene, channel, info or {}
        self._file = Path(file).name

    @cached_property
    def here(self) -> np.random.Generator:
        """For this measurement alone."""
        return generator(*self._key, 'file', self.channel, self._file)

    @cached_property
    def lasting(self) -> np.random.Generator:
        """The same for all measurements of this sensor in the scene."""
        return generator(*self._key, 'scene', self._scene, self.channel)


Draws = Callable[..., Draw]
"""``draws(channel, file='', info=None)`` gives the :class:`Draw` of a measurement."""


class Fault:
    """Base of all faults; each overrides what it needs.

    Subclasses take real values as keyword-only arguments. ``LEVELS_OF`` gives those of the severities, for
    ``dict(type='Fog', severity='hard')``.
    """

    sensor: ClassVar[str]
    """``camera``, ``radar`` or ``lidar``."""
    LEVELS_OF: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    earlier_frames: int = 0
    """How many key frames back it has to look (``earlier_frames`` of the data set)."""

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Change a frame's infos in place: ``images``, ``lidar_points``, ``lidar_sweeps``, ``radar_points``."""

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Change what was read from a file; may be in place.

        Args:
            data: Camera: picture (H, W, 3) uint8, BGR, as stored. Radar: points (N, 18), columns ``RADAR_FIELDS``, in
                the radar's frame. LiDAR: points (N, 5), columns ``LIDAR_FIELDS``, in the LiDAR's frame.
            draw: Where random numbers come from.
        """
        return data

    @classmethod
    def acts_on_data(cls) -> bool:
        """Whether it changes what is read."""
        return cls.change is not Fault.change


class ShareFault(Fault):
    """Base of faults whose whole setting is the chance of a point or sweep to be lost.

    Args:
        share: The chance of each.
    """

    def __init__(self, *, share: float) -> None:
        check_share(type(self).__name__, share=share)
        self.share = share


def generator(*key: Any) -> np.random.Generator:
    """A generator that depends on what its key prints, and on nothing else."""
    text = '\x1f'.join(map(str, key)).encode()
    return np.random.default_rng(int.from_bytes(hashlib.blake2b(text, digest_size=16).digest(), 'little'))


def build_fault(cfg: Mapping[str, Any] | Fault) -> Fault:
    """From a config: ``dict(type='Fog', thickness=2.0, smoothness=2.0)`` or ``dict(type='Fog', severity='easy')``.

    Other arguments beside ``severity`` override those of the severity.

    Raises:
        ValueError: No such fault, severity or argument.
    """
    if isinstance(cfg, Fault):
        return cfg
    given = dict(cfg)
    name, level = given.pop('type', None), given.pop('severity', None)
    kind = FAULTS.get(name) if isinstance(name, str) else name
    if kind is None:
        raise ValueError(f'no fault {name!r}; there are {", ".join(sorted(FAULTS.module_dict))}')
    if level is not None and level not in kind.LEVELS_OF:
        raise ValueError(f'{name} has severities {", ".join(kind.LEVELS_OF) or "none"}, got {level!r}')
    try:
        return kind(**{**kind.LEVELS_OF.get(level, {}), **given})
    except TypeError as error:
        raise ValueError(f'fault {name}: {error}') from None


def failing(there: Iterable[str], count: int | None, sensor: str, draw: Draw) -> list[str]:
    """Which of the sensors that a frame has fail.

    Drawn among the whole rig of nuScenes: a model with fewer sensors loses those of them that fail for every other
    model. On another rig, among its own.

    Args:
        there: Channels of the frame.
        count: How many of the rig fail; None: all.
        sensor: ``camera`` or ``radar``.
        draw: For the scene; its ``lasting`` draws decide.
    """
    there = list(there)
    rig = RIG[sensor] if set(there) <= set(RIG[sensor]) else sorted(there)
    order = [rig[place] for place in draw.lasting.permutation(len(rig))]
    hit = set(order[:count])
    return [channel for channel in there if channel in hit]


def check_share(name: str, **shares: float) -> None:
    """See that numbers are in 0..1.

    Raises:
        ValueError: one is not.
    """
    for key, share in shares.items():
        if not 0 <= share <= 1:
            raise ValueError(f'{name}: {key} must be in [0, 1], got {share}')


def check_positive(name: str, **numbers: float) -> None:
    """See that numbers are not negative.

    Raises:
        ValueError: one is.
    """
    for key, number in numbers.items():
        if not number >= 0:
            raise ValueError(f'{name}: {key} must not be negative, got {number}')
