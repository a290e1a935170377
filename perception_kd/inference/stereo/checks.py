"""Whether two pictures can be a rectified pair: measured on keypoints, before any network is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

LONGEST = 1024
"""px; larger pictures are shrunk for keypoints."""
FEWEST = 24
"""Matches that say something."""
ROWS, PART_ROWS = 1.0, 1.5
"""px that keypoints of a rectified pair may differ in height: the median of all, and of a part of the picture."""
_AGREEING = 5  # matches
_CONTRAST = 0.02  # half of OpenCV's default: bare rooms have few keypoints
_CHANCE = 2.0  # px off the row of the others, within which a match is no chance match
_PARTS = 3  # parts of the picture, across and down
_KEYPOINTS = 3000
_RATIO = 0.75  # Lowe, 2004: of the distances to the best and to the second best match


@dataclass(frozen=True)
class Measured:
    """What keypoints and pixels of a pair say; lengths in px of the full-size pictures.

    Attributes:
        matches: Keypoints found in both pictures.
        rows: Median height difference without its sign.
        part_rows: Largest median height difference, with its sign, among the 3x3 parts of the picture that have
            matches enough.
        disparity: Median of ``x_left - x_right``.
        high: How far the same reaches: 2 % of the matches that lie on one row, and no fewer than five, are beyond.
        reversed: Share of matches that lie farther right in the right picture.
        difference: Mean absolute difference of grey values 0..255 at equal places.
    """

    matches: int
    rows: float
    part_rows: float
    disparity: float
    high: float
    reversed: float
    difference: float

    def to_json(self) -> dict[str, Any]:
        """All of it, rounded; None for what could not be measured."""
        return {name: round(value, 3) if np.isfinite(value) else None for name, value in asdict(self).items()}


def measure(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> Measured:
    """Match SIFT keypoints (Lowe, 2004) of two RGB pictures ``(H, W, 3)`` of one size, wherever they lie."""
    greys = [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in (left, right)]
    difference = float(cv2.absdiff(*greys).mean())
    ours, theirs = _matches(*greys)
    if len(ours) < FEWEST:
        return Measured(len(ours), *[float('nan')] * 5, difference)
    across, down = (ours - theirs).T
    return Measured(len(ours), float(np.median(np.abs(down))), _worst_part(ours, down, left.shape[:2]),
                    float(np.median(across)), _reach(across, down), float((across < -1).mean()), difference)


def warnings_of(measured: Measured, searched: float) -> Iterator[tuple[str, str]]:
    """Kind and line of whatever is wrong with a pair.

    Args:
        measured: See :func:`measure`.
        searched: Largest disparity that the network looks for, px of the full-size picture.
    """
    if measured.difference < 0.5:
        yield 'equal', ('left and right picture are the same (grey values differ by '
                        f'{measured.difference:.2f} of 255 in the mean): there is no depth in them')
        return
    if measured.matches < FEWEST:
        yield 'unchecked', (f'only {measured.matches} keypoints match (at least {FEWEST} are needed to check a pair): '
                            'dark, blurred or bare pictures, or not two views of one scene')
        return
    if measured.rows > ROWS or abs(measured.part_rows) > PART_ROWS:
        yield 'unrectified', (f'not rectified: {measured.matches} keypoints differ in height by {measured.rows:.1f} px '
                              f'in the median, by up to {abs(measured.part_rows):.1f} px in parts of the picture (of a '
                              f'rectified pair below {ROWS:g} and {PART_ROWS:g} px); rectify the pictures first')
    if measured.reversed > 0.5:
        yield 'swapped', (f'left and right look swapped: {100 * measured.reversed:.0f} % of {measured.matches} '
                          'keypoints lie farther right in the right picture (median x_left - x_right '
                          f'{measured.disparity:.1f} px); exchange the two')
    elif measured.high > searched:
        yield 'range', (f'keypoints have disparities up to {measured.high:.0f} px, {searched:.0f} px are looked for: '
                        f'give --max-disp {_rounded(measured.high)}, or a smaller --scale')


def _rounded(disparity: float) -> int:
    """With a fifth to spare, as a multiple of 32."""
    return int(np.ceil(disparity * 1.2 / 32) * 32)


def _worst_part(places: NDArray[np.float64], down: NDArray[np.float64], shape: tuple[int, int]) -> float:
    """The median height difference of the part where it is largest, of all matches where no part has enough."""
    height, width = shape
    parts = (places[:, 1] * _PARTS // height).astype(int) * _PARTS + (places[:, 0] * _PARTS // width).astype(int)
    medians = [float(np.median(down[parts == part])) for part in range(_PARTS**2) if (parts == part).sum() >= FEWEST]
    return max(medians or [float(np.median(down))], key=abs)


def _reach(across: NDArray[np.float64], down: NDArray[np.float64]) -> float:
    """Largest disparity that several matches agree on; chance matches lie anywhere, so few are on the same row."""
    off = np.abs(down - np.median(down))
    level = np.sort(across[off <= max(_CHANCE, 3 * np.median(off))])
    return float(level[-1 - min(max(_AGREEING, len(level) // 50), len(level) - 1)])


def _matches(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``(N, 2)`` places of keypoints that are each other's best match, px of the full-size pictures."""
    shrink = max(max(left.shape) / LONGEST, 1.0)
    size = [round(side / shrink) for side in left.shape[::-1]]
    sift = cv2.SIFT_create(nfeatures=_KEYPOINTS, contrastThreshold=_CONTRAST)
    found = [sift.detectAndCompute(grey if shrink == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA), None)
             for grey in (left, right)]
    if any(len(points) < 2 for points, _ in found):
        return np.zeros((0, 2)), np.zeros((0, 2))
    (ours, our_words), (theirs, their_words) = found
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    forth = {pair[0].queryIdx: pair[0].trainIdx for pair in matcher.knnMatch(our_words, their_words, k=2)
             if pair[0].distance < _RATIO * pair[1].distance}
    back = {match.queryIdx: match.trainIdx for match in matcher.match(their_words, our_words)}
    kept = [(first, second) for first, second in forth.items() if back.get(second) == first]
    places = [np.array([points[pair[side]].pt for pair in kept]).reshape(-1, 2) * shrink
              for side, points in enumerate((ours, theirs))]
    return places[0], places[1]
