"""What fine-tuning changed: experts as differences from the weights that they started from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

State = Mapping[str, Tensor]


class TaskVectors:
    """``theta_0`` and ``tau_t = theta_t - theta_0`` of experts fine-tuned from it (Ilharco et al., ICLR 2023).

    Floating tensors, running statistics of batch norms among them, are combined linearly. Tensors of whole numbers
    (counters) cannot be: :meth:`merge` takes them from the expert that counts most.

    Args:
        base: State dict of ``theta_0``.
        experts: State dicts of the fine-tuned models by name.

    Raises:
        ValueError: No expert, or one whose names or shapes are not those of the base; says the first difference.
    """

    def __init__(self, *, base: State, experts: Mapping[str, State]) -> None:
        if not experts:
            raise ValueError('merging needs at least one expert')
        for name, state in experts.items():
            _check_same(base, state, name)
        self._base = {name: value.detach().clone() for name, value in base.items()}  # a model may go on changing
        self._experts = dict(experts)
        self.floating = tuple(name for name, value in base.items() if value.is_floating_point())
        self.start = {name: self._base[name].float() for name in self.floating}
        self.change = {
            name: torch.stack([state[name].detach().float() - self.start[name] for state in experts.values()])
            for name in self.floating
        }

    @property
    def experts(self) -> tuple[str, ...]:
        """The experts' names, in the order of the coefficients."""
        return tuple(self._experts)

    def combine(self, coefficients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``theta_0 + sum_t lambda_t tau_t`` of every floating tensor in float32, with gradient to the coefficients.

        Args:
            coefficients: ``(T,)`` for each name.
        """
        return {name: self.start[name] + torch.tensordot(coefficients[name], self.change[name], dims=1)
                for name in self.floating}

    @torch.no_grad()
    def merge(self, coefficients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same as a whole state dict, in the base's order, dtypes and memory layout.

        Computed in float64 as ``(1 - sum_t lambda_t) theta_0 + sum_t lambda_t theta_t``: with ``lambda`` = 1 for one
        expert and 0 for the others it is that expert bit for bit, however small its weights are beside the base's.
        Variances that a sum with coefficients outside of [0, 1] made negative become 0.
        """
        weightiest = torch.stack([coefficients[name] for name in self.floating]).mean(dim=0).argmax()
        chosen = self._experts[self.experts[int(weightiest)]]
        state = {}
        for name, old in self._base.items():
            value = self._exact(name, coefficients[name]) if name in self.change else chosen[name]
            value = value.clamp(min=0) if name.endswith('.running_var') else value
            state[name] = torch.empty_like(old).copy_(value)
        return state

    def _exact(self, name: str, coefficients: Tensor) -> Tensor:
        parts = coefficients.double()
        return (1 - parts.sum()) * self._base[name].double() + sum(
            part * state[name].double() for part, state in zip(parts, self._experts.values()))

    def sizes(self, names: Iterable[str]) -> dict[str, float]:
        """``|tau_t| / |theta_0|`` over the tensors ``names`` for every expert.

        Fine-tuning changes a part of the weights; two trainings from different beginnings lie about ``sqrt(2)`` apart.
        """
        names = list(names)
        start = sum(self.start[name].double().square().sum() for name in names).sqrt()
        change = sum(self._rows(name).square().sum(dim=1) for name in names).sqrt()
        return dict(zip(self.experts, (change / start.clamp(min=1e-30)).tolist()))

    def cosines(self, names: Iterable[str]) -> list[list[float]]:
        """Cosines between the experts' changes ``(T, T)``: near 0 they do not disturb each other."""
        flat = torch.cat([self._rows(name) for name in names], dim=1)
        unit = flat / flat.norm(dim=1, keepdim=True).clamp(min=1e-30)
        return (unit @ unit.T).tolist()

    def _rows(self, name: str) -> Tensor:
        return self.change[name].reshape(len(self.experts), -1).double()


def _check_same(base: State, expert: State, name: str) -> None:
    for key in [*base, *(key for key in expert if key not in base)]:
        problem = None
        if key not in expert:
            problem = 'is missing in it'
        elif key not in base:
            problem = 'is not in the base'
        elif base[key].shape != expert[key].shape:
            problem = f'is {tuple(expert[key].shape)} in it and {tuple(base[key].shape)} in the base'
        elif base[key].is_floating_point() != expert[key].is_floating_point():
            problem = f'is {expert[key].dtype} in it and {base[key].dtype} in the base'
        if problem:
            raise ValueError(f"expert '{name}' was not fine-tuned from the base: '{key}' {problem}; give the "
                             'checkpoint that the experts started from, and experts of one architecture')
