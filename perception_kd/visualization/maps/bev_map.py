"""One map of the ground, as numbers with a name; whoever draws or records it needs no more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from perception_kd.structures.bev_grid import BEVGrid

Scale = Literal['sequential', 'diverging', 'mask']
SCALES = ('sequential', 'diverging', 'mask')


@dataclass(frozen=True)
class BEVMap:
    """A map on a BEV grid.

    Args:
        name: Unique among the maps of a sample, parts joined by ``/``: ``lidar_to_fused/student/after``.
        title: For people, a few words.
        values: ``(ny, nx)`` float32 as the grid says: rows along y, columns along x, frame of the grid.
        grid: Where the cells lie, metres.
        scale: ``sequential``: from 0 up; ``diverging``: about 0; ``mask``: weights in 0 to 1 and above.
        unit: Of the values, '' for none.
        group: What belongs on one sheet: the pair's name, or ``student``.
        limits: Values at the two ends of the colour scale; None: of the values themselves. Maps to be compared have
            the same.
        about: One line that says what one sees.

    Raises:
        ValueError: values of another shape than the grid's, or an unknown scale.
    """

    name: str
    title: str
    values: NDArray[np.float32]
    grid: BEVGrid
    scale: Scale = 'sequential'
    unit: str = ''
    group: str = ''
    limits: tuple[float, float] | None = None
    about: str = ''

    def __post_init__(self) -> None:
        values = np.asarray(self.values, np.float32)
        if values.shape != self.grid.shape:
            raise ValueError(f'map {self.name!r} has shape {values.shape}, its grid has {self.grid.shape}')
        if self.scale not in SCALES:
            raise ValueError(f'map {self.name!r}: scale is one of {", ".join(SCALES)}, got {self.scale!r}')
        object.__setattr__(self, 'values', values)

    @property
    def shown_limits(self) -> tuple[float, float]:
        """The two ends of the colour scale: ``limits``, or what the values need."""
        return self.limits if self.limits is not None else limits_of([self.values], self.scale)

    def with_limits(self, limits: tuple[float, float]) -> BEVMap:
        """The same map on another colour scale."""
        return replace(self, limits=limits)


def limits_of(values: list[NDArray[np.float32]], scale: Scale) -> tuple[float, float]:
    """Ends of a colour scale that fits several maps alike, rounded up to two digits.

    A mask ends at 1, or higher where it has weights above 1. The others end where 99.8 % of the cells lie, so that a
    single cell does not darken the rest; a diverging scale is as long on both sides of 0.
    """
    together = np.concatenate([np.abs(one[np.isfinite(one)]).ravel() for one in values] or [np.zeros(0)])
    top = float(np.quantile(together, 1.0 if scale == 'mask' else 0.998)) if together.size else 0.0
    if scale == 'mask':
        top = max(top, 1.0)
    top = _rounded_up(top) if top > 0 else 1.0
    return (-top, top) if scale == 'diverging' else (0.0, top)


def _rounded_up(value: float) -> float:
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f'{np.ceil(value / step - 1e-6) * step:.3g}')
