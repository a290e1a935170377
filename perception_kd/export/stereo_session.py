"""An exported stereo matcher at work in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from perception_kd.export.runtime import open_session
from perception_kd.export.stereo_graph import OUTPUT, SIDES
from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.stages import stage


class OnnxMatcher(nn.Module):
    """Runs a stereo file of ``tools/export.py --format onnx`` on the CPU, pair by pair, as a ``StereoMatcher`` is run.

    Args:
        path: The file.

    Attributes:
        meta: What the file says of itself: ``config``, ``inputs``, ``outputs``, ...
        size: Height and width of the pictures that it takes.
        max_disp, iterations: That it was exported with.

    Raises:
        FileNotFoundError: No such file.
        ImportError: onnxruntime is not installed.
        ValueError: The file is no graph of a stereo matcher.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        self.session, self.meta = open_session(path)
        if self.meta.get('task') != 'stereo':
            raise ValueError(f'{path} is no graph of a stereo matcher: write one with tools/export.py --format onnx')
        self.size = tuple(self.meta['size'])
        self.max_disp, self.iterations = self.meta['max_disp'], self.meta['iterations']

    def data_preprocessor(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Stack pictures ``(3, h, w)``, RGB 0..255, and repeat their border on all sides up to the graph's size.

        Raises:
            ValueError: pictures larger than that.
        """
        pictures = {side: torch.stack(list(data['inputs'][side])).float() for side in SIDES}
        height, width = pictures['left'].shape[-2:]
        if height > self.size[0] or width > self.size[1]:
            raise ValueError(f'the graph takes pictures of up to {self.size[1]}x{self.size[0]}, got {width}x{height}')
        padding = Padding.to_size(height, width, self.size)
        for sample in data['data_samples']:
            sample.set_metainfo(dict(pad=tuple(padding)))
        return dict(inputs={side: padding.add(part) for side, part in pictures.items()},
                    data_samples=data['data_samples'])

    def disparity(self, left: Tensor, right: Tensor, *, max_disp: int | None = None, iterations: int | None = None,
                  init: Tensor | None = None) -> Tensor:
        """``(1, 1, H, W)`` px of pictures ``(1, 3, H, W)`` of the graph's size, RGB 0..255.

        Args:
            max_disp, iterations: As exported, or None.
            init: None; the graph starts from its own.

        Raises:
            ValueError: the graph cannot do what is asked.
        """
        for name, asked in (('max_disp', max_disp), ('iterations', iterations)):
            if asked not in (None, getattr(self, name)):
                raise ValueError(f'the graph was exported with {name} {getattr(self, name)}, asked for is {asked}: '
                                 f'export it again with --{name.replace("_", "-")} {asked}')
        if init is not None:
            raise ValueError('an exported graph cannot start from a given disparity: leave out --two-pass, or use the '
                             'checkpoint')
        for side, picture in zip(SIDES, (left, right)):
            if tuple(picture.shape) != (1, 3, *self.size):
                raise ValueError(f'the graph takes {side} of {(1, 3, *self.size)}, got {tuple(picture.shape)}')
        with stage('graph'):
            (found,) = self.session.run([OUTPUT], {'left': left.numpy(), 'right': right.numpy()})
        return torch.from_numpy(found)
