"""A named bird's-eye-view grid: where it lies, how large a cell is, how many cells it has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class BEVGrid:
    """Regular grid in the ground plane of one frame of reference (the LiDAR frame unless said otherwise).

    Maps on the grid have shape ``(..., ny, nx)``: rows run along y, columns along x, and cell ``[0, 0]``
    touches ``(x_min, y_min)``. This is the layout of mmdet3d's pillar scatter and of CenterHead's targets.

    Args:
        x_min, y_min, x_max, y_max: Borders in metres.
        cell: Side of the square cell in metres.
    """

    x_min: float
    y_min: float
    x_max: float
    y_max: float
    cell: float

    def __post_init__(self) -> None:
        if self.cell <= 0 or self.x_max <= self.x_min or self.y_max <= self.y_min:
            raise ValueError(f'BEVGrid needs a positive cell and max > min, got {self}')
        for low, high in ((self.x_min, self.x_max), (self.y_min, self.y_max)):
            cells = (high - low) / self.cell
            if abs(cells - round(cells)) > 1e-4:
                raise ValueError(f'BEVGrid: {high - low} m is not a whole number of {self.cell} m cells')

    @classmethod
    def from_range(cls, point_cloud_range: list[float] | tuple[float, ...], cell: float) -> BEVGrid:
        """From mmdet3d's ``[x_min, y_min, z_min, x_max, y_max, z_max]`` (m) and a cell size (m)."""
        if len(point_cloud_range) != 6:
            raise ValueError(f'point_cloud_range needs 6 numbers, got {point_cloud_range}')
        x_min, y_min, _, x_max, y_max, _ = map(float, point_cloud_range)
        return cls(x_min, y_min, x_max, y_max, float(cell))

    @property
    def nx(self) -> int:
        """Cells along x, the columns of a map."""
        return round((self.x_max - self.x_min) / self.cell)

    @property
    def ny(self) -> int:
        """Cells along y, the rows of a map."""
        return round((self.y_max - self.y_min) / self.cell)

    @property
    def shape(self) -> tuple[int, int]:
        """``(ny, nx)``, the last two sizes of a map on this grid."""
        return self.ny, self.nx

    @property
    def tap_suffix(self) -> str:
        """Name of the cell size in decimetres: ``s8`` for 0.8 m. Independent of the encoder's own stride."""
        return f's{round(self.cell * 10)}'

    def coarser(self, factor: int) -> BEVGrid:
        """The same area with cells ``factor`` times as large."""
        return BEVGrid(self.x_min, self.y_min, self.x_max, self.y_max, self.cell * factor)

    def same_as(self, other: BEVGrid, tolerance: float = 1e-4) -> bool:
        """Equal borders and cell within ``tolerance`` metres."""
        mine = (self.x_min, self.y_min, self.x_max, self.y_max, self.cell)
        theirs = (other.x_min, other.y_min, other.x_max, other.y_max, other.cell)
        return all(abs(a - b) <= tolerance for a, b in zip(mine, theirs))

    def cell_index(self, xy: Tensor) -> tuple[Tensor, Tensor]:
        """Flat cell index ``iy * nx + ix`` of each point and whether the point lies on the grid.

        Args:
            xy: ``(..., 2)`` or wider; the first two columns are x and y in metres. NaN counts as outside.

        Returns:
            ``index`` int64 ``(...)``, 0 where outside, and ``inside`` bool ``(...)``.
        """
        fx = torch.floor((xy[..., 0] - self.x_min) / self.cell)
        fy = torch.floor((xy[..., 1] - self.y_min) / self.cell)
        inside = (fx >= 0) & (fx < self.nx) & (fy >= 0) & (fy < self.ny)
        zero = torch.zeros_like(fx)
        index = torch.where(inside, fy, zero).long() * self.nx + torch.where(inside, fx, zero).long()
        return index, inside

    def centres(self, device: torch.device | str | None = None, dtype: torch.dtype = torch.float32) -> Tensor:
        """Cell centres in metres, ``(ny, nx, 2)`` as (x, y)."""
        xs = self.x_min + (torch.arange(self.nx, device=device, dtype=dtype) + 0.5) * self.cell
        ys = self.y_min + (torch.arange(self.ny, device=device, dtype=dtype) + 0.5) * self.cell
        grid_y, grid_x = torch.meshgrid(ys, xs, indexing='ij')
        return torch.stack([grid_x, grid_y], dim=-1)
