"""Sigmoid and softmax focal loss (Lin et al., 2017) and their gradients.

mmcv has CUDA kernels only. Those take the logarithm of a probability that is already rounded; here the logarithms
come from the logits, so that float32 stays right for large logits too.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

SMALLEST = torch.finfo(torch.float32).tiny


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of every class into ``output`` (N, C).

    Args:
        input: (N, C) logits.
        target: (N,) int64 class of a row; any number outside [0, C) is background.
        weight: (C,) weight of a row by its class, background rows weigh 1; or empty.
        gamma: Exponent of the modulating factor.
        alpha: Weight of the positive class; the others weigh ``1 - alpha``.
    """
    p, q = input.sigmoid(), (-input).sigmoid()
    positive = -alpha * q**gamma * logsigmoid(input)
    negative = -(1 - alpha) * p**gamma * logsigmoid(-input)
    output.copy_(_choose(positive, negative, target, weight))


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the derivative of every loss by its logit into ``grad_input`` (N, C)."""
    p, q = input.sigmoid(), (-input).sigmoid()
    positive = -alpha * q**gamma * (q - gamma * p * logsigmoid(input))
    negative = -(1 - alpha) * p**gamma * (gamma * q * logsigmoid(-input) - p)
    grad_input.copy_(_choose(positive, negative, target, weight))


def _choose(positive: Tensor, negative: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    classes = torch.arange(positive.shape[1], device=target.device)
    chosen = torch.where(target[:, None] == classes, positive, negative)
    return chosen * _row_weights(target, weight)[:, None] if weight.numel() else chosen


def _row_weights(target: Tensor, weight: Tensor) -> Tensor:
    known = (target >= 0) & (target < len(weight))
    return torch.where(known, weight[target.clamp(0, len(weight) - 1)], torch.ones_like(weight[:1]))


def softmax_focal_loss_forward(
    softmax: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Write the loss of every row into ``output`` (N,); ``softmax`` (N, C) probabilities; a negative class costs 0."""
    p = _of_class(softmax, target)
    loss = -alpha * (1 - p) ** gamma * p.clamp(min=SMALLEST).log()
    loss = loss * _row_weights(target, weight) if weight.numel() else loss
    output.copy_(torch.where(target >= 0, loss, torch.zeros_like(loss)))


def softmax_focal_loss_backward(
    softmax: Tensor, target: Tensor, weight: Tensor, buff: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Write the derivative by the logits into ``grad_input`` (N, C), and its factor of a row into ``buff`` (N,)."""
    p = _of_class(softmax, target)
    factor = alpha * (gamma * (1 - p) ** (gamma - 1) * p * p.clamp(min=SMALLEST).log() - (1 - p) ** gamma)
    factor = factor * _row_weights(target, weight) if weight.numel() else factor
    buff.copy_(torch.where(target >= 0, factor, torch.zeros_like(factor)))
    classes = torch.arange(softmax.shape[1], device=target.device)
    grad_input.copy_(buff[:, None] * ((target[:, None] == classes).to(softmax.dtype) - softmax))


def _of_class(softmax: Tensor, target: Tensor) -> Tensor:
    return softmax.gather(1, target.clamp(min=0)[:, None])[:, 0]
