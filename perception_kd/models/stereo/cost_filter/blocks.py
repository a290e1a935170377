"""The eight blocks of the cost filter. One class, one signature: a search may exchange any of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from perception_kd.models.stereo.cost_filter.layers import LayerChain

State = dict[str, Tensor]
Merge = Literal['sum', 'concat']


@dataclass(frozen=True)
class Wiring:
    """What a block reads and writes: names of volumes in the state, and the level of the left features."""

    reads: str
    writes: str
    level: int
    skip: str | None = None


# Cut where channels or scale change (Fast-FoundationStereo, section on blockwise search).
WIRING = {
    'stem': Wiring('raw', 'v4', 0),
    'down8': Wiring('v4', 'c8', 1),
    'down16': Wiring('c8', 'c16', 2),
    'down32': Wiring('c16', 'c32', 3),
    'up16': Wiring('c32', 'u16', 2, skip='c16'),
    'up8': Wiring('u16', 'u8', 1, skip='c8'),
    'up4': Wiring('u8', 'filtered', 0, skip='v4'),
    'classifier': Wiring('filtered', 'logits', 0),
}


class FilterBlock(nn.Module):
    """Layers, then where the block has a skip the merge with it, then more layers.

    Args:
        wiring: What it reads and writes.
        in_channels, skip_channels, feature_channels: Of what it reads.
        layers: Dicts of the layers (``LayerChain``) before the merge, or all of them.
        merge: ``sum`` or ``concat`` (the block's own volume first) with the skip; None: no merge.
        skip_layers: Dicts of the layers that the skip goes through before the merge.
        after: Dicts of the layers after the merge.

    Raises:
        ValueError: merge and skip do not fit each other.
    """

    def __init__(self, *, wiring: Wiring, in_channels: int, feature_channels: int, skip_channels: int = 0,
                 layers: Sequence[dict], merge: Merge | None = None, skip_layers: Sequence[dict] = (),
                 after: Sequence[dict] = ()) -> None:
        super().__init__()
        self.wiring, self.merge = wiring, merge
        self.layers = LayerChain(in_channels=in_channels, feature_channels=feature_channels, layers=layers)
        self.skip_layers = LayerChain(in_channels=skip_channels, feature_channels=feature_channels,
                                      layers=skip_layers)
        own, other = self.layers.out_channels, self.skip_layers.out_channels
        _check_merge(wiring, merge, own, other, bool(skip_layers or after))
        merged = own + other if merge == 'concat' else own
        self.after = LayerChain(in_channels=merged, feature_channels=feature_channels, layers=after)
        self.out_channels = self.after.out_channels

    def forward(self, state: State, features: Sequence[Tensor]) -> State:
        """The state with one more volume.

        Args:
            state: Volumes ``(B, C, D, H, W)`` by name.
            features: Left features ``(B, C, H, W)`` at 1/4, 1/8, 1/16, 1/32.
        """
        beside = features[self.wiring.level]
        volume = self.layers(state[self.wiring.reads], beside)
        if self.merge:
            skip = self.skip_layers(state[self.wiring.skip], beside)
            volume = volume + skip if self.merge == 'sum' else torch.cat([volume, skip], dim=1)
        return {**state, self.wiring.writes: self.after(volume, beside)}


def _check_merge(wiring: Wiring, merge: str | None, own: int, other: int, more: bool) -> None:
    name = wiring.writes
    if merge not in ('sum', 'concat', None):
        raise ValueError(f"block that makes {name}: merge is 'sum', 'concat' or None, got {merge!r}")
    if merge and wiring.skip is None:
        raise ValueError(f'block that makes {name} has nothing to merge with: leave merge out')
    if more and merge is None:
        raise ValueError(f'block that makes {name}: skip_layers and after need merge')
    if merge == 'sum' and own != other:
        raise ValueError(f'block that makes {name}: a sum of {own} and {other} channels; make them equal')
