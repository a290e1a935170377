"""EdgeNeXt (Maaz et al., ECCV CADL 2022), the trainable trunk of the paper-size feature nets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.stereo.edgenext_blocks import ChannelLayerNorm, ConvEncoder, SplitAttentionEncoder
from perception_kd.registry import MODELS

# What a file of ImageNet weights holds besides the trunk: the classifier and its normalisation.
CLASSIFIER = ('head.*',)
# Names of the authors' own files -> those of timm, which this module has.
_AUTHORS_NAMES = (
    (r'^downsample_layers\.0\.', 'stem.'),
    (r'^downsample_layers\.(\d+)\.(\d+)\.', r'stages.\1.downsample.\2.'),
    (r'^stages\.(\d+)\.(\d+)\.', r'stages.\1.blocks.\2.'),
    (r'\.dwconv\.', '.conv_dw.'),
    (r'\.pwconv([12])\.', r'.mlp.fc\1.'),
    (r'^norm\.', 'head.norm.'),
    (r'^head\.(weight|bias)$', r'head.fc.\1'),
)


@MODELS.register_module()
class EdgeNeXt(BaseModule):
    """Four stages of convolution encoders, each closed by attention encoders, at 1/4, 1/8, 1/16 and 1/32.

    The defaults are EdgeNeXt-Small (5.28 M parameters). Parameters are named as timm names them.

    Args:
        channels: Of the four stages.
        depths: Blocks of each stage.
        attention_blocks: How many of them, at the stage's end, are attention encoders.
        kernels: Of the depth-wise convolutions of each stage.
        scales: Parts into which the attention encoders of each stage split the channels.
        heads: Of the attention of each stage.
        positions: Stages whose attention encoders are told the place of each pixel.
        expand: Hidden channels of the bottlenecks over the stage's.
        layer_scale: What the learned scales of the branches start from. 1e-6, of the paper, suits long training;
            larger values suit short training from random weights.
        weights: File of ImageNet weights in timm's or the authors' names (``edgenext_small_usi.pth``), read when the
            net is initialised for training and not before; None: random weights.
    """

    def __init__(self, *, channels: Sequence[int] = (48, 96, 160, 304), depths: Sequence[int] = (3, 3, 9, 3),
                 attention_blocks: Sequence[int] = (0, 1, 1, 1), kernels: Sequence[int] = (3, 5, 7, 9),
                 scales: Sequence[int] = (2, 2, 3, 4), heads: Sequence[int] = (8, 8, 8, 8),
                 positions: Sequence[bool] = (False, True, False, False), expand: float = 4,
                 layer_scale: float = 1e-6, weights: str | Path | None = None) -> None:
        super().__init__()
        per_stage = dict(channels=channels, depths=depths, attention_blocks=attention_blocks, kernels=kernels,
                         scales=scales, heads=heads, positions=positions)
        for name, values in per_stage.items():
            if len(values) != 4:
                raise ValueError(f'EdgeNeXt has 4 stages, {name} has {len(values)} entries')
        self.out_channels = tuple(channels)
        self.weights_file = None if weights is None else Path(weights)
        self.stem = nn.Sequential(nn.Conv2d(3, channels[0], 4, 4), ChannelLayerNorm(channels[0]))
        stages = [dict(zip(per_stage, values)) for values in zip(*per_stage.values())]
        self.stages = nn.ModuleList(
            _Stage(before=before, expand=expand, layer_scale=layer_scale, **stage)
            for before, stage in zip((None, *channels), stages))
        self.apply(_draw)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``(B, 3, H, W)`` normalised -> maps at 1/4, 1/8, 1/16 and 1/32."""
        x, maps = self.stem(images), []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def init_weights(self) -> None:
        """Random weights as drawn when the net was built, then all of the file's.

        Raises:
            FileNotFoundError: no such file; says what to fetch.
            ValueError: its content does not fit.
        """
        super().init_weights()
        if self.weights_file is None:
            return
        from perception_kd.distill.weights import load_strictly  # these two import the models
        from perception_kd.engine.foreign_checkpoint import load_weights

        path = self.weights_file
        if not path.is_file():
            raise FileNotFoundError(f'no ImageNet weights at {path}: fetch the EdgeNeXt weights of timm or of the '
                                    'authors and put the file there, or set weights=None in the backbone')
        report = load_strictly(self, timm_names(load_weights(path)), exceptions=CLASSIFIER,
                               who=f'ImageNet weights {path}')
        print_log(f'ImageNet weights from {path}: {report}', logger='current')


class _Stage(nn.Module):
    """Downsampling, where a stage stands before it, then blocks; children are named as timm names them."""

    def __init__(self, *, before: int | None, channels: int, depths: int, attention_blocks: int, kernels: int,
                 scales: int, heads: int, positions: bool, expand: float, layer_scale: float) -> None:
        super().__init__()
        self.downsample = nn.Identity() if before is None else nn.Sequential(
            ChannelLayerNorm(before), nn.Conv2d(before, channels, 2, 2))
        shared = dict(channels=channels, expand=expand, layer_scale=layer_scale)
        convolutions = [ConvEncoder(kernel=kernels, **shared) for _ in range(depths - attention_blocks)]
        attention = [SplitAttentionEncoder(scales=scales, heads=heads, position=positions, **shared)
                     for _ in range(attention_blocks)]
        self.blocks = nn.Sequential(*convolutions, *attention)

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.downsample(x))


def _draw(module: nn.Module) -> None:
    """Weights as the paper draws them: normal with deviation 0.02, cut at two deviations; biases 0."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=0.02, a=-0.04, b=0.04)
        nn.init.zeros_(module.bias)


def timm_names(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of an EdgeNeXt under timm's names, from a file in those names or in its authors'."""
    if not any(name.startswith('downsample_layers.') for name in weights):
        return dict(weights)
    renamed = {}
    for name, value in weights.items():
        for pattern, replacement in _AUTHORS_NAMES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = value
    return renamed
