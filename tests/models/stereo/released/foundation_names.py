"""Names and shapes in a released FoundationStereo, written down from what is public of it, and nothing of ours."""

from __future__ import annotations

from tests.models.stereo.mono.test_depth_anything import public_shapes

Shapes = dict[str, tuple[int, ...]]
TRUNK = (48, 96, 160, 304)


def conv(name: str, out: int, inside: int, *kernel: int, bias: bool = True) -> Shapes:
    return {f'{name}.weight': (out, inside, *kernel), **({f'{name}.bias': (out,)} if bias else {})}


def norm(name: str, channels: int) -> Shapes:
    return {**{f'{name}.{part}': (channels,) for part in ('weight', 'bias', 'running_mean', 'running_var')},
            f'{name}.num_batches_tracked': ()}


def layer_norm(name: str, channels: int) -> Shapes:
    return {f'{name}.weight': (channels,), f'{name}.bias': (channels,)}


def basic(name: str, out: int, inside: int, *kernel: int) -> Shapes:
    return {**conv(f'{name}.conv', out, inside, *kernel, bias=False), **norm(f'{name}.bn', out)}


def up(name: str, out: int, inside: int) -> Shapes:
    return {f'{name}.conv.weight': (inside, out, 4, 4, 4), **norm(f'{name}.bn', out)}


def axial(name: str, width: int) -> Shapes:
    return {**conv(f'{name}.conv1.0', width, width, 1, 3, 3), **norm(f'{name}.conv1.1', width),
            **conv(f'{name}.conv2.0', width, width, 17, 1, 1), **norm(f'{name}.conv2.1', width)}


def residual(name: str, width: int) -> Shapes:
    return {**conv(f'{name}.conv1', width, width, 3, 3, 3, bias=False), **norm(f'{name}.bn1', width),
            **conv(f'{name}.conv2', width, width, 3, 3, 3, bias=False), **norm(f'{name}.bn2', width)}


def gate(name: str, volume: int, features: int) -> Shapes:
    return {**basic(f'{name}.feat_att.0', features // 2, features, 1, 1),
            **conv(f'{name}.feat_att.1', volume, features // 2, 1, 1)}


def trunk() -> Shapes:
    """EdgeNeXt-Small as timm names it."""
    found = {**conv('feature.stem.0', 48, 3, 4, 4), **layer_norm('feature.stem.1', 48)}
    for stage, (width, depth, kernel, scales) in enumerate(zip(TRUNK, (3, 3, 9, 3), (3, 5, 7, 9), (2, 2, 3, 4))):
        place = f'feature.stages.{stage}'
        if stage:
            found |= {**layer_norm(f'{place}.downsample.0', TRUNK[stage - 1]),
                      **conv(f'{place}.downsample.1', width, TRUNK[stage - 1], 2, 2)}
        for index in range(depth):
            name = f'{place}.blocks.{index}'
            found |= {f'{name}.gamma': (width,), **layer_norm(f'{name}.norm', width),
                      **conv(f'{name}.mlp.fc1', 4 * width, width), **conv(f'{name}.mlp.fc2', width, 4 * width)}
            if not stage or index < depth - 1:
                found |= conv(f'{name}.conv_dw', width, 1, kernel, kernel)
                continue
            part = -(-width // scales)
            for split in range(scales - 1):
                found |= conv(f'{name}.convs.{split}', part, 1, 3, 3)
            found |= {f'{name}.gamma_xca': (width,), **layer_norm(f'{name}.norm_xca', width),
                      f'{name}.xca.temperature': (8, 1, 1), **conv(f'{name}.xca.qkv', 3 * width, width),
                      **conv(f'{name}.xca.proj', width, width)}
            if stage == 1:
                found |= conv(f'{name}.pos_embd.token_projection', width, 64, 1, 1)
    return found


def feature(mono: int) -> Shapes:
    found = trunk()
    for name, coarse, fine in (('32_16', 304, 160), ('16_8', 320, 96), ('8_4', 192, 48)):
        found[f'feature.deconv{name}.conv1.conv.weight'] = (coarse, fine, 4, 4)
        for part in (1, 2):
            found |= conv(f'feature.deconv{name}.conv2.conv{part}', 2 * fine, 2 * fine, 3, 3, bias=False)
    width = 96 + mono
    found |= conv('feature.conv4.0.conv', width, width, 3, 3, bias=False)
    for block in (1, 2):
        for part in (1, 2):
            found |= conv(f'feature.conv4.{block}.conv{part}', width, width, 3, 3)
    return found


def cost_filter(first: int) -> Shapes:
    found = {**conv('proj_cmb', 12, first, 1, 1), **conv('corr_stem.0', 28, 32, 1, 1, 1),
             **basic('corr_stem.1', 28, 28, 3, 3, 3), **residual('corr_stem.2', 28), **residual('corr_stem.3', 28),
             **gate('corr_feature_att', 28, first)}
    levels = ((1, 28, 56, 192, 8), (2, 56, 112, 320, 16), (3, 112, 168, 304, 32))
    for number, before, width, features, scale in levels:
        found |= {**basic(f'cost_agg.conv{number}.0', width, before, 3, 3, 3),
                  **axial(f'cost_agg.conv{number}.1', width), **up(f'cost_agg.conv{number}_up', before, width),
                  **gate(f'cost_agg.feature_att_{scale}', width, features)}
    for place, width, features, scale in ((0, 112, 320, 16), (1, 56, 192, 8)):
        found |= {**basic(f'cost_agg.agg_{place}.0', width, 2 * width, 1, 1, 1),
                  **axial(f'cost_agg.agg_{place}.1', width), **axial(f'cost_agg.agg_{place}.2', width),
                  **gate(f'cost_agg.feature_att_up_{scale}', width, features)}
    found |= {**axial('cost_agg.conv_out.0', 28), **axial('cost_agg.conv_out.1', 28),
              **conv('cost_agg.conv_patch.0', 28, 1, 4, 4, 4), **norm('cost_agg.conv_patch.1', 28)}
    for index in range(4):
        name = f'cost_agg.atts.4.sa.{index}'
        for part in ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.out_proj', 'linear1',
                     'linear2'):
            found |= conv(f'{name}.{part}', 28, 28)
        found |= {**layer_norm(f'{name}.norm1', 28), **layer_norm(f'{name}.norm2', 28)}
    return {**found, **basic('classifier.0', 14, 28, 3, 3, 3), **residual('classifier.1', 14),
            **conv('classifier.2', 1, 14, 7, 7, 7)}


def unit(name: str, width: int, before: int | None = None) -> Shapes:
    before = before or width
    found = {**conv(f'{name}.conv1', width, before, 3, 3), **conv(f'{name}.conv2', width, width, 3, 3),
             **norm(f'{name}.norm1', width), **norm(f'{name}.norm2', width)}
    if before != width or name.endswith(('layer4.0', 'layer5.0')):
        found |= {**norm(f'{name}.norm3', width), **conv(f'{name}.downsample.0', width, before, 1, 1),
                  **norm(f'{name}.downsample.1', width)}
    return found


def context(mono: int) -> Shapes:
    found = {**conv('cnet.conv1', 64, 3, 7, 7), **norm('cnet.norm1', 64), **conv('cnet.down.0', 128, 128, 4, 4),
             **norm('cnet.down.1', 128), **norm('cnet.norm', 256), **basic('cnet.conv2', 128, 128 + mono, 3, 3)}
    for number, before, width in ((1, 64, 64), (2, 64, 96), (3, 96, 128), (4, 128, 128), (5, 128, 128)):
        found |= {**unit(f'cnet.layer{number}.0', width, before), **unit(f'cnet.layer{number}.1', width)}
    for place in (0, 1):
        for scale in ('04', '08'):
            found |= {**unit(f'cnet.outputs{scale}.{place}.0', 128),
                      **conv(f'cnet.outputs{scale}.{place}.1', 128, 128, 3, 3)}
        found |= conv(f'cnet.outputs16.{place}', 128, 128, 3, 3)
    for level in range(3):
        found |= conv(f'context_zqr_convs.{level}', 384, 128, 3, 3)
    return {**found, 'cam.fc.0.weight': (8, 128, 1, 1), 'cam.fc.2.weight': (128, 8, 1, 1),
            'sam.samconv.weight': (1, 2, 7, 7)}


def refinement() -> Shapes:
    block = 'update_block'
    found = {**conv(f'{block}.encoder.convc1', 256, 522, 1, 1), **conv(f'{block}.encoder.convc2', 256, 256, 3, 3),
             **conv(f'{block}.encoder.convd1', 64, 1, 7, 7), **conv(f'{block}.encoder.convd2', 64, 64, 3, 3),
             **conv(f'{block}.encoder.conv', 127, 320, 3, 3), **conv(f'{block}.mask.0', 64, 128, 3, 3),
             **conv(f'{block}.mask.2', 32, 64, 3, 3), **conv(f'{block}.disp_head.conv.0', 128, 128, 3, 3),
             **conv(f'{block}.disp_head.conv.4', 1, 128, 3, 3)}
    for level, inside in (('04', 384), ('08', 384), ('16', 256)):
        name = f'{block}.gru{level}'
        found |= {**conv(f'{name}.conv0.0', inside, inside, 3, 3),
                  **conv(f'{name}.conv1.0', inside + 128, inside + 128, 3, 3)}
        for size, kernel in (('small', 1), ('large', 3)):
            for part in ('convz', 'convr', 'convq'):
                found |= conv(f'{name}.{size}_gru.{part}', 128, inside + 128, kernel, kernel)
    for index in (2, 3):
        name = f'{block}.disp_head.conv.{index}'
        found |= {f'{name}.gamma': (128,), **conv(f'{name}.dwconv', 128, 1, 7, 7),
                  **conv(f'{name}.pwconv1', 512, 128), **conv(f'{name}.pwconv2', 128, 512)}
    return {**found, 'stem_2.0.conv.weight': (32, 3, 3, 3), 'stem_2.1.weight': (32, 32, 3, 3),
            'stem_4.0.conv.weight': (48, 32, 3, 3), 'stem_4.1.weight': (48, 48, 3, 3),
            'spx_2_gru.conv1.conv.weight': (32, 32, 4, 4), 'spx_2_gru.conv2.conv.weight': (64, 64, 3, 3),
            'spx_gru.0.weight': (64, 9, 4, 4), 'spx_gru.0.bias': (9,)}


def foundation_stereo(channels: int, depth: int, levels: tuple[int, ...], width: int) -> Shapes:
    """All of it, with a prior of these settings."""
    prior = {f'feature.dino.depth_anything.{name}': shape
             for name, shape in public_shapes(channels, depth, levels, width).items()}
    mono = width // 2
    return {**prior, **feature(mono), **cost_filter(96 + mono), **context(mono), **refinement()}
