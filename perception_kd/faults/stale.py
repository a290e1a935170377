"""Sensors that deliver late and do not say so.

At each time that a sensor is asked, it gives what it saw some time before, and that is taken for what it sees now: the
file is old, while its time stamp, and with it the pose of the car that is believed, are those of now. Things that move
over ground, and everything as seen from a moving car, are then where they were. Doppler in an old file was compensated
with the motion that the car had.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from perception_kd.faults.base import Draws, Fault, check_positive, failing
from perception_kd.registry import FAULTS

_KEY_FRAME_SECONDS = 0.5  # of nuScenes
_NEAR = 0.06  # s; a sweep that is younger by no more than this will do (half a period is 0.04 for radars)

Old = tuple[float, dict[str, Any]]
"""Time (s) of a measurement and its infos."""


class Stale(Fault):
    """Base: measurements ``delay`` late.

    Args:
        delay: In s. Of the measurements before now, the nearest to that time is taken. It may lie before the sweeps of
            the infos: ``earlier_frames`` of the data set (which ``with_faults`` sets) reaches farther back.
        sensors: How many of the rig's are late; None: all.
    """

    def __init__(self, *, delay: float, sensors: int | None = None) -> None:
        check_positive(type(self).__name__, delay=delay)
        self.delay, self.sensors = delay, sensors
        self.earlier_frames = math.ceil(delay / _KEY_FRAME_SECONDS)

    def delivered(self, believed: Sequence[Old], known: Sequence[Old]) -> list[dict[str, Any]]:
        """Infos of what arrives in the place of each measurement.

        The first always arrives, be it too young because none is as old; at the first later one for which none is old
        enough, as at the beginning of a scene, the list ends.

        Args:
            believed: Newest first.
            known: All there are, in any order.
        """
        found = []
        for time, _ in believed:
            wanted = time - self.delay
            older = [old for old in known if old[0] < time] if self.delay else known
            nearest = min(older or known, key=lambda old: abs(old[0] - wanted))
            if found and nearest[0] > wanted + _NEAR:
                break
            found.append(nearest[1])
        return found


@FAULTS.register_module()
class RadarStale(Stale):
    """Late radars."""

    sensor = 'radar'
    LEVELS_OF = {'easy': dict(delay=0.1), 'moderate': dict(delay=0.3), 'hard': dict(delay=0.5)}

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Changes the files of sweeps in ``radar_points``; may leave out the oldest."""
        for channel in failing(frame['radar_points'], self.sensors, 'radar', draws('all radars')):
            radar = frame['radar_points'][channel]
            sweeps = [radar, *radar['sweeps']]
            older = [sweep for earlier in frame.get('earlier', ()) if channel in earlier['radar_points']
                     for sweep in (earlier['radar_points'][channel], *earlier['radar_points'][channel]['sweeps'])]
            files = [one['radar_path'] for one in self.delivered(
                *([(sweep['timestamp'], sweep) for sweep in some] for some in (sweeps, [*sweeps, *older])))]
            del radar['sweeps'][len(files) - 1:]
            for sweep, file in zip(sweeps, files):
                sweep['radar_path'] = file


@FAULTS.register_module()
class LidarStale(Stale):
    """A late LiDAR."""

    sensor = 'lidar'
    LEVELS_OF = {'easy': dict(delay=0.1), 'moderate': dict(delay=0.3), 'hard': dict(delay=0.5)}

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Changes the files in ``lidar_points`` and ``lidar_sweeps``; may leave out the oldest."""
        sweeps = _lidar_sweeps(frame)
        known = [*sweeps, *(sweep for earlier in frame.get('earlier', ()) for sweep in _lidar_sweeps(earlier))]
        files = [points['lidar_path'] for points in self.delivered(sweeps, known)]
        del frame['lidar_sweeps'][len(files) - 1:]
        for (_, points), file in zip(sweeps, files):
            points['lidar_path'] = file


@FAULTS.register_module()
class CameraStale(Stale):
    """Late cameras. Infos know pictures of key frames only, so the delay is in effect a multiple of half a second."""

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(delay=0.5), 'moderate': dict(delay=1.0), 'hard': dict(delay=1.5)}

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Changes ``img_path`` in ``images``.

        Raises:
            ValueError: the frame has no ``earlier`` ones.
        """
        if 'earlier' not in frame:
            raise ValueError(f'CameraStale: sample {frame["token"]} has no earlier frames; give the data set '
                             f'earlier_frames={self.earlier_frames}, or use with_faults')
        for channel in failing(frame['images'], self.sensors, 'camera', draws('all cameras')):
            cameras = [one['images'][channel] for one in (frame, *frame['earlier']) if channel in one['images']]
            known = [(camera['timestamp'], camera) for camera in cameras]
            frame['images'][channel]['img_path'] = self.delivered(known[:1], known)[0]['img_path']


def _lidar_sweeps(frame: dict[str, Any]) -> list[Old]:
    return [(frame['timestamp'], frame['lidar_points']),
            *((sweep['timestamp'], sweep['lidar_points']) for sweep in frame['lidar_sweeps'])]
