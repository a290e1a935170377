"""Strict loading: every key is accounted for before a teacher may teach."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from perception_kd.distill.sparse_layout import to_model_layout, version_of_layout


@dataclass(frozen=True)
class LoadReport:
    """What became of the keys of a checkpoint.

    Args:
        matched: Loaded.
        converted: Loaded after a permutation: sparse convolutions in the layout of another library.
        missing: The model has it, the checkpoint has not.
        unexpected: The checkpoint has it, the model has not.
        transposed: Both have it with the same sizes in another order.
        misshapen: Both have it with different sizes.
        excused: Out of the four problem lists, but covered by a listed exception.
    """

    matched: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    transposed: tuple[str, ...] = ()
    misshapen: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()

    @property
    def loaded(self) -> tuple[str, ...]:
        """Matched and converted."""
        return self.matched + self.converted

    @property
    def problems(self) -> dict[str, tuple[str, ...]]:
        """The problem lists that are not empty."""
        lists = dict(
            missing=self.missing,
            unexpected=self.unexpected,
            transposed=self.transposed,
            misshapen=self.misshapen,
        )
        return {kind: names for kind, names in lists.items() if names}

    def __str__(self) -> str:
        counts = [f'{len(self.matched)} matched', f'{len(self.excused)} excused']
        if self.converted:
            counts.insert(1, f'{len(self.converted)} converted from another layout of sparse convolutions')
        lists = (f'{len(names)} {kind} ({_few(names)})' for kind, names in self.problems.items())
        return '; '.join([', '.join(counts), *lists])


def compare_weights(
    model: nn.Module, weights: Mapping[str, Tensor], exceptions: Sequence[str] = (), converted: Sequence[str] = ()
) -> LoadReport:
    """Sort the keys of ``weights`` by how they fit ``model``; nothing is loaded.

    Args:
        model: The receiver.
        weights: A state dict.
        exceptions: Patterns (``pts_neck.*``) of keys that may be missing, unexpected or of another shape.
        converted: Keys whose value has been permuted.
    """
    own = model.state_dict()
    kinds: dict[str, list[str]] = {kind: [] for kind in LoadReport.__dataclass_fields__}
    for name in sorted({*own, *weights}):
        kind = _kind(own.get(name), weights.get(name))
        if kind == 'matched':
            kind = 'converted' if name in converted else kind
        elif any(fnmatchcase(name, pattern) for pattern in exceptions):
            kind = 'excused'
        kinds[kind].append(name)
    return LoadReport(**{kind: tuple(names) for kind, names in kinds.items()})


def load_strictly(
    model: nn.Module, weights: Mapping[str, Tensor], *, exceptions: Sequence[str] = (), who: str = 'model'
) -> LoadReport:
    """Load ``weights`` into ``model`` if every key fits or is excepted.

    Args:
        model: The receiver; untouched where the load is refused.
        weights: A state dict.
        exceptions: As for :func:`compare_weights`.
        who: For the message.

    Weights of sparse convolutions may have the layout of mmcv or of spconv 2, whichever the model has.

    Raises:
        ValueError: Naming the keys that are missing, unexpected, transposed or misshapen, or hold NaN.
    """
    check_finite(weights, who)
    weights, converted = to_model_layout(model, weights, who)
    report = compare_weights(model, weights, exceptions, converted)
    if report.problems:
        raise ValueError(
            f'{who}: the checkpoint does not fit: {report}. List patterns of keys that may differ in '
            "'exceptions', or correct the model's config"
        )
    if not report.loaded:
        raise ValueError(f'{who}: no key of the checkpoint fits the model')
    fitting = OrderedDict((name, weights[name]) for name in report.loaded)
    fitting._metadata = OrderedDict(version_of_layout(model))
    model.load_state_dict(fitting, strict=False)
    return report


def check_finite(weights: Mapping[str, Tensor], who: str) -> None:
    """Refuse weights of a training that diverged.

    Raises:
        ValueError: Naming the tensors that hold NaN or infinity.
    """
    bad = [name for name, value in weights.items() if not bool(torch.isfinite(value).all())]
    if bad:
        raise ValueError(f'{who}: {len(bad)} of {len(weights)} tensors hold NaN or infinity ({_few(bad)}); the '
                         'training has diverged, take an earlier checkpoint')


def _kind(own: Tensor | None, given: Tensor | None) -> str:
    if given is None:
        return 'missing'
    if own is None:
        return 'unexpected'
    if own.shape == given.shape:
        return 'matched'
    return 'transposed' if sorted(own.shape) == sorted(given.shape) else 'misshapen'


def _few(names: Sequence[str], most: int = 5) -> str:
    return ', '.join(names[:most]) + (', ...' if len(names) > most else '')
