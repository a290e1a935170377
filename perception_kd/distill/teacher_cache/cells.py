"""Which cells of a teacher's map the pairs look at, and a map cut down to these.

A loss may divide a map by its RMS, or by the standard deviation of a channel: statistics of all cells. A cut map
keeps them. Besides its cells it holds, per channel, mean ``m`` and sum of squared deviations ``q`` of the cells that
were left out; it is filled up with ``m``, and in two of these cells with ``m + sqrt(q / 2)`` and ``m - sqrt(q / 2)``.
Then sum and sum of squares of every channel are those of the whole map, and the cells filled up have weight 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks import Mask
from perception_kd.distill.nested import as_float
from perception_kd.structures import BEVGrid, is_annotated

if TYPE_CHECKING:
    from perception_kd.distill.pair import Pair


@dataclass(frozen=True)
class Need:
    """What the pairs need of one tap.

    Args:
        masks: The cells where any of these is above 0; none: the whole map.
        grid: Of the tap.
        reason: Why the map is needed whole.
    """

    masks: tuple[Mask, ...] = ()
    grid: BEVGrid | None = None
    reason: str = ''

    def cells(self, one: DistillBatch) -> Tensor | None:
        """``(ny * nx)`` bool for a batch of one sample, None: all cells.

        Masks that need boxes look at nothing in a sample without annotations: their pairs skip it.
        """
        if not self.masks:
            return None
        one = one.on(self.grid)
        seen = torch.zeros(self.grid.ny * self.grid.nx, dtype=torch.bool, device=one.device)
        with torch.no_grad(), torch.autocast(one.device.type, enabled=False):  # as pairs compute them
            for mask in self.masks:
                if is_annotated(one.data_samples[0]) or not mask.needs_boxes:
                    seen |= mask(one).flatten() > 0
        return seen.cpu()


def needs_of(name: str, pairs: Mapping[str, Pair], store: Literal['masked', 'whole']) -> dict[str, Need]:
    """What pairs need of the taps of the teacher ``name``, by the tap's name without the teacher's.

    Args:
        name: Of the teacher.
        pairs: All of a distiller.
        store: ``whole``: everything that is read, whole.
    """
    needs: dict[str, Need] = {}
    for pair in pairs.values():
        for full in pair.teacher_taps:
            teacher, _, tap = full.partition('.')
            if teacher == name:
                needs[tap] = _both(needs.get(tap), _need(pair, full, store))
    return needs


def _need(pair: Pair, full: str, store: str) -> Need:
    mask = pair.mask
    if full != pair.teacher.name:
        return Need(reason=f"a mask of pair '{pair.name}' reads it")
    if store == 'whole' or pair.teacher.kind != 'bev' or pair.teacher.call == 'all':
        return Need(reason=f'a tap of kind {pair.teacher.kind}' if store == 'masked' else 'as asked')
    # What a class does not say itself is not believed: a subclass of a loss may look farther than the loss.
    if vars(type(pair.loss)).get('reads_everywhere', True):
        return Need(reason=f"the {type(pair.loss).__name__} of pair '{pair.name}' may read every cell")
    if mask is None:
        return Need(reason=f"pair '{pair.name}' has no mask")
    taps = (*mask.student_taps, *mask.teacher_taps)
    if taps:
        return Need(reason=f"the mask of pair '{pair.name}' reads {', '.join(taps)}")
    return Need((mask,), pair.teacher.grid)


def _both(one: Need | None, other: Need) -> Need:
    if one is None or not one.masks:
        return one or other
    return Need((*one.masks, *other.masks), one.grid) if other.masks else other


def cut(value: Tensor, cells: Tensor | None) -> Any:
    """A map of one sample as it is stored: cut down to ``cells``, or as it is.

    Args:
        value: ``(1, C, ny, nx)``, or any nested value where ``cells`` is None.
        cells: ``(ny * nx)`` bool.
    """
    if cells is None or int((~cells).sum()) < 2:
        return value
    flat = value[0].flatten(1).cpu()
    outside = flat[:, ~cells].double()
    mean = outside.mean(dim=1, keepdim=True)
    swing = ((outside - mean).square().sum(dim=1) / 2).sqrt()
    return dict(cells=cells.nonzero().flatten().int(), values=flat[:, cells], mean=mean[:, 0].float(),
                swing=swing.float(), shape=list(value.shape[-2:]))


def is_cut(stored: Any) -> bool:
    """Whether a stored value is a cut map."""
    return isinstance(stored, Mapping) and 'swing' in stored


def covered(stored: Mapping[str, Any]) -> Tensor:
    """``(ny * nx)`` bool: the cells that a cut map holds."""
    held = torch.zeros(stored['shape'][0] * stored['shape'][1], dtype=torch.bool)
    held[stored['cells'].long()] = True
    return held


def suffices(stored: Any, cells: Tensor | None) -> bool:
    """Whether a stored value holds ``cells`` (None: all)."""
    return not is_cut(stored) or (cells is not None and not bool((cells & ~covered(stored)).any()))


def restore(stored: Any) -> Any:
    """The map ``(1, C, ny, nx)`` of a cut one; floating tensors as float32, as pairs compare them."""
    if not is_cut(stored):
        return as_float(stored)
    spare = (~covered(stored)).nonzero()[:2, 0]
    value = stored['mean'][:, None].repeat(1, stored['shape'][0] * stored['shape'][1])
    value[:, spare[0]] += stored['swing']
    value[:, spare[1]] -= stored['swing']
    value[:, stored['cells'].long()] = stored['values'].float()
    return value.view(1, len(value), *stored['shape'])
