"""OpenCV's semi-global matcher: what every learned one must beat, run with the care that it deserves.

Hirschmueller, "Stereo processing by semiglobal matching and mutual information", TPAMI 2008, with OpenCV's cost of
Birchfield and Tomasi over blocks.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.stereo.fill import fill_background
from perception_kd.files import require_file, write_json

MODES = {'sgbm': cv2.STEREO_SGBM_MODE_SGBM, 'hh': cv2.STEREO_SGBM_MODE_HH, '3way': cv2.STEREO_SGBM_MODE_SGBM_3WAY,
         'hh4': cv2.STEREO_SGBM_MODE_HH4}
FILLS = ('background', 'none')
MEDIANS = (0, 3, 5)
_STEP = 16
"""Of OpenCV's numbers of disparities, and of its fixed-point results in one px."""
_LARGEST = 2032
"""px: the results are 16-bit numbers."""


@dataclass(frozen=True)
class SGBMSettings:
    """Settings of the matcher.

    Args:
        max_disp: Disparities looked for, px; rounded up to a multiple of 16.
        block_size: Side of a block, odd, px.
        p1, p2: Penalties of a change by 1 px and by more, in units of (channels x block area).
        pre_filter_cap: Where the gradient of the pre-filter is cut.
        uniqueness: Margin in per cent by which the best cost must win.
        left_right: Difference to the right picture's disparity that is allowed, px; -1: no check.
        speckle_window: Smaller blobs are dropped, pixels; 0: none.
        speckle_range: Steps within a blob, px.
        mode: ``sgbm`` (5 directions), ``hh`` (8, the whole picture in memory), ``hh4`` (4), ``3way`` (3, fast).
        colour: Match colours, not grey values.
        fill: ``background`` (see :func:`fill_background`), or ``none``: pixels that fail a check have no disparity.
        median: Side of a median filter after filling, px; 0: none.

    Raises:
        ValueError: a value that the matcher does not take.
    """

    max_disp: int = 192
    block_size: int = 5
    p1: float = 8.0
    p2: float = 32.0
    pre_filter_cap: int = 63
    uniqueness: int = 10
    left_right: int = 1
    speckle_window: int = 100
    speckle_range: int = 2
    mode: str = 'hh'
    colour: bool = False
    fill: str = 'background'
    median: int = 0

    def __post_init__(self) -> None:
        good = {
            'max_disp': 1 <= self.max_disp <= _LARGEST, 'block_size': self.block_size % 2 == 1 and self.block_size >= 1,
            'p1': 0 < self.p1 < math.inf, 'p2': self.p1 < self.p2 < math.inf, 'left_right': self.left_right >= -1,
            'pre_filter_cap': self.pre_filter_cap >= 1, 'uniqueness': 0 <= self.uniqueness <= 100,
            'speckle_window': self.speckle_window >= 0, 'speckle_range': self.speckle_range >= 0,
            'mode': self.mode in MODES, 'fill': self.fill in FILLS,
            'median': self.median in MEDIANS and (not self.median or self.fill != 'none'),
        }
        for name, fits in good.items():
            if not fits:
                raise ValueError(f'SGBM does not take {name} = {getattr(self, name)!r}; see SGBMSettings')


def read_settings(path: str | Path, **changes: Any) -> SGBMSettings:
    """Settings of a JSON file (an object with fields of :class:`SGBMSettings`), with changes that are not None.

    Raises:
        FileNotFoundError, ValueError: no such file; one that holds something else.
    """
    try:
        content = json.loads(require_file(path, 'settings of SGBM').read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f'{path}: no JSON: {error}') from error
    content = content.get('settings', content) if isinstance(content, dict) else content
    known = {field.name: type(field.default) for field in fields(SGBMSettings)}
    if not isinstance(content, dict) or not set(content) <= set(known):
        raise ValueError(f'{path}: settings of SGBM are an object of {", ".join(known)}')
    for name, value in content.items():
        if not isinstance(value, (int, float) if known[name] is float else known[name]):
            raise ValueError(f'{path}: {name} is a {known[name].__name__}, got {value!r}')
    try:
        return with_changes(SGBMSettings(**content), changes)
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from error


def with_changes(settings: SGBMSettings, changes: Mapping[str, Any]) -> SGBMSettings:
    """The settings with what is not None in ``changes``."""
    return replace(settings, **{name: value for name, value in changes.items() if value is not None})


def write_settings(path: str | Path, settings: SGBMSettings, **more: Any) -> None:
    """Write them so that :func:`read_settings` reads them; ``more`` says where they come from."""
    write_json(path, {'settings': asdict(settings), **more})


class SGBM:
    """The matcher.

    Both pictures are widened on the left by ``max_disp`` px, since OpenCV gives nothing for columns that could look
    beyond the right picture's rim; disparity does not change by that.

    Args:
        settings: See :class:`SGBMSettings`.
    """

    def __init__(self, settings: SGBMSettings | None = None) -> None:
        self.settings = settings or SGBMSettings()
        self.count = -(-self.settings.max_disp // _STEP) * _STEP
        one, area = self.settings, self.settings.block_size**2 * (3 if self.settings.colour else 1)
        self._matcher = cv2.StereoSGBM_create(
            minDisparity=0, numDisparities=self.count, blockSize=one.block_size, P1=round(one.p1 * area),
            P2=round(one.p2 * area), disp12MaxDiff=one.left_right, preFilterCap=one.pre_filter_cap,
            uniquenessRatio=one.uniqueness, speckleWindowSize=one.speckle_window, speckleRange=one.speckle_range,
            mode=MODES[one.mode])

    def __call__(self, left: NDArray[np.uint8], right: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Disparity (H, W) px of the left picture; NaN where ``fill`` is ``none`` and a check failed.

        Args:
            left, right: (H, W, 3) RGB.

        Raises:
            ValueError: pictures of different sizes, or of which no pixel is matched.
        """
        if left.shape != right.shape or left.ndim != 3 or left.shape[2] != 3:
            raise ValueError(f'left {left.shape} and right {right.shape} must be of one size (H, W, 3)')
        disparity = self._matcher.compute(*map(self._prepared, (left, right)))[:, self.count:]
        disparity = np.where(disparity >= 0, disparity / np.float32(_STEP), np.float32(np.nan))
        if self.settings.fill == 'background':
            disparity = fill_background(disparity)
        return cv2.medianBlur(disparity, self.settings.median) if self.settings.median else disparity

    def _prepared(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        picture = picture if self.settings.colour else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return cv2.copyMakeBorder(picture, 0, 0, self.count, 0, cv2.BORDER_REPLICATE)
