"""Configs of the eight blocks: the published teacher and student, and any teacher of other widths."""

from __future__ import annotations

from collections.abc import Callable, Sequence

EXCITE = dict(type='excite')


def foundation_blocks(*, widths: Sequence[int] = (28, 56, 112, 168), axial: int = 17, residuals: int = 2,
                      transformer_layers: int = 4, heads: int = 4, shortcut: bool = False, last_kernel: int = 7,
                      attn_layout: str = 'bhld') -> dict[str, dict]:
    """FoundationStereo's cost filter (Wen et al., CVPR 2025), any width.

    Args:
        widths: Of the volumes at 1/4, 1/8, 1/16, 1/32.
        axial: Kernel of every axial-planar convolution along disparity.
        residuals: Residual blocks of the stem.
        transformer_layers, heads, shortcut, attn_layout: Of the disparity transformer.
        last_kernel: Of the classifier's last convolution.
    """
    quarter, eighth, sixteenth, coarsest = widths
    half = quarter // 2

    def apc(channels: int) -> dict:
        return dict(type='apc', channels=channels, axial=axial)

    def down(channels: int) -> dict:
        return dict(layers=[dict(type='conv', channels=channels, stride=2), apc(channels), EXCITE])

    def up(channels: int) -> dict:
        return dict(layers=[dict(type='deconv', channels=channels)], merge='concat',
                    after=[dict(type='conv', channels=channels, kernel=1), apc(channels), apc(channels), EXCITE])

    transformer = dict(type='transformer', layers=transformer_layers, heads=heads, shortcut=shortcut,
                       attn_layout=attn_layout)
    return dict(
        stem=dict(layers=[dict(type='conv', channels=quarter, kernel=1, norm=False, act=None),
                          dict(type='conv'), *[dict(type='residual')] * residuals, EXCITE]),
        down8=down(eighth), down16=down(sixteenth), down32=down(coarsest),
        up16=up(sixteenth), up8=up(eighth),
        up4=dict(layers=[dict(type='deconv', channels=quarter)], merge='sum', skip_layers=[transformer],
                 after=[apc(quarter), apc(quarter)]),
        classifier=dict(layers=[dict(type='conv', channels=half), dict(type='residual'),
                                dict(type='conv', channels=1, kernel=last_kernel, norm=False, act=None)]))


def released_blocks(*, attn_layout: str = 'compat') -> dict[str, dict]:
    """The student that Fast-FoundationStereo released (Wen et al., CVPR 2026), found by their blockwise search.

    Its transformer follows the last up-sampling, whose own result is not kept: the skip is the stem's volume alone.

    Args:
        attn_layout: ``compat`` for its weights; what is trained anew wants ``bhld``, which mixes disparities.
    """
    transformer = dict(type='transformer', patch_groups=1, patch_bias=False, layers=1, heads=4, ffn=112,
                       attn_layout=attn_layout)
    return dict(
        stem=dict(layers=[dict(type='conv', channels=28), dict(type='conv'), EXCITE]),
        down8=dict(layers=[dict(type='conv', stride=2), dict(type='apc', channels=56), EXCITE]),
        down16=dict(layers=[dict(type='conv', channels=112, stride=2), dict(type='apc', channels=56, axial=13),
                            dict(type='apc', channels=112, axial=3)]),
        down32=dict(layers=[dict(type='conv', channels=168, stride=2), dict(type='apc'), EXCITE]),
        up16=dict(layers=[dict(type='deconv', channels=112, kernel=3)], merge='sum',
                  after=[EXCITE, dict(type='conv'), dict(type='apc', axial=9), dict(type='conv')]),
        up8=dict(layers=[dict(type='deconv', channels=56)], merge='sum',
                 after=[dict(type='conv'), EXCITE, dict(type='apc', axial=9)]),
        up4=dict(layers=[dict(type='deconv', channels=28), transformer], merge='sum',
                 after=[dict(type='conv'), dict(type='residual')]),
        classifier=dict(layers=[dict(type='conv', channels=1, norm=False, act=None)]))


def compact_blocks(*, widths: Sequence[int] = (8, 16, 32, 48), axial: int = 9, transformer_layers: int = 0,
                   heads: int = 2, gate: int = 16) -> dict[str, dict]:
    """A filter for the CPU: at 1/4, where most of the time goes, two planar convolutions and an axial one alone.

    Args:
        widths: Of the volumes at 1/4, 1/8, 1/16, 1/32.
        axial: Kernel of the axial-planar convolutions along disparity; 5 at 1/32.
        transformer_layers, heads: Of the disparity transformer; 0 layers: without.
        gate: Hidden channels of the excitation by left features, at 1/8 to 1/32.
    """
    quarter, eighth, sixteenth, coarsest = widths
    excite, apc = dict(type='excite', hidden=gate), dict(type='apc', axial=axial)
    transformer = dict(type='transformer', layers=transformer_layers, heads=heads, shortcut=True)

    def down(channels: int, mix: dict) -> dict:
        return dict(layers=[dict(type='conv', channels=channels, stride=2), mix, excite])

    def up(channels: int, *after: dict) -> dict:
        return dict(layers=[dict(type='upsample', channels=channels)], merge='sum', after=list(after))

    planar = dict(type='conv', channels=quarter, kernel=(1, 3, 3))
    return dict(
        stem=dict(layers=[planar]),
        down8=down(eighth, apc), down16=down(sixteenth, apc), down32=down(coarsest, dict(type='apc', axial=5)),
        up16=up(sixteenth, apc), up8=up(eighth, apc, excite),
        up4=dict(up(quarter, planar), skip_layers=[transformer] if transformer_layers else []),
        classifier=dict(layers=[dict(type='conv', channels=1, kernel=(3, 1, 1), norm=False, act=None)]))


PRESETS: dict[str, Callable[[], dict[str, dict]]] = {'teacher': foundation_blocks, 'released': released_blocks,
                                                      'compact': compact_blocks}
