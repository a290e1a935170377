"""The whole grid, and the cells where a sensor saw something."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS


@MASKS.register_module()
class All(Mask):
    """Weight 1 in every cell."""

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` of ones."""
        grid = batch.require_grid('All')
        return torch.ones(batch.size, 1, *grid.shape, device=batch.device)


@MASKS.register_module()
class ActiveCells(Mask):
    """1 where the LiDAR returned something or the radar is occupied, 0 elsewhere.

    IMKD's radar guidance counts on this region (our reading; RadarDistill, CVPR 2024, shows why: over the
    whole grid most of the target is empty and drowns the rest).

    Args:
        lidar: Key of the LiDAR points, None to leave them out. A cell counts where its largest intensity is
            above 0.
        radar: Key of the radar points, None to leave them out. A cell counts where it holds a point.
        occupancy_tap: Student tap ``(B, 1, ny, nx)`` of radar occupancy in [0, 1], if the student has one.
        threshold: Occupancy above which a cell counts.
    """

    def __init__(
        self,
        *,
        lidar: str | None = 'points',
        radar: str | None = 'radar',
        occupancy_tap: str | None = None,
        threshold: float = 0.01,
    ) -> None:
        if lidar is None and radar is None and occupancy_tap is None:
            raise ValueError('ActiveCells needs lidar, radar or occupancy_tap')
        self.lidar, self.radar, self.occupancy_tap, self.threshold = lidar, radar, occupancy_tap, threshold
        self.student_taps = (occupancy_tap,) if occupancy_tap else ()

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)`` of 0 and 1."""
        grid = batch.require_grid('ActiveCells')
        active = torch.zeros(batch.size, 1, *grid.shape, dtype=torch.bool, device=batch.device)
        if self.lidar is not None:
            active |= self._cells(batch, self.lidar, column=3)
        if self.radar is not None:
            active |= self._cells(batch, self.radar, column=None)
        if self.occupancy_tap is not None:
            active |= self._occupied(batch)
        return active.float()

    def _cells(self, batch: DistillBatch, key: str, column: int | None) -> Tensor:
        clouds = batch.points(key, 'ActiveCells')
        marked = torch.zeros(
            len(clouds), batch.grid.ny * batch.grid.nx, dtype=torch.bool, device=batch.device
        )
        for row, cloud in zip(marked, clouds):
            index, inside = batch.grid.cell_index(cloud)
            if column is not None:
                inside = inside & (cloud[:, column] > 0)
            row[index[inside]] = True
        return marked.view(len(clouds), 1, *batch.grid.shape)

    def _occupied(self, batch: DistillBatch) -> Tensor:
        occupancy = batch.student_taps[self.occupancy_tap].detach()
        if tuple(occupancy.shape[-2:]) != batch.grid.shape:
            raise ValueError(
                f"ActiveCells: student tap '{self.occupancy_tap}' has shape {tuple(occupancy.shape)}, "
                f"the pair's grid is {batch.grid.shape}"
            )
        return occupancy > self.threshold
