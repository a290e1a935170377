"""A picture of a pseudo-label: what the teacher sees, what a monocular net sees, and what is trusted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_kd.files import write_bytes
from perception_kd.pseudo_labels.stereo.trust import Trust, Views
from perception_kd.visualization.layout import GAP, MARGIN
from perception_kd.visualization.movie import png_bytes
from perception_kd.visualization.palette import FAINT_INK
from perception_kd.visualization.sheet import Sheet
from perception_kd.visualization.stereo.colours import colour_disparity, disparity_limits

WIDTH = 1500
DISTRUSTED, SKY = (214, 20, 190), (64, 132, 255)
"""RGB over what is not trusted, which few things have by themselves, and over the sky."""
_HEAD, _STRENGTH = 52, 0.6

Panel = tuple[str, str, NDArray[np.uint8]]


def draw_label(path: Path, views: Views, trust: Trust, width: int = WIDTH) -> None:
    """Write a sheet: left picture and mask, the teacher's disparity and the label, and the fitted monocular net.

    Args:
        path: PNG, replaced atomically.
        views: The pair.
        trust: What :func:`~perception_kd.pseudo_labels.stereo.trust.judge` made of it.
        width: Of the sheet, px.
    """
    panels = _panels(views, trust)
    wide = (width - 2 * MARGIN - 2 * GAP) / 2
    tall = wide * views.left.shape[0] / views.left.shape[1]
    sheet = Sheet(width=width, height=MARGIN + -(-len(panels) // 2) * (_HEAD + tall + GAP))
    for index, (title, note, picture) in enumerate(panels):
        left, top = MARGIN + index % 2 * (wide + 2 * GAP), MARGIN / 2 + index // 2 * (_HEAD + tall + GAP)
        sheet.text(left, top + 16, title, size=12, weight='bold')
        sheet.shorten(sheet.text(left, top + 38, note, size=9, colour=FAINT_INK), wide)
        sheet.axes(left, top + _HEAD, wide, tall).imshow(picture, aspect='auto', interpolation='auto')
    write_bytes(path, png_bytes(sheet.pixels()))


def _panels(views: Views, trust: Trust) -> list[Panel]:
    limits = disparity_limits([views.disparity])
    size = f'{views.left.shape[1]} x {views.left.shape[0]} px'
    label = np.where(trust.sky, 0, np.where(trust.trusted, views.disparity, np.nan))
    panels = [('Left picture', size, views.left), ('Trusted', _figures(trust), _masked(views.left, trust)),
              ('Teacher', f'disparity, {limits[0]:.1f} px (blue) to {limits[1]:.1f} px (yellow)',
               colour_disparity(views.disparity, limits)),
              ('Label', 'grey: nothing is taught there', colour_disparity(label, limits))]
    if trust.fit is not None and views.inverse_depth is not None:
        fitted = trust.fit(views.inverse_depth) - np.float32(views.camera.doffs)
        panels.append(('Monocular net', 'fitted to the disparity, same colours', colour_disparity(fitted, limits)))
    return panels


def _masked(picture: NDArray[np.uint8], trust: Trust) -> NDArray[np.uint8]:
    shown = picture.astype(np.float32)
    for mask, colour in ((~trust.trusted & ~trust.sky, DISTRUSTED), (trust.sky, SKY)):
        shown[mask] = (1 - _STRENGTH) * shown[mask] + _STRENGTH * np.array(colour, np.float32)
    return shown.astype(np.uint8)


def _figures(trust: Trust) -> str:
    tests = ', '.join(f'{name.replace("_", "-")} {100 * share:.0f} %' for name, share in trust.tests.items())
    sky = f'; sky (blue) {100 * trust.sky.mean():.0f} %' if trust.sky.any() else ''
    return f'{100 * trust.share:.0f} % of what is not sky ({tests}), the rest is magenta{sky}'
