"""The blocks of a stereo matcher's cost filter, for a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

from perception_kd.compress.search.space import SearchSpace, Spec
from perception_kd.models.stereo.cost_filter.blocks import WIRING, FilterBlock
from perception_kd.models.stereo.cost_filter.cost_filter import block_configs, soft_argmin
from perception_kd.models.stereo.cost_filter.grammar import LAST, BlockFrame, Grammar
from perception_kd.models.stereo.loss import initial_loss
from perception_kd.models.stereo.stereo_matcher import padded_truth
from perception_kd.registry import SEARCH_SPACES


@SEARCH_SPACES.register_module()
class StereoFilterSpace(SearchSpace):
    """Eight blocks of a ``CostFilter`` (Fast-FoundationStereo); the teacher is a ``StereoMatcher``.

    The last one is taught the true disparity, the others the teacher's volumes.

    Args:
        blocks: Names of those to search; None: all.
        grammar: What differs from the published :class:`Grammar`.

    Raises:
        ValueError: an unknown block, or a grammar that does not fit.
    """

    def __init__(self, *, blocks: Sequence[str] | None = None, grammar: Mapping[str, Any] | None = None) -> None:
        names = list(WIRING) if blocks is None else list(blocks)
        if not names or set(names) - set(WIRING):
            raise ValueError(f'blocks of a cost filter are {", ".join(WIRING)}; got {", ".join(names) or "none"}')
        super().__init__(blocks={name: f'cost_filter.blocks.{name}' for name in WIRING if name in names})
        try:
            self.grammar = Grammar(**(grammar or {}))
        except TypeError as error:
            raise ValueError(f'grammar of a cost filter: {str(error).replace("Grammar.__init__()", "it")}') from error

    def draw(self, block: str, rng: np.random.Generator, teacher: nn.Module) -> Spec:
        """Arguments of a ``FilterBlock`` besides the widths of what it reads."""
        return self.grammar.draw(BlockFrame.of(teacher.cost_filter, block), rng)

    def build(self, block: str, spec: Spec, teacher: nn.Module) -> nn.Module:
        """The ``FilterBlock`` of a design."""
        cost_filter, wiring = teacher.cost_filter, WIRING[block]
        module = FilterBlock(
            wiring=wiring, in_channels=cost_filter.widths[wiring.reads],
            skip_channels=cost_filter.widths.get(wiring.skip, 0),
            feature_channels=cost_filter.feature_channels[wiring.level], **spec)
        if module.out_channels != cost_filter.widths[wiring.writes]:
            raise ValueError(f'block {block}: the design ends in {module.out_channels} channels, the teacher in '
                             f'{cost_filter.widths[wiring.writes]}')
        return module

    def apply(self, model_config: Mapping[str, Any], choice: Mapping[str, Spec]) -> dict[str, Any]:
        """The matcher's config with these blocks."""
        settings = dict(model_config['cost_filter'])
        blocks = block_configs(settings.get('blocks', 'teacher'))
        return {**model_config, 'cost_filter': {**settings, 'blocks': {**blocks, **choice}}}

    def pictures(self, size: tuple[int, int]) -> dict[str, Any]:
        """A pair of smooth texture."""
        from perception_kd.export.stereo_onnx import smooth_pair  # that room builds on this one

        return dict(inputs=smooth_pair(size, shift=16, seed=0), data_samples=None)

    def loss(self, block: str, made: Sequence[Tensor], taught: Sequence[Tensor], data_samples: list,
             teacher: nn.Module) -> Tensor:
        """Mean squared error; of the classifier smooth L1 of its expected disparity against every fourth true one."""
        if block != LAST:
            return super().loss(block, made, taught, data_samples, teacher)
        truth, valid = padded_truth(data_samples)
        return initial_loss(soft_argmin(made[0].squeeze(1)), truth, valid & (truth < teacher.max_disp))
