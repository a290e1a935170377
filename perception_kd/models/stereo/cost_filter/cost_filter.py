"""The cost filter: from a raw cost volume to a filtered one and to how probable each disparity is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import NamedTuple

import torch
from torch import Tensor, nn

from perception_kd.models.stereo.cost_filter.blocks import WIRING, FilterBlock
from perception_kd.models.stereo.cost_filter.presets import PRESETS
from perception_kd.registry import MODELS

COARSEST = 8  # of the scales inside of the filter, in cells of its input


class FilteredVolume(NamedTuple):
    """What the filter makes.

    Attributes:
        volume: ``(B, C, levels, h, w)``, which the refinement looks into.
        logits: ``(B, levels, h, w)`` of the disparities 0, 1, ... in quarter-size px.
    """

    volume: Tensor
    logits: Tensor


@MODELS.register_module()
class CostFilter(nn.Module):
    """Attentive hybrid cost filtering in eight exchangeable blocks (Wen et al., CVPR 2025 and CVPR 2026).

    ``stem``, ``down8``, ``down16``, ``down32``, ``up16``, ``up8``, ``up4``, ``classifier``, in this order. Each reads
    what its row of ``WIRING`` says; its config holds the arguments of ``FilterBlock`` that are no widths of others.

    Args:
        volume_channels: Of the raw cost volume.
        feature_channels: Of the left features at 1/4, 1/8, 1/16, 1/32.
        blocks: Configs of the eight blocks by name; or the name of a preset (``PRESETS``); or ``preset`` and what it
            takes: ``dict(preset='teacher', widths=(8, 16, 24, 32))``.

    Raises:
        ValueError: blocks are missing or unknown, or widths do not fit.
    """

    def __init__(self, *, volume_channels: int = 32, feature_channels: Sequence[int],
                 blocks: Mapping[str, Mapping] | str = 'teacher') -> None:
        super().__init__()
        configs = block_configs(blocks)
        self.feature_channels = tuple(feature_channels)
        self.widths = widths = {'raw': volume_channels}
        self.blocks = nn.ModuleDict()
        for name, wiring in WIRING.items():
            block = FilterBlock(wiring=wiring, in_channels=widths[wiring.reads],
                                skip_channels=widths.get(wiring.skip, 0),
                                feature_channels=feature_channels[wiring.level], **configs[name])
            self.blocks[name], widths[wiring.writes] = block, block.out_channels
        if widths['logits'] != 1:
            raise ValueError(f'the classifier of a cost filter ends in 1 channel, not {widths["logits"]}')
        self.out_channels = widths['filtered']

    def forward(self, volume: Tensor, features: Sequence[Tensor]) -> FilteredVolume:
        """Filter a volume.

        Args:
            volume: ``(B, volume_channels, levels, h, w)``, each of the last three a multiple of 8.
            features: Left features at 1/4, 1/8, 1/16, 1/32.

        Raises:
            ValueError: a size is no multiple of 8.
        """
        if any(size % COARSEST for size in volume.shape[2:]):
            raise ValueError(f'cost volume of {tuple(volume.shape[2:])} (disparities, height, width): each must be a '
                             f'multiple of {COARSEST}; pad the pictures to multiples of 32')
        if volume.device.type == 'cpu':  # twice as fast there; where it pays on a GPU depends on the kernels
            volume = volume.contiguous(memory_format=torch.channels_last_3d)
        state = {'raw': volume}
        for block in self.blocks.values():
            state = block(state, features)
        return FilteredVolume(state['filtered'], state['logits'].squeeze(1))

    @staticmethod
    def expected(logits: Tensor) -> Tensor:
        """``soft_argmin``: the disparity that the logits make expected, ``(B, 1, h, w)`` in quarter-size px."""
        return soft_argmin(logits)


def soft_argmin(logits: Tensor) -> Tensor:
    """Expected disparity (Kendall et al., ICCV 2017): ``(B, levels, h, w)`` logits -> ``(B, 1, h, w)`` px, float32."""
    probability = logits.float().softmax(dim=1)
    disparity = torch.arange(logits.shape[1], dtype=torch.float32, device=logits.device)
    return (probability * disparity[:, None, None]).sum(dim=1, keepdim=True)


def block_configs(blocks: Mapping[str, Mapping] | str) -> Mapping[str, Mapping]:
    """Configs of the eight blocks by name, from what ``CostFilter`` takes.

    Raises:
        ValueError: no such preset, one that does not take a setting, or blocks that are missing or unknown.
    """
    if isinstance(blocks, str):
        blocks = dict(preset=blocks)
    if 'preset' in blocks:
        name, settings = blocks['preset'], {key: value for key, value in blocks.items() if key != 'preset'}
        if name not in PRESETS:
            raise ValueError(f'cost filter {name!r}: one of {", ".join(PRESETS)}, or the configs of the blocks')
        unknown = sorted(set(settings) - set(signature(PRESETS[name]).parameters))
        if unknown:
            raise ValueError(f'cost filter {name!r} does not take {", ".join(unknown)}; it takes '
                             f'{", ".join(signature(PRESETS[name]).parameters) or "nothing"}')
        return PRESETS[name](**settings)
    if set(blocks) != set(WIRING):
        raise ValueError(f'blocks of a cost filter are {", ".join(WIRING)}; got {", ".join(blocks)}')
    return blocks
