"""A pickled Fast-FoundationStereo as the released files hold it: classes of a module that is not there when it is read.

Layers and names of the member of the family that its paper's first table shows; written down from what is public.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from perception_kd.models.stereo.edgenext import EdgeNeXt

REPOSITORY = 'foundation_stereo_ori'


def instance(kind: str, base: type) -> Any:
    """Of a class of the absent repository."""
    place = sys.modules[REPOSITORY]
    if not hasattr(place, kind):
        setattr(place, kind, type(kind, (base,), dict(__module__=REPOSITORY)))
    return getattr(place, kind)()


def mapping(**values: Any) -> Any:
    """As OmegaConf keeps one: each entry is a node that holds its value."""
    config = instance('DictConfig', object)
    config._content = {name: instance('AnyNode', object) for name in values}
    for name, value in values.items():
        config._content[name]._val = value
    return config


def made(kind: str, **parts: Any) -> nn.Module:
    """An instance of a class of the absent repository, with these children and attributes."""
    module = instance(kind, nn.Module)
    for name, part in parts.items():
        setattr(module, name, part)
    return module


@contextmanager
def repository() -> Iterator[None]:
    """Its module is there inside, as in the process that trained."""
    sys.modules[REPOSITORY] = ModuleType(REPOSITORY)
    try:
        yield
    finally:
        del sys.modules[REPOSITORY]


def basic(inside: int, out: int, kernel: int = 3, *, stride: int = 1, relu: bool = True, old: bool = False,
          up: bool = False, flat: bool = False, padding: int | None = None) -> nn.Module:
    padding = kernel // 2 if padding is None else padding
    layer = nn.ConvTranspose3d if up else nn.Conv2d if flat else nn.Conv3d
    more = dict(output_padding=1) if up and kernel == 3 else {}
    act = relu if old else nn.LeakyReLU() if relu else nn.Identity()
    return made('BasicConv', conv=layer(inside, out, kernel, stride, padding, bias=False, **more),
                bn=(nn.BatchNorm2d if flat else nn.BatchNorm3d)(out), relu=act)


def axial(inside: int, out: int, side: int) -> nn.Module:
    plane = nn.Conv3d(inside, out, (1, 3, 3), padding=(0, 1, 1))
    axis = nn.Conv3d(out, out, (side, 1, 1), padding=(side // 2, 0, 0))
    return made('Conv3dNormActReduced', conv1=nn.Sequential(plane, nn.BatchNorm3d(out), nn.ReLU()),
                conv2=nn.Sequential(axis, nn.BatchNorm3d(out), nn.ReLU()))


def residual(width: int) -> nn.Module:
    return made('ResnetBasicBlock3D', conv1=nn.Conv3d(width, width, 3, padding=1, bias=False),
                bn1=nn.BatchNorm3d(width), conv2=nn.Conv3d(width, width, 3, padding=1, bias=False),
                bn2=nn.BatchNorm3d(width))


def gate(volume: int, features: int) -> nn.Module:
    return made('FeatureAtt', feat_att=nn.Sequential(
        basic(features, features // 2, 1, flat=True), nn.Conv2d(features // 2, volume, 1)))


def chain(*layers: nn.Module) -> nn.Module:
    return made('ForwardHelper', layers=nn.ModuleList(layers))


def merge(upsample: list[nn.Module], *out: nn.Module) -> nn.Module:
    return made('PostForwardHelper', op='sum', upsample=nn.Sequential(*upsample), out=nn.ModuleList(out))


def attention(width: int, hidden: int, layers: int = 1) -> nn.Module:
    def heads() -> nn.Module:
        parts = {name: nn.Linear(width, width) for name in ('q_proj', 'k_proj', 'v_proj', 'out_proj')}
        return made('FlashMultiheadAttention', num_heads=4, **parts)

    return made('CostVolumeDisparityAttention', sa=nn.ModuleList(
        made('FlashAttentionTransformerEncoderLayer', self_attn=heads(),
             act=nn.GELU(), linear1=nn.Linear(width, hidden), linear2=nn.Linear(hidden, width),
             norm1=nn.LayerNorm(width), norm2=nn.LayerNorm(width)) for _ in range(layers)),
        pos_embed0=made('PositionalEmbedding', pe=torch.zeros(1, 12, width)))


def cost_aggregation() -> nn.Module:
    return made(
        'hourglass', conv1=nn.Identity(), conv2=nn.Identity(),
        feature_att_8=chain(basic(28, 28, stride=2), axial(28, 56, 17), gate(56, 192)),
        feature_att_16=chain(basic(56, 112, stride=2), axial(112, 56, 13), axial(56, 112, 3)),
        conv3=nn.Sequential(basic(112, 168, stride=2), axial(168, 168, 17)), feature_att_32=gate(168, 304),
        conv3_up=basic(168, 112, 4, stride=2, up=True, padding=1), agg_0=nn.Sequential(basic(224, 112, 1)),
        feature_att_up_16=gate(112, 320), atts=nn.ModuleDict({'4': attention(28, 28, 4)}),
        conv_patch=nn.Sequential(nn.Conv3d(28, 28, 4, 4, groups=28), nn.BatchNorm3d(28)),
        conv_out=nn.Sequential(axial(28, 28, 17)), conv1_up=basic(56, 28, 4, stride=2, up=True, padding=1),
        post32_to_16=merge([basic(168, 112, 3, stride=2, up=True, padding=1)], gate(112, 320), basic(112, 112),
                           axial(112, 112, 9), basic(112, 112)),
        post16_to_8=merge([basic(112, 56, 4, stride=2, up=True, padding=1)], basic(56, 56), gate(56, 192),
                          axial(56, 56, 9)),
        post8_to_4=merge([basic(28, 28, 4, stride=4, padding=0, relu=False, old=True), attention(28, 112),
                          nn.Upsample(scale_factor=4, mode='trilinear')], basic(28, 28), residual(28)))


def update_block() -> nn.Module:
    def two(inside: int, out: int, kernel: int = 3) -> nn.Conv2d:
        return nn.Conv2d(inside, out, kernel, padding=kernel // 2)

    def gru(kernel: int) -> nn.Module:
        return made('RaftConvGRU', convz=two(168, 60, kernel), convr=two(168, 60, kernel), convq=two(160, 60, kernel))

    def block(hidden: int) -> nn.Module:
        return made('EdgeNextConvEncoder', dwconv=nn.Conv2d(36, 36, 7, padding=3, groups=36), norm=nn.Identity(),
                    pwconv1=nn.Linear(36, hidden), pwconv2=nn.Linear(hidden, 36), gamma=nn.Parameter(torch.ones(36)))

    return made(
        'BasicSelectiveMultiUpdateBlock',
        encoder=made('BasicMotionEncoder', convc1=two(522, 56, 1), convc2=two(56, 96), convd1=two(1, 16, 7),
                     convd2=two(16, 12), conv=two(108, 48)),
        gru04=made('SelectiveConvGRU', conv0=nn.Sequential(two(97, 100)), conv1=nn.Sequential(two(160, 168)),
                   small_gru=gru(1), large_gru=gru(3)),
        disp_head=made('DispHead', conv=nn.Sequential(two(60, 36), nn.ReLU(), block(212), block(244), two(36, 1))),
        mask=nn.Sequential(two(60, 32), nn.ReLU(), two(32, 16), nn.ReLU()))


def feature() -> nn.Module:
    def join(coarse: int, fine: int) -> nn.Module:
        up = made('BasicConv_IN', conv=nn.ConvTranspose2d(coarse, fine, 4, 2, 1, bias=False))
        both = {f'conv{part}': nn.Conv2d(2 * fine, 2 * fine, 3, padding=1, bias=False) for part in (1, 2)}
        return made('Conv2x_IN', conv1=up, conv2=made('ResnetBasicBlock', **both))

    trunk = EdgeNeXt()
    return made('Feature', stem=trunk.stem, stages=nn.Sequential(*(
        made('EdgeNeXtStage', downsample=stage.downsample, blocks=stage.blocks) for stage in trunk.stages)),
        deconv32_16=join(304, 160), deconv16_8=join(320, 96), deconv8_4=join(192, 48), conv4=nn.Conv2d(96, 224, 1))


def fast_foundation_stereo() -> nn.Module:
    """The whole model; only inside :func:`repository`."""
    model = made(
        'FastFoundationStereo', cv_group=8, args=mapping(max_disp=192, valid_iters=8), feature=feature(),
        proj_cmb=nn.Conv2d(224, 12, 1),
        update_block=update_block(), sam=made('SpatialAttentionExtractor', samconv=nn.Conv2d(2, 1, 7, bias=False)),
        cam=made('ChannelAttentionEnhancement', fc=nn.Sequential(
            nn.Conv2d(48, 8, 1, bias=False), nn.ReLU(), nn.Conv2d(8, 48, 1, bias=False))),
        cnet=made('ContextNetSharedBackbone', conv04=nn.ModuleList([basic(224, 60, flat=True),
                                                                    basic(224, 48, flat=True)])),
        context_zqr_convs=nn.ModuleList([nn.Conv2d(128, 384, 3)]),
        stem_2=nn.Sequential(made('BasicConv_IN', conv=nn.Conv2d(3, 12, 3, bias=False)),
                             nn.Conv2d(12, 16, 3, bias=False)),
        spx_2_gru=made('Conv2x', conv1=made('BasicConv', conv=nn.ConvTranspose2d(16, 12, 4, bias=False)),
                       conv2=made('BasicConv', conv=nn.Conv2d(28, 24, 3, bias=False))),
        spx_gru=nn.Sequential(nn.ConvTranspose2d(24, 9, 4)), corr_stem=nn.Identity(),
        corr_feature_att=chain(basic(32, 28), basic(28, 28), gate(28, 224)), cost_agg=cost_aggregation(),
        classifier=chain(nn.Conv3d(28, 1, 3, padding=1)))
    model.register_buffer('dx', torch.arange(-4, 5, dtype=torch.int8))
    return model


def write_fast(path: Path, seed: int = 0) -> nn.Module:
    """The model, pickled whole to ``path`` with weights that are not those it begins with."""
    torch.manual_seed(seed)
    with repository():
        model = fast_foundation_stereo()
        with torch.no_grad():
            for name, value in model.named_buffers():
                if name.endswith(('running_mean', 'running_var')):
                    value.uniform_(0.5, 1.5)
        torch.save(model, path)
    return model.eval()
