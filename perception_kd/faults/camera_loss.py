"""Pictures that do not arrive. A lost picture is black and its calibration stays, as in RoboBEV (arXiv:2304.06719)."""

from __future__ import annotations

from typing import Any

from perception_kd.faults.base import Draws, Fault, check_share, failing
from perception_kd.registry import FAULTS


@FAULTS.register_module()
class CameraCrash(Fault):
    """Cameras that give no picture for a whole scene. Published numbers: 2, 4 and 5 of 6 cameras.

    Args:
        cameras: How many.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(cameras=2), 'moderate': dict(cameras=4), 'hard': dict(cameras=5)}

    def __init__(self, *, cameras: int) -> None:
        if cameras < 0:
            raise ValueError(f'CameraCrash: cameras must not be negative, got {cameras}')
        self.cameras = cameras

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Marks the cameras as ``lost``."""
        for channel in failing(frame['images'], self.cameras, 'camera', draws('all cameras')):
            frame['images'][channel]['lost'] = True


@FAULTS.register_module()
class FrameLost(Fault):
    """Every picture is lost by itself. Published chances: 2/6, 4/6 and 5/6.

    Args:
        prob: The chance of each.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(prob=2 / 6), 'moderate': dict(prob=4 / 6), 'hard': dict(prob=5 / 6)}

    def __init__(self, *, prob: float) -> None:
        check_share('FrameLost', prob=prob)
        self.prob = prob

    def edit(self, frame: dict[str, Any], draws: Draws) -> None:
        """Marks cameras as ``lost``."""
        for channel, camera in frame['images'].items():
            if draws(channel, camera['img_path']).here.random() < self.prob:
                camera['lost'] = True
