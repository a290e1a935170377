"""A stereo matcher as a function of named tensors, one pair at a time."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from perception_kd.models.stereo.stereo_matcher import COARSEST, StereoMatcher

Size = tuple[int, int]
SIDES = ('left', 'right')
OUTPUT = 'disparity'
MEANING = {
    'left': '(1, 3, H, W) float32 RGB picture, values 0..255, of the left camera; rectified',
    'right': '(1, 3, H, W) the same of the right camera',
    'disparity': '(1, 1, H, W) float32 px of the left picture: x_right = x_left - disparity',
}


class StereoGraph(nn.Module):
    """Takes ``left`` and ``right``, normalises them and gives ``disparity`` after the last iteration.

    Args:
        matcher: With its weights, in eval mode.
        max_disp: Disparities that are looked for, px; None: the matcher's own.
        iterations: Of the refinement; None: the matcher's own.
    """

    def __init__(self, matcher: StereoMatcher, *, max_disp: int | None = None, iterations: int | None = None) -> None:
        super().__init__()
        self.matcher = matcher.eval()
        self.max_disp = matcher.max_disp if max_disp is None else max_disp
        self.iterations = matcher.iterations if iterations is None else iterations

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``left`` and ``right``, RGB 0..255, ``(B, 3, H, W)`` with H and W multiples of 32."""
        inputs = {side: inputs[side] for side in SIDES}
        batch = self.matcher.data_preprocessor(dict(inputs=inputs, data_samples=None), False)['inputs']
        return {OUTPUT: self.matcher.disparity(**batch, max_disp=self.max_disp, iterations=self.iterations)}


def check_size(size: Size) -> Size:
    """``size`` (height, width) of the pictures of a graph.

    Raises:
        ValueError: not multiples of 32, or fewer than two places of the coarsest features.
    """
    height, width = size
    if min(size) < COARSEST or height % COARSEST or width % COARSEST or max(size) == COARSEST:
        raise ValueError(f'--size {height} {width}: height and width are multiples of {COARSEST}, one of them more '
                         f'than {COARSEST}')
    return size
