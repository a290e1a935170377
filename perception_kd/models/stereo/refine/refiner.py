"""Recurrent refinement of a disparity map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.taps import tap
from perception_kd.models.stereo.context_net import ContextMaps
from perception_kd.models.stereo.refine.gru import SelectiveConvGRU
from perception_kd.models.stereo.refine.heads import DisparityHead, MaskFeatures, MotionEncoder
from perception_kd.models.stereo.refine.lookup import GeometryLookup
from perception_kd.models.stereo.refine.widths import KERNELS, Widths, merged, resolve_widths
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec

COARSE = ('gru8', 'gru16')
STRIDES = (4, 8, 16)  # of the levels


@MODELS.register_module()
class SelectiveRefiner(nn.Module):
    """Selective ConvGRU refinement: three levels as FoundationStereo's, or one as Fast-FoundationStereo's.

    At the paper's widths the former has 16.35 M parameters (with ``kernels=dict(motion=3)``), the latter 4.72 M.

    Args:
        volume_channels: Of the filtered volume.
        levels: 1 (1/4) or 3 (1/4, 1/8, 1/16; coarse to fine in every step).
        lookup_levels, radius: Of the lookup.
        widths: As of :func:`~perception_kd.models.stereo.refine.widths.resolve_widths`.
        kernels: Those that differ from :data:`~perception_kd.models.stereo.refine.widths.KERNELS`; odd.
        head_blocks: Residual blocks of the disparity head, 0 to 2.
        layer_scale: Initial factor of their residuals.
    """

    def __init__(self, *, volume_channels: int, levels: int = 1, lookup_levels: int = 2, radius: int = 4,
                 widths: Widths = None, kernels: Mapping[str, int] | None = None, head_blocks: int = 2,
                 layer_scale: float = 1e-6) -> None:
        super().__init__()
        if levels not in (1, 3):
            raise ValueError(f'levels is 1 or 3, got {levels}')
        if not 0 <= head_blocks <= 2:
            raise ValueError(f'head_blocks is 0, 1 or 2, got {head_blocks}')
        widths, kernels = resolve_widths(widths, levels), _odd(merged('kernels', KERNELS, kernels))
        self.lookup = partial(GeometryLookup, levels=lookup_levels, radius=radius)
        self.lookup_channels = lookup_levels * (2 * radius + 1) * (volume_channels + 1)
        self.hidden, self.context = widths['hidden'], widths['context']
        self.motion = MotionEncoder(lookup_channels=self.lookup_channels, widths=widths, kernels=kernels)
        self.grus = nn.ModuleList(_grus(widths, levels, kernels))
        self.disp_head = DisparityHead(widths=widths, kernels=kernels, blocks=head_blocks, layer_scale=layer_scale)
        self.mask = MaskFeatures(widths=widths, kernels=kernels)

    def tap_specs(self) -> list[TapSpec]:
        """Taps of its steps."""
        about = 'state of the recurrent unit after each iteration'
        return [TapSpec('motion', 'image', self.motion.fuse.out_channels, 'motion features of each iteration', stride=4,
                        call='all'),
                *(TapSpec(f'hidden_s{stride}', 'image', self.hidden, about, stride=stride, call='all')
                  for stride, _ in zip(STRIDES, self.grus))]

    def forward(self, lookup: GeometryLookup, context: ContextMaps, disparity: Tensor, iterations: int,
                skip: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Refine step by step; disparities carry gradient within their own step only.

        Args:
            lookup: What ``refiner.lookup(volume, left4, right4)`` gives.
            context: Of the left picture, as many levels as this refiner's.
            disparity: ``(B, 1, h, w)`` to begin with, in quarter-size px.
            iterations: Steps, at least 1.
            skip: Steps at the beginning whose results are not wanted; they are run and not given.

        Yields:
            Disparity ``(B, 1, h, w)`` and mask features ``(B, mask2, h, w)`` after each step.

        Raises:
            ValueError: the context does not fit this refiner, or there is no step to give.
        """
        self._check(context, iterations, skip)
        hidden, inputs, attention = ([level.contiguous(memory_format=torch.channels_last) for level in maps]
                                     for maps in (context.hidden, context.context, context.attention))
        for step in range(iterations):
            disparity = _one_channel_last(disparity.detach().float())
            motion = tap('motion', self.motion(lookup(disparity), disparity))
            hidden = self._update(hidden, attention, inputs, [motion, disparity])
            hidden = [tap(f'hidden_s{stride}', state) for stride, state in zip(STRIDES, hidden)]
            disparity = disparity + self.disp_head(hidden[0]).float()
            if step >= skip:
                yield disparity, self.mask(hidden[0])

    def _update(self, hidden: list[Tensor], attention: list[Tensor], inputs: list[Tensor],
                motion: list[Tensor]) -> list[Tensor]:
        """New states; each GRU sees the old state of the finer level and the new one of the coarser."""
        hidden = list(hidden)
        for level in reversed(range(len(hidden))):
            seen = [inputs[level], *([_pooled(hidden[level - 1])] if level else motion)]
            if level + 1 < len(hidden):
                seen.append(_enlarged(hidden[level + 1], hidden[level]))
            hidden[level] = self.grus[level](hidden[level], attention[level], *seen)
        return hidden

    def _check(self, context: ContextMaps, iterations: int, skip: int) -> None:
        levels = len(self.grus)
        if not len(context.hidden) == len(context.context) == len(context.attention) == levels:
            raise ValueError(f'context of {len(context.hidden)} levels for a refiner of {levels}')
        for name, maps, width in (('hidden', context.hidden, self.hidden), ('context', context.context, self.context)):
            if any(level.shape[1] != width for level in maps):
                raise ValueError(f'{name} maps of {maps[0].shape[1]} channels for a refiner of {width}: give the '
                                 f'context net {name}={width}')
        if not 0 <= skip < iterations:
            raise ValueError(f'{iterations} iterations of which {skip} are skipped: at least one has to be left')


def _grus(widths: dict[str, int], levels: int, kernels: dict[str, int]) -> Iterator[SelectiveConvGRU]:
    """Finest first. A GRU sees context, motion or the finer state, and the coarser state."""
    hidden = widths['hidden']
    names = ('gru', *COARSE)[:levels]
    for level, name in enumerate(names):
        seen = widths['context'] + (hidden if level else widths['motion'] + 1) + (hidden if level + 1 < levels else 0)
        yield SelectiveConvGRU(hidden=hidden, in_channels=seen, input_width=widths[f'{name}_input'],
                               joint_width=widths[f'{name}_joint'], kernels=kernels)


def _odd(kernels: dict[str, int]) -> dict[str, int]:
    even = {name: size for name, size in kernels.items() if size % 2 == 0}
    if even:
        raise ValueError(f'kernels are odd, got {even}')
    return kernels


def _one_channel_last(disparity: Tensor) -> Tensor:
    """The same map, laid out so that what it meets stays channels last: with one channel torch would not know."""
    batch, _, height, width = disparity.shape
    return disparity.reshape(batch, height, width, 1).permute(0, 3, 1, 2)


def _pooled(finer: Tensor) -> Tensor:
    return functional.avg_pool2d(finer, 3, stride=2, padding=1)


def _enlarged(coarser: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(coarser, like.shape[-2:], mode='bilinear', align_corners=True)
