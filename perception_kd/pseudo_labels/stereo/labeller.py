"""One pair: matched both ways, judged, and written if it is good enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.config import Config

from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.inference.stereo.checks import measure, warnings_of
from perception_kd.inference.stereo.pairs import Pair
from perception_kd.inference.stereo.predictor import Disparity, MatchSettings, Picture, StereoPredictor, load_matcher
from perception_kd.inference.stereo.rig import RigSwitches, rig_of_size
from perception_kd.pseudo_labels.stereo.drawing import draw_label
from perception_kd.pseudo_labels.stereo.label_files import write_labels
from perception_kd.pseudo_labels.stereo.mono import LONGEST, MonoNet
from perception_kd.pseudo_labels.stereo.sky import read_sky
from perception_kd.pseudo_labels.stereo.trust import Trust, TrustRules, Views, judge

WORTHLESS = ('equal', 'unrectified', 'swapped')
"""Kinds of trouble (``inference.stereo.checks``) for which a pair is not labelled at all."""
FOCAL_SHARE = 0.8
"""Focal length of a camera that nothing is known of, in widths of its picture."""


@dataclass(frozen=True, kw_only=True)
class MakeStereoLabeller:
    """Makes the work of ``pseudo_labels.queue`` for items that are pairs.

    Args:
        cfg: Of the teacher: a ``StereoMatcher``, or a distiller with such a student.
        checkpoint: Its weights, or an ONNX file.
        out: Folder of the labels.
        mono: Config and checkpoint of a monocular net (:class:`MonoNet`); None: without test of normals.
        mono_longest: px of the longer side that it sees.
        rules: What is trusted.
        settings: How the teacher matches.
        encoding: Of the disparity, one of ``label_files.DECODERS``.
        sky: Folder of sky masks; None: guessed where there is a monocular net.
        camera: What the command line says of the cameras.
        focal, doffs: px; go before what is known of a pair.
        check: Reject pairs that are not rectified, swapped or equal.
        drawn: Keys of the pairs of which a picture is made.
        device: ``cpu`` or ``cuda``.
    """

    cfg: Config
    checkpoint: str
    out: Path
    mono: tuple[Config, str] | None = None
    mono_longest: int = LONGEST
    rules: TrustRules = field(default_factory=TrustRules)
    settings: MatchSettings = field(default_factory=MatchSettings)
    encoding: str = 'kitti'
    sky: Path | None = None
    camera: RigSwitches = field(default_factory=RigSwitches)
    focal: float | None = None
    doffs: float | None = None
    check: bool = True
    drawn: frozenset[str] = frozenset()
    device: str = 'cpu'

    def __call__(self) -> StereoLabeller:
        """Load the nets.

        Raises:
            FileNotFoundError, ValueError: No such file or device, or weights that do not fit.
        """
        teacher = StereoPredictor(load_matcher(self.cfg, self.checkpoint, self.device), self.settings)
        mono = self.mono and MonoNet(*self.mono, device=self.device, longest=self.mono_longest)
        return StereoLabeller(self, teacher, mono)


class StereoLabeller:
    """The work: a pair in, a row out.

    Args:
        made: Settings.
        teacher: Gives disparity.
        mono: Gives relative inverse depth.
    """

    def __init__(self, made: MakeStereoLabeller, teacher: StereoPredictor, mono: MonoNet | None) -> None:
        self.made, self.teacher, self.mono = made, teacher, mono

    def __call__(self, key: str, pair: Pair) -> Mapping[str, Any]:
        """Label a pair.

        Returns:
            ``left``, ``right``, ``size``, ``kept``, ``reason`` where it is not kept, what is known of the cameras,
            ``share`` and the figures of ``Trust.to_json``, and where it is kept ``disp`` and ``mask``, files relative
            to the folder of the labels.

        Raises:
            FileNotFoundError, ValueError: Pictures that cannot be read or matched.
        """
        left, right = read_image(pair.left), read_image(pair.right)
        height, width = left.shape[:2]
        camera, known = self._camera(pair, width, height)
        row: dict[str, Any] = dict(left=str(pair.left.absolute()), right=str(pair.right.absolute()),
                                   size=[width, height], **known)
        reason = self._trouble(left, right) if self.made.check else ''
        if reason:
            return dict(row, kept=False, reason=reason)
        views = self._views(key, left, right, camera)
        trust = judge(views, self.made.rules)
        row.update(trust.to_json())
        if key in self.made.drawn:
            draw_label(self.made.out / 'pictures' / f'{key}.png', views, trust)
        if trust.share <= self.made.rules.keep:
            return dict(row, kept=False, reason=f'{100 * trust.share:.0f} % of the pixels are trusted')
        return dict(row, kept=True, **self._written(key, views.disparity, trust))

    def _views(self, key: str, left: Picture, right: Picture, camera: StereoCalibration) -> Views:
        made = self.made
        back = None
        if made.rules.left_right is not None:  # seen in a mirror, the right picture is the left one of a pair
            back = np.ascontiguousarray(self.teacher(_mirrored(right), _mirrored(left))[:, ::-1])
        sky = None if made.sky is None else read_sky(made.sky, key, left.shape[:2])
        return Views(left, right, self.teacher(left, right), back, self.mono and self.mono(left), camera, sky)

    def _trouble(self, left: Picture, right: Picture) -> str:
        if left.shape != right.shape:
            return ''  # the teacher says what is wrong
        found = dict(warnings_of(measure(left, right), self.teacher.searched(*left.shape[:2])))
        return next((f'{kind}: {found[kind]}' for kind in WORTHLESS if kind in found), '')

    def _camera(self, pair: Pair, width: int, height: int) -> tuple[StereoCalibration, dict[str, Any]]:
        """Cameras for normals, and what of them is known."""
        given = {name: value for name in ('focal', 'doffs') if (value := getattr(self.made, name)) is not None}
        rig = self.made.camera.rig(pair.calibration)
        if rig is not None:
            rig = rig_of_size(rig, width, height)
            known = dict(focal=rig.focal, baseline=rig.baseline, doffs=rig.doffs) | given
            return StereoCalibration(**{**known, 'centre': rig.centre}), known
        assumed = dict(focal=FOCAL_SHARE * width, baseline=1.0) | given
        return StereoCalibration(**assumed), {**given, **({} if 'focal' in given else {'assumed_focal': FOCAL_SHARE})}

    def _written(self, key: str, disparity: Disparity, trust: Trust) -> dict[str, str]:
        files = write_labels(self.made.out, key, disparity, trust.trusted, trust.sky, self.made.encoding)
        return dict(zip(('disp', 'mask'), files))


def _mirrored(picture: Picture) -> Picture:
    return np.ascontiguousarray(picture[:, ::-1])
