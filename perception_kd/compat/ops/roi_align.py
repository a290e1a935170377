"""RoIAlign (He et al., 2017), average pooling.

Every output is a weighted sum of pixels, so it is an "embedding bag": pixels are the rows of a table, the four
neighbours of every sample are the entries of a bag.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

BAG_ENTRIES_AT_ONCE = 1 << 20


def roi_align_forward(
    input: Tensor, rois: Tensor, output: Tensor, argmax_y: Tensor, argmax_x: Tensor, aligned_height: int,
    aligned_width: int, spatial_scale: float, sampling_ratio: int, pool_mode: int, aligned: bool,
) -> None:
    """Write pooled regions into ``output`` (R, C, aligned_height, aligned_width).

    Args:
        input: (B, C, H, W).
        rois: (R, 5) sample, x1 y1 x2 y2, in pixels of the image.
        spatial_scale: Pixels of ``input`` per pixel of the image.
        sampling_ratio: Samples of a bin along each axis; 0 takes about one a pixel.
        pool_mode: 1, the average; the maximum (0) is not there.
        aligned: Pixel centres are at halves.
    """
    _check(rois, spatial_scale, pool_mode, aligned)
    size = (aligned_height, aligned_width)
    table = input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    for part, bags, weights in _bags(rois, tuple(input.shape[2:]), size, spatial_scale, sampling_ratio, aligned):
        pooled = _pool(table, bags, weights)
        output[part] = pooled.reshape(len(part), *size, -1).permute(0, 3, 1, 2).to(output.dtype)


def roi_align_backward(
    grad_output: Tensor, rois: Tensor, argmax_y: Tensor, argmax_x: Tensor, grad_input: Tensor,
    aligned_height: int, aligned_width: int, spatial_scale: float, sampling_ratio: int, pool_mode: int,
    aligned: bool,
) -> None:
    """Add the gradient by the input to ``grad_input`` (B, C, H, W)."""
    _check(rois, spatial_scale, pool_mode, aligned)
    size = (aligned_height, aligned_width)
    batch, channels, height, width = grad_input.shape
    table = grad_input.new_zeros(batch * height * width, channels, requires_grad=True)
    total = torch.zeros_like(table, requires_grad=False)
    for part, bags, weights in _bags(rois, (height, width), size, spatial_scale, sampling_ratio, aligned):
        with torch.enable_grad():
            pooled = _pool(table, bags, weights)
        grads = grad_output[part].permute(0, 2, 3, 1).reshape(pooled.shape).to(pooled.dtype)
        total += torch.autograd.grad(pooled, table, grads)[0]
    grad_input += total.reshape(batch, height, width, channels).permute(0, 3, 1, 2)


def _check(rois: Tensor, spatial_scale: float, pool_mode: int, aligned: bool) -> None:
    if pool_mode != 1:
        from perception_kd.compat.mmcv_ext import CompiledOpMissing

        raise CompiledOpMissing("roi_align_forward with pool_mode 'max'")
    if aligned and len(rois) and not bool((rois[:, 3:] * spatial_scale >= rois[:, 1:3] * spatial_scale).all()):
        raise ValueError('roi_align: a region ends before it begins; rois are sample, x1, y1, x2, y2')


def _pool(table: Tensor, bags: Tensor, weights: Tensor) -> Tensor:
    return embedding_bag(bags, table, mode='sum', per_sample_weights=weights.to(table.dtype))


def _bags(rois: Tensor, image: tuple[int, int], size: tuple[int, int], spatial_scale: float, sampling_ratio: int,
          aligned: bool) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Regions in parts of one number of samples: their numbers, pixels and weights (regions * bins, entries)."""
    corners = rois[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)
    start, extent = corners[:, [1, 0]], corners[:, [3, 2]] - corners[:, [1, 0]]  # row, column
    extent = extent if aligned else extent.clamp(min=1)
    step = extent / extent.new_tensor(size)
    samples = torch.full_like(step, sampling_ratio).long() if sampling_ratio > 0 else torch.ceil(step).long()
    for grid in torch.unique(samples, dim=0).tolist():
        entries = 4 * grid[0] * grid[1] * size[0] * size[1]
        if not entries:  # a region without extent gives 0
            continue
        numbers = torch.nonzero((samples == samples.new_tensor(grid)).all(1))[:, 0]
        for part in numbers.split(max(1, BAG_ENTRIES_AT_ONCE // entries)):
            rows, row_weights = _taps(start[part, 0], step[part, 0], size[0], grid[0], image[0])
            columns, column_weights = _taps(start[part, 1], step[part, 1], size[1], grid[1], image[1])
            first = rois[part, 0].long()[:, None, None] * image[0]
            pixels = (rows + first)[:, :, None, :, None] * image[1] + columns[:, None, :, None, :]
            weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :] / (grid[0] * grid[1])
            yield part, pixels.flatten(3).flatten(0, 2), weights.flatten(3).flatten(0, 2)


def _taps(start: Tensor, step: Tensor, bins: int, grid: int, length: int) -> tuple[Tensor, Tensor]:
    """Pixels along one axis, and their weights: (R, bins, 2 grid).

    A sample more than one pixel before the first or after the last counts as 0; nearer ones take the border's value.
    """
    bin_number = torch.arange(bins, device=step.device)[:, None]
    sample = torch.arange(grid, device=step.device) + 0.5
    start, step = start[:, None, None], step[:, None, None]
    place = start + bin_number * step + sample * step / grid
    valid = (place >= -1) & (place <= length)
    place = place.clamp(0, length - 1)
    low = place.long()
    fraction = place - low
    weights = torch.cat([1 - fraction, fraction], -1) * valid.repeat(1, 1, 2)
    return torch.cat([low, (low + 1).clamp(max=length - 1)], -1), weights
