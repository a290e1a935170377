"""Sharpness-aware minimisation as an optimiser wrapper."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper
from torch import Tensor, nn

from perception_kd.engine.amp import PortableAmpOptimWrapper
from perception_kd.engine.repeat import RepeatablePass
from perception_kd.registry import OPTIM_WRAPPERS


def ascent(weights: Sequence[Tensor], rho: float, adaptive: bool) -> list[Tensor]:
    """The step ``e`` of length ``rho`` that raises a loss most, to first order; empty where there is no direction.

    ``e = rho g / |g|`` (SAM), or ``e = rho w^2 g / | |w| g |`` (``adaptive``: the ball is measured in relative changes
    of the weights, ASAM). The norm is over all weights together, so a loss scale cancels.

    Args:
        weights: Weights whose ``grad`` is set.
        rho: Radius of the ball.
        adaptive: ASAM's elementwise operator ``|w|``.
    """
    gradients = [weight.grad for weight in weights]
    sizes = [weight.detach().abs() for weight in weights] if adaptive else []
    steps = torch._foreach_mul(sizes, gradients) if adaptive else gradients
    norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(steps)))) if steps else 0.0
    if norm == 0 or not math.isfinite(norm):
        return []
    steps = torch._foreach_mul(sizes, steps) if adaptive else steps
    return list(torch._foreach_mul(steps, rho / norm))


class _SharpnessAware:
    """The two passes of a sharpness-aware step, for any wrapper that it is mixed into."""

    def __init__(self, *, rho: float = 0.05, adaptive: bool = False, **kwargs: Any) -> None:
        name = type(self).__name__
        if isinstance(rho, bool) or not isinstance(rho, (int, float)) or not 0 < rho < math.inf:
            raise ValueError(f'{name}: rho must be a positive number, got {rho!r}')
        if kwargs.get('accumulative_counts', 1) != 1:
            raise ValueError(f'{name} does not accumulate gradients (accumulative_counts='
                             f'{kwargs["accumulative_counts"]}): each part would have a perturbation of its own; '
                             'leave it out, or use OptimWrapper')
        super().__init__(**kwargs)
        self.rho, self.adaptive = float(rho), adaptive
        self._pass: RepeatablePass | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Around the first forward pass, which is remembered; processes do not exchange its gradients."""
        self._pass = RepeatablePass(model)
        with ExitStack() as stack:
            if hasattr(model, 'no_sync'):
                stack.enter_context(model.no_sync())
            stack.enter_context(super().optim_context(model))
            stack.enter_context(self._pass.recording())
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Leave in ``grad`` the gradient at the perturbed weights; the weights are as before, to the bit.

        Raises:
            ValueError: The loss did not come from one forward pass inside ``optim_context``.
        """
        first, self._pass = self._pass, None
        if first is None:
            raise ValueError(f'{type(self).__name__}: the forward pass must run inside optim_context(model)')
        super().backward(loss, **kwargs)
        student = getattr(first.inner, 'student', first.inner)
        weights = [weight for weight in student.parameters() if weight.requires_grad and weight.grad is not None]
        kept = [weight.detach().clone() for weight in weights]
        steps = ascent(weights, self.rho, self.adaptive)
        self.zero_grad()
        try:
            with torch.no_grad():
                if steps:
                    torch._foreach_add_(weights, steps)
            with super().optim_context(first.model):
                loss = first.again()
            self._inner_count -= 1  # both backward passes are one step
            super().backward(loss, **kwargs)
        finally:
            with torch.no_grad():
                for weight, value in zip(weights, kept):
                    weight.copy_(value)
            first.finish()


@OPTIM_WRAPPERS.register_module()
class SAMOptimWrapper(_SharpnessAware, OptimWrapper):
    """Sharpness-aware minimisation (SAM; Foret et al., ICLR 2021): ``min_w max_{|e| <= rho} L(w + e)``.

    A step goes up by ``rho g / |g|``, repeats the forward pass with the same batch, random numbers and buffers
    (:class:`~perception_kd.engine.repeat.RepeatablePass`), and steps from the old weights with the gradient found
    there. It costs two forward and backward passes and a copy of the weights. Losses that are logged are those at the
    weights themselves. Gradients are clipped after the second pass. There is no state besides the optimiser's, so a
    resumed run goes on bit for bit.

    - Of a distiller only the student's weights are perturbed (a choice of ours: flatness pays in what is deployed);
      connectors and what losses own are trained with the gradient at the perturbed student. Of any other model all
      weights that are trained are perturbed.
    - Of several processes each perturbs by the gradient of its own samples, and the gradients of the second pass are
      averaged: the paper's m-sharpness, m being the batch of a process.
    - A first gradient that is 0 or not finite perturbs nothing; whoever guards the step sees the second gradient.

    Any config takes it: ``--cfg-options optim_wrapper.type=SAMOptimWrapper optim_wrapper.rho=0.05``.

    Args:
        rho: Radius of the neighbourhood, in the Euclidean norm of all weights (0.05 in the paper; re-implementations
            of SAMerging's step use 0.05 to 0.07). With ``adaptive`` take ten times as much.
        adaptive: Measure the ball in relative changes of the weights (ASAM; Kwon et al., ICML 2021, without its small
            constant).
        kwargs: Arguments of ``OptimWrapper``, without ``accumulative_counts``.

    Raises:
        ValueError: ``rho`` is no positive number, or gradients are to accumulate.
    """


@OPTIM_WRAPPERS.register_module()
class SAMAmpOptimWrapper(_SharpnessAware, PortableAmpOptimWrapper):
    """:class:`SAMOptimWrapper` in mixed precision; the loss scale cancels in the perturbation.

    Args:
        rho, adaptive: As there.
        kwargs: Arguments of :class:`~perception_kd.engine.amp.PortableAmpOptimWrapper`.
    """
