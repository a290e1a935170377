"""A trained matcher behind one call: any size of picture, shrunk or in two passes where that is wanted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from perception_kd.export.stereo_session import OnnxMatcher
from perception_kd.export.student import load_student
from perception_kd.files import require_file
from perception_kd.inference.devices import check_device
from perception_kd.models.layers.fold import fold_batch_norms
from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.models.stereo.stereo_matcher import COARSEST, STRIDES
from perception_kd.structures.stereo_sample import StereoDataSample

Picture = NDArray[np.uint8]
Disparity = NDArray[np.float32]
GRAPH_SUFFIX = '.onnx'
_LEAST = COARSEST + 1  # px of the longer side; statistics of the coarsest features need two places
_MEMORY = ('allocate memory', 'out of memory')  # what torch says on the CPU and on CUDA


@dataclass(frozen=True)
class MatchSettings:
    """How pairs are matched.

    Args:
        max_disp: Disparities that are looked for, px of the full-size picture; None: the matcher's own, in px of the
            picture that it sees.
        iterations: Of the refinement; None: the matcher's own.
        scale: Size of the picture that the matcher sees, of the full size.
        two_pass: Match at half of that size first, and start from there.

    Raises:
        ValueError: a number out of range.
    """

    max_disp: float | None = None
    iterations: int | None = None
    scale: float = 1.0
    two_pass: bool = False

    def __post_init__(self) -> None:
        if self.max_disp is not None and not 0 < self.max_disp < math.inf:
            raise ValueError(f'--max-disp is a number of px above 0, got {self.max_disp:g}')
        if self.iterations is not None and self.iterations < 1:
            raise ValueError(f'--iterations is 1 or more, got {self.iterations}')
        if not 0 < self.scale <= 4:
            raise ValueError(f'--scale is above 0 and at most 4, got {self.scale:g}')


class StereoPredictor:
    """Disparity of single pairs.

    Pictures of any size are seen at ``scale``, padded; those that a graph of a fixed size could not hold are shrunk
    further, shape kept, until it can.

    Args:
        model: A ``StereoMatcher`` with its weights, or an ``OnnxMatcher``.
        settings: How to match.

    Raises:
        ValueError: the graph was exported for other settings.
    """

    def __init__(self, model: torch.nn.Module, settings: MatchSettings | None = None) -> None:
        self.model, self.settings = model.eval(), settings or MatchSettings()
        self.size: tuple[int, int] | None = getattr(model, 'size', None)
        if self.size is not None:
            _check_graph(model, self.settings)
        if self.settings.max_disp is None:
            self.max_disp = self.first_max_disp = model.max_disp
        else:
            seen = self.settings.max_disp * self.settings.scale
            self.max_disp, self.first_max_disp = _whole(seen), _whole(seen / 2)

    @property
    def beyond_training(self) -> bool:
        """Whether it looks for more disparities than its config trained it for, where wild matches appear."""
        return max(self.max_disp, self.first_max_disp) > self.model.max_disp

    def scale(self, height: int, width: int) -> float:
        """Size at which pictures of height x width are seen, of the full size."""
        if self.size is None:
            return self.settings.scale
        return min(self.settings.scale, self.size[0] / height, self.size[1] / width)

    def searched(self, height: int, width: int) -> float:
        """Largest disparity that is looked for, px of the full-size picture; of two passes by the first one."""
        reach = 2 * self.first_max_disp if self.settings.two_pass else self.max_disp
        return reach / self.scale(height, width)

    @torch.no_grad()
    def __call__(self, left: Picture, right: Picture) -> Disparity:
        """``(H, W)`` px, ``x_right = x_left - d``, of two RGB pictures ``(H, W, 3)``.

        Raises:
            ValueError: pictures of different or too small size, or too large a one for the memory.
        """
        if left.shape != right.shape:
            raise ValueError(f'left and right picture differ in size: {_size(left)} and {_size(right)}; a rectified '
                             'pair has one size')
        height, width = left.shape[:2]
        scale = self.scale(height, width)
        seen = (round(width * scale), round(height * scale))
        half = (round(seen[0] / 2), round(seen[1] / 2))
        least = half if self.settings.two_pass else seen
        if max(least) < _LEAST or min(least) < 1:
            raise ValueError(f'pictures of {_size(left)} are too small: the longer side needs {_LEAST} px'
                             f'{" after --scale and --two-pass" if max(height, width) >= _LEAST else ""}')
        try:
            start = None
            if self.settings.two_pass:
                start = resized(self._match(left, right, half, self.first_max_disp), seen)
            return resized(self._match(left, right, seen, self.max_disp, start), (width, height))
        except RuntimeError as error:
            if not any(words in str(error) for words in _MEMORY):
                raise
            raise ValueError(f'too little memory for {seen[0]}x{seen[1]} with {self.max_disp} disparities: give a '
                             'smaller --scale or --max-disp') from error

    def _match(self, left: Picture, right: Picture, size: tuple[int, int], max_disp: int,
               start: Disparity | None = None) -> Disparity:
        """One pass on pictures of ``size`` (width, height), from ``start`` in px of that size."""
        data = dict(inputs={side: [_tensor(picture, size)] for side, picture in (('left', left), ('right', right))},
                    data_samples=[StereoDataSample()])
        batch = self.model.data_preprocessor(data, False)
        padding = Padding(*batch['data_samples'][0].pad)
        init = None
        if start is not None:
            init = quarter(padding.add(torch.from_numpy(start)[None, None])).to(batch['inputs']['left'])
        found = self.model.disparity(**batch['inputs'], max_disp=max_disp, iterations=self.settings.iterations,
                                     init=init)
        return padding.remove(found)[0, 0].float().cpu().numpy()


def load_matcher(cfg: Config, weights: str | Path, device: str = 'cpu') -> torch.nn.Module:
    """The matcher of a config with trained weights, see ``load_student``, made for use: it cannot be trained.

    Args:
        cfg: Of a distiller or a matcher; an ONNX file says of itself all that is needed.
        weights: Checkpoint of either, or a file of ``tools/export.py --format onnx``.
        device: ``cpu`` or ``cuda``.

    Raises:
        FileNotFoundError, ValueError: no such file or device, or the weights are not of this model.
    """
    if Path(require_file(weights, 'checkpoint')).suffix == GRAPH_SUFFIX:
        if device != 'cpu':
            raise ValueError(f'{weights}: ONNX files run on the CPU here; leave out --device {device}')
        return OnnxMatcher(weights)
    check_device(device)
    model = load_student(cfg, weights)
    fold_batch_norms(model)
    return model.to(device)


def _check_graph(graph: torch.nn.Module, settings: MatchSettings) -> None:
    """A graph's disparities, iterations and start are those that it was exported with."""
    asked = settings.max_disp if settings.max_disp is None else settings.max_disp * settings.scale
    if asked not in (None, graph.max_disp):
        raise ValueError(f'--max-disp {settings.max_disp:g}: the graph looks for {graph.max_disp} px of what it sees; '
                         'leave the option out, or export with another --max-disp')
    if settings.iterations not in (None, graph.iterations):
        raise ValueError(f'--iterations {settings.iterations}: the graph has {graph.iterations}; leave the option out, '
                         'or export with another number')
    if settings.two_pass:
        raise ValueError('--two-pass needs a checkpoint: a graph cannot start from a given disparity')


def resized(disparity: Disparity, size: tuple[int, int]) -> Disparity:
    """Disparity of a picture of another size (width, height): brought there, and scaled as widths are."""
    height, width = disparity.shape
    if (width, height) == size:
        return disparity
    return cv2.resize(disparity, size, interpolation=cv2.INTER_LINEAR) * np.float32(size[0] / width)


def quarter(disparity: Tensor) -> Tensor:
    """``(B, 1, H, W)`` px -> ``(B, 1, H/4, W/4)`` quarter-size px, none below 0.

    Padding of both pictures leaves disparity as it is, so nothing is added for it.
    """
    return functional.avg_pool2d(disparity.clamp(min=0), STRIDES[0]) / STRIDES[0]


def _whole(disparity: float) -> int:
    """Disparities of a volume that reaches so far: a multiple of what the coarsest features need."""
    return max(math.ceil(disparity / COARSEST), 1) * COARSEST


def _tensor(picture: Picture, size: tuple[int, int]) -> Tensor:
    if picture.shape[1::-1] != size:
        smaller = size[0] < picture.shape[1]
        picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)


def _size(picture: Picture) -> str:
    return f'{picture.shape[1]}x{picture.shape[0]}'
