"""Several views of one teacher, that agree with it and differ among themselves."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, build_loss, normaliser
from perception_kd.distill.losses.numerics import nothing, scaled, unit
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec


class ViewNorm(nn.BatchNorm2d):
    """Batch norm that takes its running statistics for a single vector, which has no variance.

    ``SyncBatchNorm`` counts the vectors of all processes, and meets them at every step: a conversion to it drops this.
    """

    def forward(self, value: Tensor) -> Tensor:
        """``(B, C, H, W)`` to the same."""
        if value[:, 0].numel() > 1:
            return super().forward(value)
        return functional.batch_norm(value, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


class ViewHeads(nn.Module):
    """``v_i = BN(W_i (m_i * T))``: W_i orthogonal at first, m_i drops channels at a rate of its own.

    Args:
        channels: Of the teacher's value.
        count: Number of views N.
        rates: Lowest and highest dropout rate; views are spread evenly between them.
    """

    def __init__(self, *, channels: int, count: int = 5, rates: tuple[float, float] = (0.15, 0.4)) -> None:
        super().__init__()
        self.rates = torch.linspace(*rates, count).tolist()
        self.turns = nn.ModuleList(nn.Conv2d(channels, channels, 1, bias=False) for _ in self.rates)
        self.norms = nn.ModuleList(ViewNorm(channels) for _ in self.rates)
        for turn in self.turns:
            nn.init.orthogonal_(turn.weight)

    def forward(self, teacher: Tensor) -> Tensor:
        """``(B, C, H, W)`` to ``(N, B, C, H, W)``."""
        return torch.stack([norm(turn(functional.dropout2d(teacher, rate, self.training)))
                            for rate, turn, norm in zip(self.rates, self.turns, self.norms)])


@DISTILL_LOSSES.register_module()
class AngularViews(DistillLoss):
    """``I(S, E) + inter (constraint + diversity) + intra residual``: the student follows an ensemble of views.

    After Angular-KD (arXiv 2510.22480, NeurIPS 2025). N heads on the detached teacher T give views ``v_i``
    (:class:`ViewHeads`). They learn from three terms, cosines between places (vectors: samples) of the batch::

        constraint  mean_i CE( c(cos(v_i, T at any place)) / temperature, own place ), c(x >= 1 - margin) = 1
        diversity   mean_{i<j} softplus( cos(v_i, v_j) ), mean over places where all cos(v_i, T) >= 1 - margin
        residual    mean_{i<j} softplus( cos(T - v_i, T - v_j) ), mean over all places

    The student follows ``E = unit( unit(T) + view_weight sum_i unit(v_i) )``, detached, by the loss ``imitate``. One
    value and one backward pass: the student gets no gradient from the views' terms, the views none from the student's.

    Published, for pooled vectors and logits of classifiers: the heads, their number, dropout rates, temperature,
    margin, the two weights, 0.8 for a view and 1 for the teacher, and CRD beside logit KL for the student; 30
    epochs of heads alone before 240 of both. Our reading (never shown by the authors): maps, by 1x1 convolutions
    and channel dropout; PKD in place of CRD; contrast between ``places`` drawn in each step, in proportion to the
    mask where there is one; each part of the ensemble normalised first. Left out: the terms on logits, and
    cross-entropy of the views' own classifiers. Views and student share the pair's weight.

    Known minimum: of the student's part that of ``imitate``, at the ensemble; of the views' part only bounds are known:
    constraint >= 0, and diversity and residual >= softplus(-1 / (N - 1)), reached where views form a regular simplex.
    Invariances: those of ``imitate`` (PKD: a positive factor and an offset on any of the student's channels). Views
    learn from the samples of their own process; N maps of the teacher's size are kept for the backward pass.

    Args:
        channels: Of the teacher's tap.
        views: N.
        rates: Dropout of the first and the last view.
        temperature, margin: Of the constraint.
        inter, intra: Weights of the views' terms.
        view_weight: Of a view in the ensemble, where the teacher has 1.
        imitate: Loss of the student against the ensemble, by config: ``PKD``, ``MSE``; it sees mask and scale.
        warmup: Training steps in which only the views learn.
        places: Most places that are contrasted in a step.
    """

    kinds = ('bev', 'image', 'vector')

    def __init__(
        self,
        *,
        channels: int,
        views: int = 5,
        rates: tuple[float, float] = (0.15, 0.4),
        temperature: float = 0.07,
        margin: float = 0.2,
        inter: float = 0.1,
        intra: float = 1.0,
        view_weight: float = 0.8,
        imitate: dict | str | DistillLoss = 'PKD',
        warmup: int = 0,
        places: int = 256,
    ) -> None:
        super().__init__()
        if views < 2 or places < 1 or warmup < 0 or not 0 <= min(rates) <= max(rates) < 1:
            raise ValueError('AngularViews needs views >= 2, places >= 1, warmup >= 0 and rates in [0, 1), got '
                             f'{views}, {places}, {warmup} and {tuple(rates)}')
        if temperature <= 0 or not 0 <= margin < 2:
            raise ValueError(f'AngularViews needs temperature > 0 and margin in [0, 2), got {temperature} and {margin}')
        self.heads = ViewHeads(channels=channels, count=views, rates=rates)
        self.temperature, self.margin, self.inter, self.intra = temperature, margin, inter, intra
        self.view_weight, self.warmup, self.places = view_weight, warmup, places
        spec = TapSpec('views', 'bev', channels, 'ensemble of views')
        self.imitate = build_loss(imitate, spec, spec)
        self.needs_boxes = self.imitate.needs_boxes
        if spec.kind not in self.imitate.kinds:
            raise ValueError(f'AngularViews: imitate compares maps, and {type(self.imitate).__name__} compares '
                             f'{", ".join(self.imitate.kinds)}')
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """The teacher's channel count."""
        if target.channels is None:
            raise ValueError(f'AngularViews needs a teacher tap with declared channels, got {target}')
        return dict(channels=target.channels)

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        target = scaled(teacher.detach(), scale)
        maps = _as_map(target)
        views = self.heads(maps)
        own = self.views_loss(maps, views, weight)
        follow = self.student_loss(student, self.ensemble(maps, views).view_as(target), weight=weight, batch=batch)
        follows = self.steps >= self.warmup
        if self.training and torch.is_grad_enabled():
            self.steps += 1
        return own + follow * follows

    def sides(
        self, student: Tensor, teacher: Tensor, *, weight: Tensor | None, scale: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Student and ensemble as ``imitate`` compares them."""
        target = scaled(teacher, scale)
        maps = _as_map(target)
        ensemble = self.ensemble(maps, self.heads(maps)).view_as(target)
        return self.imitate.sides(student, ensemble, weight=weight, scale=None)

    def ensemble(self, teacher: Tensor, views: Tensor) -> Tensor:
        """What the student follows, ``(B, C, H, W)`` of length 1 at every place, without gradient."""
        return unit(unit(teacher, 1) + self.view_weight * unit(views, 2).sum(dim=0), 1).detach()

    def student_loss(self, student: Tensor, ensemble: Tensor, *, weight: Tensor | None, batch: DistillBatch) -> Tensor:
        """The student's part; no gradient reaches the views."""
        return self.imitate(student, ensemble, weight=weight, scale=None, batch=batch)

    def views_loss(self, teacher: Tensor, views: Tensor, weight: Tensor | None) -> Tensor:
        """The views' part, at places drawn from the batch.

        Args:
            teacher: ``(B, C, H, W)``, without gradient.
            views: ``(N, B, C, H, W)``.
            weight: ``(B, 1, ...)``: how likely a place is drawn; None: all alike.
        """
        drawn = self._draw(teacher, weight)
        mine = teacher.movedim(1, -1).flatten(0, 2)[drawn]
        seen = views.movedim(2, -1).flatten(1, 3)[:, drawn]
        directions, here = unit(seen, 2), unit(mine, 1)
        cosines = directions @ here.T  # (N, M, M): view at a place, teacher at a place
        agreed = (cosines.diagonal(dim1=1, dim2=2) >= 1 - self.margin).all(dim=0).float()
        total = normaliser(agreed.sum())  # other processes wait for this sum, also where this one draws no place
        if not len(drawn):
            return nothing(views)
        near = torch.where(cosines >= 1 - self.margin, torch.ones_like(cosines), cosines)
        same = torch.arange(len(drawn), device=drawn.device).repeat(len(views))
        constraint = functional.cross_entropy(near.flatten(0, 1) / self.temperature, same)
        diversity = (_alike(directions) * agreed).sum() / total
        residual = _alike(unit(mine - seen, 2)).mean()
        return self.inter * (constraint + diversity) + self.intra * residual

    def _draw(self, teacher: Tensor, weight: Tensor | None) -> Tensor:
        """Indices of places, among ``B * H * W``."""
        total = teacher.shape[0] * teacher[0, 0].numel()
        if weight is None:
            return torch.randperm(total, device=teacher.device)[: self.places]
        chance = weight.expand(len(teacher), 1, *teacher.shape[2:]).flatten()
        count = min(self.places, int((chance > 0).sum()))
        return torch.multinomial(chance, count) if count else chance.new_zeros(0, dtype=torch.long)

    def __str__(self) -> str:
        return f'AngularViews({len(self.heads.rates)}, {self.imitate})'


def _as_map(value: Tensor) -> Tensor:
    return value if value.dim() == 4 else value[..., None, None]


def _alike(directions: Tensor) -> Tensor:
    """``mean_{i<j} softplus(cos)`` of the directions ``(N, M, C)`` at each of M places."""
    one, other = torch.triu_indices(len(directions), len(directions), 1, device=directions.device)
    return functional.softplus((directions[one] * directions[other]).sum(dim=2)).mean(dim=0)
