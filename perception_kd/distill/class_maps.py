"""Class logits of vectors, maps and heads, and how far two of them are apart place by place."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.checks import head_tasks

Activation = Literal['softmax', 'sigmoid']
ACTIVATIONS = ('softmax', 'sigmoid')


def check_activation(who: str, activation: str) -> None:
    """Refuse an unknown activation."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"{who}: activation is 'softmax' or 'sigmoid', got '{activation}'")


def class_logits(value: Any) -> Tensor:
    """``(B, C, ...)`` of a tap's value.

    Args:
        value: A tensor, which stays as it is but for a volume ``(B, 1, D, H, W)``, whose classes are its D bins; or
            the raw output of a CenterHead: the heat maps of all tasks side by side.

    Raises:
        ValueError: neither a tensor nor a head's output.
    """
    if isinstance(value, Tensor):
        return value.squeeze(1) if value.dim() == 5 else value
    return torch.cat([task['heatmap'] for task in head_tasks(value)], dim=1)


def probabilities(logits: Tensor, activation: Activation, temperature: float = 1.0) -> Tensor:
    """``(B, C, ...)``: ``softmax`` over the classes, or ``sigmoid`` of each class, of ``logits / temperature``."""
    logits = logits / temperature
    return logits.softmax(dim=1) if activation == 'softmax' else logits.sigmoid()


def categorical_divergence(student: Tensor, teacher: Tensor, temperature: float = 1.0, dim: int = 1) -> Tensor:
    """``KL(softmax(teacher / t) || softmax(student / t))`` over ``dim``, which goes; 0 for a single class."""
    log_p, log_q = ((logits / temperature).log_softmax(dim) for logits in (teacher, student))
    return (log_p.exp() * (log_p - log_q)).sum(dim)


def bernoulli_divergence(student: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
    """``KL(sigmoid(teacher / t) || sigmoid(student / t))`` elementwise."""
    student, teacher = student / temperature, teacher / temperature
    p, log = teacher.sigmoid(), functional.logsigmoid
    return p * (log(teacher) - log(student)) + (1 - p) * (log(-teacher) - log(-student))


def class_divergence(student: Tensor, teacher: Tensor, activation: Activation, temperature: float = 1.0) -> Tensor:
    """``(B, 1, ...)``: the KL divergence of the classes at every place, teacher first.

    Args:
        student, teacher: Logits ``(B, C, ...)``.
        activation: ``softmax``: one distribution over the classes; ``sigmoid``: the sum over independent classes.
        temperature: Divides the logits.

    Raises:
        ValueError: one class under ``softmax``, which says nothing.
    """
    if activation == 'sigmoid':
        return bernoulli_divergence(student, teacher, temperature).sum(dim=1, keepdim=True)
    if student.shape[1] < 2:
        raise ValueError("a softmax over one class is always 1 and teaches nothing; use activation='sigmoid'")
    return categorical_divergence(student, teacher, temperature)[:, None]
