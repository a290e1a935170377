"""Which pixels of a teacher's disparity are good enough to teach (section 3.3 of Fast-FoundationStereo, Wen et al.,
CVPR 2026; the left-right and the photometric test are additions).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.pseudo_labels.stereo.consistency import left_right, photometric_error
from perception_kd.pseudo_labels.stereo.mono import Fit, fit_parallax
from perception_kd.pseudo_labels.stereo.normals import normals_of, similarity
from perception_kd.pseudo_labels.stereo.sky import FAR, sky_of

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Picture = NDArray[np.uint8]
ANGLES = (15, 30, 45)
"""Degrees, of the curve over the bound of normals."""


@dataclass(frozen=True)
class TrustRules:
    """What a pixel must pass.

    Args:
        left_right: px that the disparities of both views may differ by; None: not asked.
        angle: Degrees that the normals of stereo and of the monocular net may differ by.
        photometric: Most of ``photometric_error``; None: not asked.
        step: Normals are those of cells of so many px squared.
        keep: Share of the pixels that are not sky which must be trusted, for a pair to be kept.

    Raises:
        ValueError: Numbers out of range.
    """

    left_right: float | None = 1.0
    angle: float = 30.0
    photometric: float | None = None
    step: int = 4
    keep: float = 0.6

    def __post_init__(self) -> None:
        if not (0 < self.angle <= 90 and 0 <= self.keep < 1 and self.step >= 1):
            raise ValueError(f'angles are in (0, 90] degrees, the share to keep in [0, 1), cells of 1 px or more; got '
                             f'{self.angle:g}, {self.keep:g} and {self.step}')
        if any(one is not None and not one > 0 for one in (self.left_right, self.photometric)):
            raise ValueError('bounds of the left-right and of the photometric test are above 0, got '
                             f'{self.left_right} and {self.photometric}')


@dataclass(frozen=True)
class Views:
    """A pair with what was said of it.

    Attributes:
        left, right: ``(H, W, 3)`` RGB.
        disparity: ``(H, W)`` px of the left picture.
        disparity_right: The same of the right one; None where it was not asked for.
        inverse_depth: ``(H, W)`` of a monocular net, relative; None without.
        camera: Of the left picture.
        sky: ``(H, W)`` where known; None: guessed, if there is a monocular net.
    """

    left: Picture
    right: Picture
    disparity: Map
    disparity_right: Map | None
    inverse_depth: Map | None
    camera: StereoCalibration
    sky: Mask | None = None


@dataclass(frozen=True)
class Trust:
    """What came of it.

    Attributes:
        trusted: ``(H, W)``, never sky.
        sky: ``(H, W)``.
        share: Of the pixels that are not sky, those trusted.
        shares: The same under each of :data:`ANGLES`; empty without a monocular net.
        tests: Share of the pixels that are not sky which pass each test alone.
        fit: Of the monocular net to parallax.
    """

    trusted: Mask
    sky: Mask
    share: float
    shares: dict[str, float] = field(default_factory=dict)
    tests: dict[str, float] = field(default_factory=dict)
    fit: Fit | None = None

    def to_json(self) -> dict[str, Any]:
        """Figures without maps."""
        return dict(share=round(self.share, 5), shares=self.shares, tests=self.tests,
                    sky=round(float(self.sky.mean()), 5), mono_fit=self.fit and list(map(float, self.fit)))


def judge(views: Views, rules: TrustRules) -> Trust:
    """Test every pixel.

    A disparity must be above 0 and lie within the right picture, and pass the tests of ``rules``; that of normals where
    there is a monocular net.
    """
    disparity, width = views.disparity, views.disparity.shape[1]
    passed = {'inside': (disparity > 0) & (np.arange(width) - disparity >= 0)}
    if rules.left_right is not None and views.disparity_right is not None:
        passed['left_right'] = left_right(disparity, views.disparity_right, rules.left_right)
    if rules.photometric is not None:
        passed['photometric'] = photometric_error(views.left, views.right, disparity) <= rules.photometric
    both = np.logical_and.reduce(list(passed.values()))
    fit, cosine, sky = _against_mono(views, rules, both)
    open_sky = ~sky
    shares = {}
    if cosine is not None:
        shares = {str(angle): _share(both & (cosine > _cosine(angle)), open_sky) for angle in ANGLES}
        passed['normals'] = cosine > _cosine(rules.angle)
        both = both & passed['normals']
    tests = {name: _share(mask, open_sky) for name, mask in passed.items()}
    return Trust(both & open_sky, sky, _share(both, open_sky), shares, tests, fit)


def _against_mono(views: Views, rules: TrustRules, confirmed: Mask) -> tuple[Fit | None, Map | None, Mask]:
    """The fit of the monocular net, the cosine between its normals and those of stereo, and the sky."""
    none = np.zeros(views.disparity.shape, bool)
    if views.inverse_depth is None:
        return None, None, none if views.sky is None else views.sky
    parallax = views.disparity + np.float32(views.camera.doffs)
    fit = fit_parallax(views.inverse_depth, parallax, confirmed)
    if fit is None:  # nothing of the net can be believed
        return None, np.full(parallax.shape, -1, np.float32), none if views.sky is None else views.sky
    mono = fit(views.inverse_depth)
    sky = views.sky
    if sky is None:
        nearer = confirmed & (parallax > FAR * parallax.shape[1])
        sky = sky_of(views.left, views.inverse_depth, mono, nearer)
    ours, theirs = (normals_of(one, views.camera, rules.step) for one in (parallax, mono))
    return fit, similarity(ours, theirs, parallax.shape), sky


def _cosine(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _share(mask: Mask, open_sky: Mask) -> float:
    count = int(open_sky.sum())
    return round(float((mask & open_sky).sum()) / count, 5) if count else 0.0
