"""A discriminator that tells the student's features from the teacher's, and the student that deceives it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils import parametrizations

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, normaliser, ones_like_places
from perception_kd.distill.losses.feature import rms_normalised
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec


@DISTILL_LOSSES.register_module()
class Adversarial(DistillLoss):
    """A game at every place, in one value and one backward pass (Goodfellow et al., NeurIPS 2014).

    With ``b1 = softplus(-D)`` and ``b0 = softplus(D)``, the cross entropies of "teacher" and "student"::

      mean_x W  [ (b0(D(sg S)) + b1(D(T))) / 2  +  student_weight * b(D_sg(S)) ]

    The discriminator learns from detached features in the first part, the student through the discriminator with
    detached weights in the second. ``b = -b0`` is gradient reversal (Ganin and Lempitsky, ICML 2015; X3KD's X-AT,
    Klingner et al., CVPR 2023, reverses it so): the student climbs what the discriminator descends. ``b = b1`` does not
    saturate: it keeps its gradient while the discriminator wins.

    **No known minimum**: the value is that of a game. At student = teacher (equal distributions) the best
    discriminator says 1/2 everywhere; there the value is ``log 2`` plus ``student_weight * log 2`` (minus it with
    reversal), which bounds no single network's value. Normalised by the sum of W over the batch, as feature distances
    are. With ``normalise`` a positive factor of the teacher changes nothing.

    Notes ``accuracy``: the part of the places, of both sides and weighted by W, that the discriminator judges rightly;
    1/2 where it knows nothing, 0.6 to 0.8 in a healthy game, 1 where the student learns nothing from it any more.

    The discriminator lives in ``pairs.<name>.loss``: set its learning rate there. It stands still while the pair weighs
    nothing.

    Args:
        channels: Of both maps; from the declarations.
        hidden: Widths of the discriminator's convolutions; it has no normalisation, whose statistics would tell
            the two sides apart.
        kernels: Their sizes, odd: one for all or one each. ``(1, 3, 3)`` keeps a discriminator of wide maps small.
        spectral: Divide its convolutions by their largest singular values (Miyato et al., ICLR 2018), so that it cannot
            be sure of small differences.
        game: ``reversal`` or ``non_saturating``.
        student_weight: Of the student's part.
        normalise: ``rms`` or ``channel_rms``: what the teacher is divided by, see ``rms_normalised``; None: nothing.
    """

    kinds = ('bev', 'image')

    def __init__(
        self,
        *,
        channels: int,
        hidden: Sequence[int] = (64, 64),
        kernels: int | Sequence[int] = 3,
        spectral: bool = False,
        game: Literal['reversal', 'non_saturating'] = 'reversal',
        student_weight: float = 1.0,
        normalise: Literal['rms', 'channel_rms'] | None = 'rms',
    ) -> None:
        super().__init__()
        if game not in ('reversal', 'non_saturating') or student_weight <= 0:
            raise ValueError("Adversarial: game is 'reversal' or 'non_saturating' and student_weight above 0, got "
                             f"'{game}' and {student_weight}")
        if normalise not in ('rms', 'channel_rms', None):
            raise ValueError(f"Adversarial: normalise is 'rms', 'channel_rms' or None, got '{normalise}'")
        sizes = [kernels] * len(hidden) if isinstance(kernels, int) else list(kernels)
        if len(sizes) != len(hidden) or any(size < 1 or size % 2 == 0 for size in sizes):
            raise ValueError(f'Adversarial: kernels are odd, one for each of hidden; got {kernels} for {tuple(hidden)}')
        self.game, self.student_weight, self.normalise = game, student_weight, normalise
        layers = []
        for (below, above), size in zip(pairwise([channels, *hidden]), sizes):
            layers += [nn.Conv2d(below, above, size, padding=size // 2), nn.LeakyReLU(0.2)]
        self.discriminator = nn.Sequential(*layers, nn.Conv2d([channels, *hidden][-1], 1, 1))
        if spectral:
            for layer in self.discriminator[::2]:
                parametrizations.spectral_norm(layer)

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """The channels of what is compared."""
        channels = target.channels or source.channels
        if channels is None:
            raise ValueError(f'Adversarial needs maps with declared channels, got {source} and {target}')
        return dict(channels=channels)

    def forward(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        student, teacher = self.sides(student, teacher, weight=weight, scale=scale)
        frozen = {name: value.detach() for name, value in self.discriminator.named_parameters()}
        deceived = functional_call(self.discriminator, frozen, (student,))
        judged, real = self.discriminator(student.detach()), self.discriminator(teacher)
        game = functional.softplus(judged) + functional.softplus(-real)
        reversal = self.game == 'reversal'
        student_part = -functional.softplus(deceived) if reversal else functional.softplus(-deceived)
        weight = ones_like_places(deceived) if weight is None else weight
        self.noted = dict(accuracy=_accuracy(judged.detach(), real.detach(), weight))
        return ((game / 2 + self.student_weight * student_part) * weight).sum() / normaliser(weight.sum())

    def sides(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The student as it is, the teacher normalised and scaled."""
        return super().sides(student, rms_normalised(teacher, self.normalise), weight=weight, scale=scale)

    def __str__(self) -> str:
        return f'Adversarial({self.game} {self.student_weight:g})'


def _accuracy(judged: Tensor, real: Tensor, weight: Tensor) -> Tensor:
    """Part of the weights where a student's place is called one (below 0) and a teacher's a teacher's."""
    right = ((judged < 0).float() + (real > 0).float()) / 2
    return (right * weight).sum() / weight.sum().clamp(min=1e-6)
