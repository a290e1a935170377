"""Pictures, disparity and occlusion of a stereo pair, from disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.stereo.decoders import apply_mask, decode_disparity, decode_noc
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadStereoPair(BaseTransform):
    """Decode both pictures into ``left`` and ``right``: uint8 (H, W, 3) RGB; grey ones get three equal channels.

    Raises:
        FileNotFoundError: a picture is missing.
        ValueError: a picture cannot be decoded, or they differ in size.
    """

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``left_path`` and ``right_path``."""
        left, right = read_image(results['left_path']), read_image(results['right_path'])
        if left.shape != right.shape:
            raise ValueError(f'{results["right_path"]}: {_size(right)} pixels, its left picture '
                             f'{results["left_path"]} has {_size(left)}; both of a rectified pair have one size')
        results.update(left=left, right=right)
        return results


@TRANSFORMS.register_module()
class LoadDisparity(BaseTransform):
    """Decode the truth: ``disp`` float32 (H, W) px, 0 where unknown, ``valid`` bool (H, W), ``noc`` bool where known.

    Args:
        right: Load ``disp_right``, ``valid_right`` and ``noc_right`` too, where the set has them.
        required: A pair without disparity is an error; otherwise it stays without ``disp``.
        mask: Only pixels that the pair's mask trusts are valid, where it has one (pseudo-labels).

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file cannot be decoded, has another size than its picture, or knows not one pixel.
    """

    def __init__(self, *, right: bool = False, required: bool = True, mask: bool = True) -> None:
        self.right, self.required, self.mask = right, required, mask

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``disp_path``, ``decoder``, ``mask_path``, ``noc_path``, ``noc_decoder``, and the right picture's."""
        if 'disp_path' in results:
            self._load(results, '')
        elif self.required:
            raise ValueError(f'{results["left_path"]}: the pair has no disparity to load; is the layout another?')
        if self.right and 'disp_right_path' in results:
            self._load(results, '_right')
        return results

    def _load(self, results: dict[str, Any], side: str) -> None:
        path = results[f'disp{side}_path']
        disp, valid = decode_disparity(path, results['decoder'], results)
        if self.mask and not side and 'mask_path' in results:
            disp, valid = apply_mask((disp, valid), results['mask_path'])
        _check_size(path, disp, results)
        if not valid.any():
            raise ValueError(f'{path}: no pixel with a disparity; is the decoder {results["decoder"]!r} another?')
        results.update({f'disp{side}': disp, f'valid{side}': valid})
        if f'noc{side}_path' in results:
            path = results[f'noc{side}_path']
            noc = decode_noc(path, results['noc_decoder'])
            _check_size(path, noc, results)
            results[f'noc{side}'] = noc


def _check_size(path: str, values: np.ndarray, results: dict[str, Any]) -> None:
    if 'left' in results and values.shape != results['left'].shape[:2]:
        raise ValueError(f'{path}: {_size(values)} pixels, the picture {results["left_path"]} has '
                         f'{_size(results["left"])}')


def _size(image: np.ndarray) -> str:
    return f'{image.shape[1]} x {image.shape[0]}'
