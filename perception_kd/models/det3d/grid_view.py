"""What view transforms share: their grid, their depth bins, and a pooling pattern that is kept while nothing moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

from mmengine.model import BaseModule
from torch import Tensor

from perception_kd.models.det3d.frames import CAMERAS, Frame
from perception_kd.models.det3d.kept_pattern import KeptPattern
from perception_kd.models.layers import DepthBins
from perception_kd.structures import BEVGrid

Pattern = TypeVar('Pattern')


class GridView(BaseModule, Generic[Pattern]):
    """A view transform onto a BEV grid; a subclass says how its pattern is made.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        cell: BEV cell in metres.
        depth_bound: ``(start, stop, step)`` of the depth bins in metres.
        stride: Pixels of the input image per feature pixel.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], cell: float, depth_bound: Sequence[float],
                 stride: int) -> None:
        super().__init__()
        self.grid = BEVGrid.from_range(point_cloud_range, cell)
        self.z_range = (float(point_cloud_range[2]), float(point_cloud_range[5]))
        self.bins = DepthBins(*map(float, depth_bound))
        self.stride = stride
        self._kept: KeptPattern[Pattern] = KeptPattern()

    def make_pattern(self, cameras: dict[str, Tensor], to_bev: Tensor, size: tuple[int, int]) -> Pattern:
        """The pooling pattern for the matrices ``cameras`` (see ``CAMERAS``), ``to_bev`` and feature maps of
        ``size``."""
        raise TypeError(f'{type(self).__name__} does not say how its pattern is made')

    def pattern(self, frame: Frame, size: tuple[int, int]) -> Pattern:
        """The pooling pattern of this frame; in eval mode the last key frame's again if no matrix has changed."""
        cameras = {name: frame.inputs[name] for name in CAMERAS}
        keep = not self.training and 'to_key' not in frame.inputs  # a past frame moves with every sample
        return self._kept.get((size, frame.to_bev.device), [*cameras.values(), frame.to_bev],
                              lambda: self.make_pattern(cameras, frame.to_bev, size), keep=keep)

    def train(self, mode: bool = True) -> GridView:
        """As any module's; training drops what was kept."""
        if mode:
            self._kept.clear()
        return super().train(mode)
