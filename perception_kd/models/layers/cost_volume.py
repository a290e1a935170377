"""Cost volumes of a rectified pair: how well each left pixel fits the right pixel at each disparity.

Left is the reference, ``x_right = x_left - d``, and 0 stands where ``x_right`` is outside of the picture. Nothing but
matrix products, slices and reshapes, so that the volumes export to ONNX; the references loop over disparities.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def group_correlation(left: Tensor, right: Tensor, *, groups: int, levels: int, normalise: bool = True) -> Tensor:
    """Group-wise cosine correlation (group-wise: Guo et al., CVPR 2019; each group has length 1 before the product).

    Tiles of left columns are multiplied with the right columns that they can reach, and each product is read along
    its diagonals. No lifted ``C x levels`` tensor is made: beside the result, a few times its size is held.

    Args:
        left, right: ``(B, C, H, W)`` features.
        groups: Groups of channels; divides C.
        levels: Disparities 0, 1, ... ``levels - 1``, in px of these maps.
        normalise: False: products of the features as they are.

    Returns:
        ``(B, groups, levels, H, W)``, of normalised features in [-1, 1].

    Raises:
        ValueError: the maps differ, or the groups do not divide the channels.
    """
    _check(left, right, levels)
    batch, _, height, width = left.shape
    left, right = (maps.contiguous(memory_format=torch.channels_last) for maps in (left, right))  # rows of channels
    # (B, H, G, W, C/G)
    left, right = (in_groups(maps, groups, normalise).permute(0, 3, 1, 4, 2) for maps in (left, right))
    tiles = max(1, round(width / levels))
    tile = max(2, -(-width // tiles))  # equal tiles waste least
    reach = tile + levels - 1
    left = functional.pad(left, (0, 0, 0, tiles * tile - width)).unflatten(3, (tiles, tile))
    right = functional.pad(right, (0, 0, levels - 1, tiles * tile - width)).flip(3)  # so that diagonals run forward
    ends = [right.shape[3] - number * tile for number in range(tiles)]
    right = torch.stack([right[..., end - reach:end, :] for end in ends], dim=3)
    product = left @ right.transpose(-1, -2)  # (B, H, G, tiles, tile, reach): left x and flipped right x of a tile
    # Left x meets right x - d at place (tile - 1) + x * (reach - 1) + d of the flattened product.
    flat = product.flatten(-2)[..., tile - 1:tile - 1 + tile * (reach - 1)]
    skewed = flat.unflatten(-1, (tile, reach - 1))[..., :levels]
    rows = skewed.permute(0, 1, 5, 3, 4, 2).reshape(batch, height, levels, tiles * tile, groups)  # a row stays in cache
    return rows[..., :width, :].permute(0, 4, 2, 1, 3)


def group_correlation_reference(left: Tensor, right: Tensor, *, groups: int, levels: int,
                                normalise: bool = True) -> Tensor:
    """The same by a loop over disparities; slow, easy to read. Arguments and result as of ``group_correlation``."""
    left, right = (in_groups(maps, groups, normalise) for maps in (left, right))
    batch, _, _, height, width = left.shape
    volume = left.new_zeros(batch, groups, levels, height, width)
    for level in range(min(levels, width)):
        volume[:, :, level, :, level:] = (left[..., level:] * right[..., :width - level]).sum(dim=2)
    return volume


def concat_volume(left: Tensor, right: Tensor, *, levels: int) -> Tensor:
    """Left features beside the right features that each disparity brings there (Kendall et al., ICCV 2017).

    Args:
        left, right: ``(B, C, H, W)`` features.
        levels: Disparities, as of ``group_correlation``.

    Returns:
        ``(B, 2C, levels, H, W)``: the left features at every disparity, then the shifted right ones.

    Raises:
        ValueError: the maps differ.
    """
    _check(left, right, levels)
    width = left.shape[-1]
    padded = functional.pad(right, (levels - 1, 0))
    starts = range(levels - 1, -1, -1)
    shifted = torch.stack([padded[..., start:start + width] for start in starts], dim=2)
    return torch.cat([left[:, :, None].expand_as(shifted), shifted], dim=1)


def concat_volume_reference(left: Tensor, right: Tensor, *, levels: int) -> Tensor:
    """The same by a loop over disparities. Arguments and result as of ``concat_volume``."""
    batch, channels, height, width = left.shape
    volume = left.new_zeros(batch, 2 * channels, levels, height, width)
    volume[:, :channels] = left[:, :, None]
    for level in range(min(levels, width)):
        volume[:, channels:, level, :, level:] = right[..., :width - level]
    return volume


def in_groups(maps: Tensor, groups: int, normalise: bool = True) -> Tensor:
    """``(B, C, H, W)`` -> ``(B, groups, C / groups, H, W)`` with groups of length 1 (0 stays 0), or as they are.

    Raises:
        ValueError: the groups do not divide the channels.
    """
    if groups < 1 or maps.shape[1] % groups:
        raise ValueError(f'{groups} groups do not divide {maps.shape[1]} channels of the cost volume')
    split = maps.unflatten(1, (groups, -1))
    least = max(1e-12, torch.finfo(maps.dtype).tiny)  # 1e-12 is 0 in float16
    return functional.normalize(split, dim=2, eps=least) if normalise else split


def _check(left: Tensor, right: Tensor, levels: int) -> None:
    if left.shape != right.shape:
        raise ValueError(f'left and right maps of a cost volume differ: {tuple(left.shape)}, {tuple(right.shape)}')
    if levels < 1:
        raise ValueError(f'a cost volume has 1 disparity or more, got {levels}')
