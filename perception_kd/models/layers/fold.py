"""Batch normalisation folded into the convolution before it, for use after training."""

from __future__ import annotations

from itertools import pairwise

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

CONVOLUTIONS = (nn.Conv2d, nn.Conv3d)
TRANSPOSED = (nn.ConvTranspose2d, nn.ConvTranspose3d)
NORMS = (nn.BatchNorm2d, nn.BatchNorm3d)


def fold_batch_norms(model: nn.Module) -> int:
    """Fold every batch normalisation of ``model`` that follows a convolution in a ``Sequential``, in place.

    Values stay up to rounding and a pass over each map is saved. The model cannot be trained any more, and its state
    dict is another one: load weights before.

    Returns:
        How many were folded.

    Raises:
        ValueError: the model is in training mode.
    """
    if model.training:
        raise ValueError('batch normalisation folds into convolutions in eval mode only: call model.eval() before')
    folded = 0
    for chain in [module for module in model.modules() if isinstance(module, nn.Sequential)]:
        for (place, convolution), (after, norm) in pairwise(list(chain.named_children())):
            transposed = isinstance(convolution, TRANSPOSED)
            if isinstance(norm, NORMS) and (transposed or isinstance(convolution, CONVOLUTIONS)):
                setattr(chain, place, fuse_conv_bn_eval(convolution, norm, transpose=transposed))
                setattr(chain, after, nn.Identity())
                folded += 1
    return folded
