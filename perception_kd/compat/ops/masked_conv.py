"""The two parts of mmcv's masked convolution (guided anchoring): mmcv has CUDA kernels only."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def masked_im2col_forward(
    im: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, col: Tensor, kernel_h: int, kernel_w: int, pad_h: int,
    pad_w: int,
) -> None:
    """Write the windows of ``im`` (1, C, H, W) at the places (n,) of the mask into ``col`` (C kh kw, n)."""
    padded = pad(im[0], (pad_w, pad_w + kernel_w, pad_h, pad_h + kernel_h))
    rows = mask_h_idx + torch.arange(kernel_h, device=im.device)[:, None]
    columns = mask_w_idx + torch.arange(kernel_w, device=im.device)[:, None]
    col.copy_(padded[:, rows[:, None], columns[None]].reshape(col.shape))


def masked_col2im_forward(
    col: Tensor, mask_h_idx: Tensor, mask_w_idx: Tensor, im: Tensor, height: int, width: int, channels: int
) -> None:
    """Write the results (C, n) into their places of ``im`` (1, C, H, W); the others stay as they are."""
    im[0, :, mask_h_idx, mask_w_idx] = col
