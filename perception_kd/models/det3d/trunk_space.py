"""The stages of a detector's BEV trunk, for a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import nn

from perception_kd.compress.search.layer_choices import Choices, check_choices, draw_layer, ending_in, one_of
from perception_kd.compress.search.space import SearchSpace, Spec
from perception_kd.registry import SEARCH_SPACES

LAYERS = dict(conv=dict(channels=(0.5, 1), kernel=(1, 3)), separable=dict(channels=(0.5, 1), kernel=(3, 5)),
              residual=dict(channels=(0.5, 1)))
CONVOLUTIONS = {'residual': 2}  # of a layer, along its depth; others count as one


@SEARCH_SPACES.register_module()
class BEVTrunkSpace(SearchSpace):
    """Stages of a ``BEVTrunk``: chains of plain, separable and residual layers, no deeper than the teacher's stage.

    The teacher is a detector whose ``trunk`` it is. A design is ``dict(layers=[...])``, see ``plane_layers``; a
    residual layer counts as two.

    Args:
        stages: Their numbers from 0, the finest; the blocks are named ``stage0``, ``stage1``, ...
        layers: Kind of layer -> argument -> its choices; ``channels`` as factors of the stage's.

    Raises:
        ValueError: no stage, or nothing to choose from.
    """

    def __init__(self, *, stages: Sequence[int], layers: Mapping[str, Choices] | None = None) -> None:
        if not stages or any(not isinstance(stage, int) or stage < 0 for stage in stages):
            raise ValueError(f'stages of a BEV trunk to search are numbers from 0, got {stages!r}')
        super().__init__(blocks={f'stage{stage}': f'trunk.stages.{stage}' for stage in sorted(set(stages))})
        self.layers = dict(layers or LAYERS)
        check_choices('a BEV trunk', *self.layers.values())

    def draw(self, block: str, rng: np.random.Generator, teacher: nn.Module) -> Spec:
        """``layers`` of a stage."""
        index, trunk = self._stage(block, teacher), teacher.trunk
        width, most = trunk.widths[index + 1], _depth(trunk.layers[index])
        left = int(rng.integers(1, most + 1))
        layers = []
        while fitting := [kind for kind in self.layers if CONVOLUTIONS.get(kind, 1) <= left]:
            layers.append(draw_layer(kind := one_of(fitting, rng), self.layers[kind], width, rng))
            left -= CONVOLUTIONS.get(kind, 1)
        if not layers:
            raise ValueError(f'block {block}: no layer of the grammar is as shallow as {most} convolutions')
        return dict(layers=ending_in(width, layers))

    def build(self, block: str, spec: Spec, teacher: nn.Module) -> nn.Module:
        """The stage of a design."""
        return teacher.trunk.build_stage(self._stage(block, teacher), spec['layers'])

    def apply(self, model_config: Mapping[str, Any], choice: Mapping[str, Spec]) -> dict[str, Any]:
        """The detector's config whose trunk has these ``designs``."""
        trunk = dict(model_config['trunk'])
        designs = list(trunk.get('designs') or [None] * len(trunk['channels']))
        for block, spec in choice.items():
            designs[int(self.path(block).rpartition('.')[2])] = spec['layers']
        return {**model_config, 'trunk': {**trunk, 'designs': designs}}

    def _stage(self, block: str, teacher: nn.Module) -> int:
        index, trunk = int(self.path(block).rpartition('.')[2]), getattr(teacher, 'trunk', None)
        if not hasattr(trunk, 'build_stage') or index >= len(trunk.stages):
            raise ValueError(f'block {block}: the teacher {type(teacher).__name__} has no BEVTrunk with a stage '
                             f'{index}')
        return index


def _depth(layers: Sequence[Mapping[str, Any]]) -> int:
    return sum(CONVOLUTIONS.get(layer['type'], 1) for layer in layers)
