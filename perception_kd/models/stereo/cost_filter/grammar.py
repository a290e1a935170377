"""Which blocks of a cost filter may stand in a teacher's place: random designs of layers that keep its shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from perception_kd.compress.search.layer_choices import Choices, Layer, check_choices, draw_layer, ending_in, one_of
from perception_kd.models.stereo.cost_filter.blocks import WIRING
from perception_kd.models.stereo.cost_filter.cost_filter import CostFilter
from perception_kd.models.stereo.cost_filter.disparity_transformer import DisparityTransformer

DOWN, LAST = ('down8', 'down16', 'down32'), 'classifier'
MERGES = ('sum', 'concat')


@dataclass(frozen=True, kw_only=True)
class BlockFrame:
    """What the designs of a block share with the teacher's.

    Attributes:
        name: Of the block.
        in_channels, skip_channels, out_channels: Of the volumes that it reads, merges with (0: none) and writes.
        layers: How many a design has at most: as many as the teacher's, transformers aside.
        transformer: ``patch`` and ``shortcut`` of the teacher's transformer; None: it has none.
    """

    name: str
    in_channels: int
    skip_channels: int = 0
    out_channels: int
    layers: int
    transformer: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, cost_filter: CostFilter, name: str) -> BlockFrame:
        """Of a block of a filter."""
        block, wiring = cost_filter.blocks[name], WIRING[name]
        layers = [layer for chain in (block.layers, block.skip_layers, block.after) for layer in chain.layers]
        mixers = [layer for layer in layers if isinstance(layer, DisparityTransformer)]
        return cls(name=name, in_channels=cost_filter.widths[wiring.reads],
                   skip_channels=cost_filter.widths[wiring.skip] if block.merge else 0,
                   out_channels=block.out_channels, layers=len(layers) - len(mixers),
                   transformer=dict(patch=mixers[0].patch, shortcut=mixers[0].shortcut) if mixers else None)

    @property
    def base(self) -> int:
        """Channels that widths of layers are factors of."""
        return self.in_channels if self.name == LAST else self.out_channels


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """Designs of a block; the defaults are those of Fast-FoundationStereo (Wen et al., CVPR 2026).

    Every design keeps the shapes of the teacher's block and has as many layers or fewer. Among the layers is one that
    halves the size in blocks that do, or one that doubles it, which goes before the merge with the skip; the others
    are drawn from ``layers``, at most one of them the excitation by left features.

    Args:
        layers: Kind of layer (``LAYERS``) -> argument -> its choices; ``channels`` as factors of the block's width.
        down: The same of the convolution that halves the size.
        up: Layers that double it, whole but for ``channels``.
        last: Choices of the convolution that ends the classifier.
        excite: Choices of the excitation; None: no design has one.
        merge: ``sum``, ``concat`` or both.
        transformer: Choices of the disparity transformer, where the teacher's block has one; ``ffn`` as factors of its
            width, and 0 ``layers`` leave it out.

    Raises:
        ValueError: nothing to choose from, or an unknown merge.
    """

    layers: Mapping[str, Choices] = field(default_factory=lambda: dict(
        conv=dict(channels=(0.5, 1, 2), norm=(True, False), act=('leaky', None)),
        apc=dict(channels=(0.5, 1), axial=(3, 9, 17)),
        residual=dict(channels=(0.5, 1))))
    down: Choices = field(default_factory=lambda: dict(
        channels=(0.5, 1, 2), norm=(True, False), act=('leaky', None)))
    up: Sequence[Layer] = (dict(type='deconv'),)
    last: Choices = field(default_factory=lambda: dict(kernel=(3,)))
    excite: Choices | None = field(default_factory=dict)
    merge: Sequence[str] = MERGES
    transformer: Choices = field(default_factory=lambda: dict(layers=(1, 2, 3, 4, 5, 6), ffn=(2, 4), heads=(2, 4)))

    def __post_init__(self) -> None:
        check_choices('a cost filter', dict(layers=list(self.layers), up=self.up, merge=self.merge), self.down,
                      self.last, self.transformer, self.excite or {}, *self.layers.values())
        if set(self.merge) - set(MERGES):
            raise ValueError(f'grammar of a cost filter: merge is of {", ".join(MERGES)}, got {", ".join(self.merge)}')

    def draw(self, frame: BlockFrame, rng: np.random.Generator) -> dict[str, Any]:
        """A design: arguments of ``FilterBlock`` besides the widths of what the block reads.

        Raises:
            ValueError: no design of this grammar fits.
        """
        if not frame.skip_channels:
            head = [draw_layer('conv', self.down, frame.base, rng) | dict(stride=2)] if frame.name in DOWN else []
            tail = [draw_layer('conv', self.last, frame.base, rng) | dict(channels=1, norm=False, act=None)
                    ] if frame.name == LAST else []
            body = self._body(frame, rng, frame.layers - len(head + tail), needed=not head and not tail)
            layers = [*head, *body, *tail]
            return dict(layers=layers if tail else _ending(frame, layers))
        merge = one_of(self._merges(frame), rng)
        skip = frame.skip_channels
        head = dict(one_of(self.up, rng), channels=skip if merge == 'sum' else frame.out_channels)
        needed = merge == 'concat' or skip != frame.out_channels
        after = _ending(frame, self._body(frame, rng, frame.layers - 1, needed=needed))
        return dict(layers=[head], merge=merge, skip_layers=self._mixer(frame, rng), after=after)

    def _merges(self, frame: BlockFrame) -> list[str]:
        merges = [one for one in self.merge
                  if frame.layers > 1 or (one == 'sum' and frame.skip_channels == frame.out_channels)]
        if not merges:
            raise ValueError(f'block {frame.name}: its one layer cannot merge {frame.skip_channels} channels into '
                             f'{frame.out_channels}; allow merge sum, or leave the block out')
        return merges

    def _body(self, frame: BlockFrame, rng: np.random.Generator, most: int, needed: bool) -> list[Layer]:
        """Up to ``most`` layers that keep the size; ``needed``: one at least that sets the number of channels."""
        count = int(rng.integers(int(needed), most + 1))
        kinds = [one_of(list(self.layers), rng) for _ in range(count)]
        body = [draw_layer(kind, self.layers[kind], frame.base, rng) for kind in kinds]
        if self.excite is not None and count > int(needed) and rng.random() < 0.5:
            body[int(rng.integers(count))] = draw_layer('excite', self.excite, frame.base, rng)
        return body

    def _mixer(self, frame: BlockFrame, rng: np.random.Generator) -> list[Layer]:
        """The transformer beside the up-sampling, if the teacher has one and the draw does not leave it out."""
        if frame.transformer is None:
            return []
        width = frame.skip_channels
        fitting = dict(self.transformer, heads=[heads for heads in self.transformer.get('heads', (4,))
                                                if width % heads == 0])
        if not fitting['heads']:
            raise ValueError(f'block {frame.name}: no number of heads of the grammar divides {width} channels')
        layer = draw_layer('transformer', fitting, width, rng)
        if 'ffn' in layer:
            layer['ffn'] = int(width * layer['ffn'])
        return [{**layer, **frame.transformer}] if layer['layers'] else []


def _ending(frame: BlockFrame, layers: list[Layer]) -> list[Layer]:
    return ending_in(frame.out_channels, layers, passing=('excite',))
