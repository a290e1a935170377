"""SAMerging: multi-teacher distillation under sharpness-aware minimisation chooses how experts are merged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.func import functional_call

from perception_kd.engine.sam import ascent
from perception_kd.merging.batch_norm import batch_statistics, moved_norms
from perception_kd.merging.coefficients import Coefficients
from perception_kd.merging.divergence import HeadDivergence, part_of
from perception_kd.merging.task_vectors import TaskVectors

Samples = Sequence[Mapping[str, Any]]


def sam_gradient(loss: Callable[[], Tensor], point: nn.Parameter, rho: float) -> tuple[float, Tensor]:
    """Loss at ``point``, and its gradient at ``point + rho g / |g|`` where g is the gradient at ``point``.

    Sharpness-aware minimisation (Foret et al., ICLR 2021): the step goes down from the worst place nearby. ``point``
    comes back as it was.

    Args:
        loss: Computes the loss anew from the present value of ``point``.
        point: Any shape.
        rho: Radius of "nearby"; 0: the plain gradient.
    """
    value = loss()
    (point.grad,) = torch.autograd.grad(value, point)
    steps = ascent([point], rho, adaptive=False) if rho else []
    if not steps:
        return float(value.detach()), point.grad
    before = point.detach().clone()
    try:
        with torch.no_grad():
            point.add_(steps[0])
        (gradient,) = torch.autograd.grad(loss(), point)
    finally:
        with torch.no_grad():
            point.copy_(before)
    return float(value.detach()), gradient


class SAMerging:
    """Learns the coefficients of ``theta(lambda) = theta_0 + sum_t lambda_t tau_t`` without labels.

    ``min_lambda max_{|eps| <= rho} mean_t E_{x ~ D_t} KL(p_{theta_t}(x) || p_{theta(lambda + eps)}(x))`` (SAMerging,
    arXiv 2512.21288; divergence of dense heads: :class:`HeadDivergence`, our reading). Only the coefficients have a
    gradient; experts run without one. The merged model sees the batches of all experts as one: batch norms whose
    statistics were trained then work with the statistics of the mixture, which they are given after merging, too.

    Args:
        model: The base theta_0. Its weights are left as they are.
        experts: Fine-tuned models by name.
        vectors: Their differences; None: taken from the models.
        layer_wise, start: See :class:`Coefficients`.
        divergence: What is minimised; gives a scalar of (merged outputs, expert outputs).
        rho: Radius of sharpness-aware minimisation; 0: plain descent.
        learning_rate: Of Adam.
    """

    def __init__(
        self,
        *,
        model: BaseModel,
        experts: Mapping[str, BaseModel],
        vectors: TaskVectors | None = None,
        layer_wise: bool = True,
        start: float = 0.3,
        divergence: Callable[[Any, Any], Tensor] | None = None,
        rho: float = 0.05,
        learning_rate: float = 1e-3,
    ) -> None:
        self.model, self.experts = model.eval(), {name: expert.eval() for name, expert in experts.items()}
        self.vectors = vectors or TaskVectors(
            base=model.state_dict(), experts={name: expert.state_dict() for name, expert in experts.items()})
        self.coefficients = Coefficients(
            experts=len(experts), names=self.vectors.floating, layer_wise=layer_wise, start=start)
        self.coefficients.to(next(iter(self.vectors.start.values())).device)
        self.divergence, self.rho = divergence or HeadDivergence(), rho
        self.norms = moved_norms(model, self.vectors)
        self.optimiser = torch.optim.Adam(self.coefficients.parameters(), lr=learning_rate)

    def step(self, samples: Mapping[str, Samples]) -> float:
        """One update of the coefficients.

        Args:
            samples: A batch of each expert's data, as the data set gives them, not collated.

        Returns:
            The divergence before the update, mean over the experts.
        """
        with torch.no_grad():
            targets = {name: self._outputs(self.experts[name], batch) for name, batch in samples.items()}
        together = [sample for batch in samples.values() for sample in batch]
        data = self._prepared(self.model, together)

        def loss() -> Tensor:
            weights = self.vectors.combine(self.coefficients())
            with batch_statistics(self.norms.values()):
                outputs = functional_call(self.model, weights, (), {**data, 'mode': 'tensor'})
            return self._compare(outputs, targets, {name: len(batch) for name, batch in samples.items()})

        value, gradient = sam_gradient(loss, self.coefficients.value, self.rho)
        self.coefficients.value.grad = gradient
        self.optimiser.step()
        return value

    def _compare(self, outputs: Any, targets: Mapping[str, Any], counts: Mapping[str, int]) -> Tensor:
        parts, first = [], 0
        for name, count in counts.items():
            parts.append(self.divergence(part_of(outputs, first, first + count), targets[name]))
            first += count
        return torch.stack(parts).mean()

    @staticmethod
    def _prepared(model: BaseModel, samples: Samples) -> dict[str, Any]:
        return model.data_preprocessor(pseudo_collate(list(samples)), False)

    def _outputs(self, model: BaseModel, samples: Samples) -> Any:
        return model(**self._prepared(model, samples), mode='tensor')

    def merged(self) -> dict[str, Tensor]:
        """State dict of the merged model as the coefficients stand; batch norms have combined statistics."""
        return self.vectors.merge(self.coefficients())

    def state_dict(self) -> dict[str, Any]:
        """Coefficients and optimiser, to go on later."""
        return dict(coefficients=self.coefficients.state_dict(), optimiser=self.optimiser.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from :meth:`state_dict`."""
        self.coefficients.load_state_dict(state['coefficients'])
        self.optimiser.load_state_dict(state['optimiser'])
