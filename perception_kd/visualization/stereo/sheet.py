"""The sheet ``stereo``: left picture and truth, and beside them what each model sees and where it is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from perception_kd.evaluation.stereo.errors import RegionErrors, measure, region_masks
from perception_kd.visualization.flow import Flow
from perception_kd.visualization.layout import GAP, MARGIN
from perception_kd.visualization.legend import draw_bar
from perception_kd.visualization.marks import Mark
from perception_kd.visualization.palette import FAINT_INK, RULE
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.stereo.colours import (
    BAD,
    NO_PREDICTION,
    NO_TRUTH,
    OCCLUDED_BAD,
    Picture,
    colour_disparity,
    colour_errors,
    disparity_limits,
    disparity_scale,
    error_scale,
)

WIDTH = 1800
_HEAD, _BAR, _BETWEEN = 52, 40, 22
_BAR_WIDTH = 260


@dataclass(frozen=True, kw_only=True)
class StereoView:
    """A pair to draw.

    Args:
        title: What it is called.
        left: (H, W, 3) RGB.
        models: Title of each model -> disparity (H, W) px, NaN or infinite where it has none.
        disp, valid, noc: Truth (H, W) px, where it is known, and what both cameras see; None where not known.
    """

    title: str
    left: Picture
    models: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    disp: NDArray[np.floating] | None = None
    valid: NDArray[np.bool_] | None = None
    noc: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        maps = {**self.models, **({} if self.disp is None else {'truth': self.disp})}
        for name, one in maps.items():
            if one.shape != self.left.shape[:2]:
                raise ValueError(f'{self.title}: the disparity of {name} is {one.shape[1]} x {one.shape[0]} px, the '
                                 f'picture {self.left.shape[1]} x {self.left.shape[0]}')
        if not maps:
            raise ValueError(f'{self.title}: neither truth nor predictions to draw')

    @property
    def region(self) -> str:
        """Of the figures: pixels that both cameras see, or all where that is unknown."""
        return 'all' if self.noc is None else 'noc'

    def errors(self, disparity: NDArray[np.floating], bad: float) -> RegionErrors:
        """Of a map, in ``region``."""
        return measure(disparity, self.disp, region_masks(self.valid, self.noc)[self.region], thresholds=(bad,))

    def limits(self) -> tuple[float, float]:
        """Disparities of the first and last colour: by the truth, else by all models."""
        if self.disp is None:
            return disparity_limits(list(self.models.values()))
        return disparity_limits([np.where(self.valid, self.disp, np.nan)])


def draw_stereo(views: Sequence[StereoView], *, limits: tuple[float, float] | None = None, bad: float = BAD,
                width: int = WIDTH) -> Sheet:
    """Draw pairs below one another, each with a column for left picture and truth, and one for every model.

    Without a model the truth stands beside the left picture.

    Args:
        views: With the same models.
        limits: Disparities (px) of the first and last colour in all pairs; None: by the truth of each pair.
        bad: px; errors above it are red, and ``BP`` counts them.
        width: Of the sheet, px.

    Raises:
        ValueError: nothing to draw, other models in one pair than in another, or numbers that make no scale.
    """
    if not views or any(list(view.models) != list(views[0].models) for view in views):
        raise ValueError('a sheet shows one pair or more, all with the same models')
    if not 0 < bad < math.inf or (limits is not None and not 0 <= limits[0] < limits[1] < math.inf):
        raise ValueError(f'the bound of bad pixels is above 0 and limits rise from 0 px on, got {bad} and {limits}')
    return _Drawing(views, limits, bad, width).draw()


class _Drawing:
    """One sheet in the making."""

    def __init__(self, views: Sequence[StereoView], limits: tuple[float, float] | None, bad: float, width: int) -> None:
        self.views, self.limits, self.bad, self.width = views, limits, bad, width
        self.rows = 2 if views[0].models else 1
        columns = max(1 + len(views[0].models), 2)
        self.wide = min((width - 2 * MARGIN - 2 * GAP * (columns - 1)) / columns, width / 2 - 2 * MARGIN)
        self.lefts = [MARGIN + index * (self.wide + 2 * GAP) for index in range(columns)]
        self.scored = any(view.disp is not None and view.models for view in views)

    def draw(self) -> Sheet:
        """The whole sheet."""
        tops = np.cumsum([MARGIN / 2, *(self._tall(view) for view in self.views)])
        key = self._write_key(Sheet(width=self.width, height=MARGIN), 0)
        sheet = Sheet(width=self.width, height=tops[-1] + key + MARGIN / 2)
        for view, top in zip(self.views, tops):
            self._pair(sheet, view, float(top))
        self._write_key(sheet, float(tops[-1]))
        return sheet

    def _picture_height(self, view: StereoView) -> float:
        return self.wide * view.left.shape[0] / view.left.shape[1]

    def _tall(self, view: StereoView) -> float:
        rows = 1 if view.disp is None else self.rows
        return _HEAD + rows * (self._picture_height(view) + GAP) + _BAR + _BETWEEN

    def _pair(self, sheet: Sheet, view: StereoView, top: float) -> None:
        limits, tall = self.limits or view.limits(), self._picture_height(view)
        size = f'{view.left.shape[1]} x {view.left.shape[0]} px'
        note = f'left picture, {size}' + ('; below it the truth' if view.disp is not None and view.models else '')
        self._heading(sheet, 0, top, view.title, note)
        rows = [top + _HEAD, top + _HEAD + tall + GAP]
        self._show(sheet, 0, rows[0], view.left, interpolation='auto')
        if view.disp is not None:
            truth = colour_disparity(np.where(view.valid, view.disp, np.nan), limits)
            if view.models:
                self._show(sheet, 0, rows[1], truth)
            else:
                self._heading(sheet, 1, top, 'Truth', '')
                self._show(sheet, 1, rows[0], truth)
        for column, (title, disparity) in enumerate(view.models.items(), 1):
            self._heading(sheet, column, top, title, self._figures(view, disparity))
            self._show(sheet, column, rows[0], colour_disparity(disparity, limits))
            if view.disp is not None:
                errors = colour_errors(disparity, view.disp, view.valid, noc=view.noc, bad=self.bad)
                self._show(sheet, column, rows[1], errors)
        foot = rows[0 if view.disp is None else self.rows - 1] + tall + GAP
        label = sheet.text(MARGIN, foot + 5, 'disparity', size=9)
        bar = MARGIN + sheet.width_of(label) + 12
        draw_bar(sheet, bar, foot, min(_BAR_WIDTH, self.lefts[0] + self.wide - bar), disparity_scale(limits))

    def _heading(self, sheet: Sheet, column: int, top: float, title: str, note: str) -> None:
        sheet.shorten(sheet.text(self.lefts[column], top + 16, title, size=12, weight='bold'), self.wide)
        sheet.shorten(sheet.text(self.lefts[column], top + 38, note, size=9, colour=FAINT_INK), self.wide)

    def _show(self, sheet: Sheet, column: int, top: float, picture: Picture, **how: Any) -> None:
        """``nearest`` keeps the colours of the key; a mean of blue and red would be in none."""
        tall = self.wide * picture.shape[0] / picture.shape[1]
        axes = sheet.axes(self.lefts[column], top, self.wide, tall)
        axes.imshow(picture, aspect='auto', **{'interpolation': 'nearest', **how})

    def _figures(self, view: StereoView, disparity: NDArray[np.floating]) -> str:
        if view.disp is None:
            return ''
        errors = view.errors(disparity, self.bad)
        if not errors.pixels:
            return 'no pixel with truth'
        epe = f'EPE {errors.error / errors.predicted:.2f} px   ' if errors.predicted else ''
        missing = 100 * (1 - errors.predicted / errors.pixels)
        holes = f'   {missing:.1f} % without prediction' if missing else ''
        return f'{epe}BP-{self.bad:g} {100 * errors.bad[0] / errors.pixels:.2f} %{holes}'

    def _write_key(self, sheet: Sheet, top: float) -> float:
        """Returns its height."""
        flow = Flow(sheet=sheet, overlay=sheet.overlay(), left=MARGIN, right=sheet.width - MARGIN, top=top)
        if self.scored:
            flow.scale('error', error_scale(self.bad))
            flow.text(self._rule())
        holes = any(not np.isfinite(one).all() for view in self.views for one in view.models.values())
        sparse = any(view.disp is not None and not view.valid.all() for view in self.views)
        if holes or sparse:
            flow.mark(_swatch(NO_PREDICTION), 'no disparity')
        if self.scored and sparse:
            flow.mark(_swatch(NO_TRUTH), 'no truth')
        if self.scored and any(view.noc is not None for view in self.views):
            flow.mark(_swatch(OCCLUDED_BAD), 'darker: the right camera does not see it')
        return flow.bottom - top

    def _rule(self) -> str:
        regions = {view.region for view in self.views if view.disp is not None}
        where = {'noc': 'what both cameras see', 'all': 'all pixels with truth'}
        named = [text for name, text in where.items() if name in regions]
        return 'figures over ' + ' or, where that is unknown, '.join(named)


def _swatch(colour: tuple[int, int, int]) -> Mark:
    """A small area of a colour (RGB, 0..255)."""

    def draw(axes: Axes, left: float, middle: float) -> None:
        """See the module."""
        face = tuple(value / 255 for value in colour)
        axes.add_patch(Rectangle((left, middle - 6), 26, 12, facecolor=face, edgecolor=RULE, linewidth=0.8))

    return draw
