"""Calls of mmcv.ops whose results by the compiled CPU kernels of mmcv 2.1.0 are stored in ``golden.npz``.

``python -m tests.compat.golden`` in the repository's root makes that file: it compiles the kernels' sources, which
every mmcv-lite package contains (some minutes, needs g++ and ninja).
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

import perception_kd.compat  # noqa: F401

STORED = Path(__file__).with_name('golden.npz')
SOURCES = ('nms', 'nms_rotated', 'box_iou_rotated', 'voxelization', 'points_in_boxes', 'bbox_overlaps', 'roi_align',
           'deform_conv', 'modulated_deform_conv')
KERNELS = {'bbox_overlaps': 'bbox_overlaps_cpu'}  # files of another name in csrc/pytorch/cpu
OPS = ('nms', 'softnms', 'nms_match', 'nms_rotated', 'box_iou_rotated', 'hard_voxelize_forward',
       'dynamic_voxelize_forward', 'points_in_boxes_cpu_forward', 'bbox_overlaps', 'roi_align_forward',
       'roi_align_backward', 'deform_conv_forward', 'deform_conv_backward_input', 'deform_conv_backward_parameters',
       'modulated_deform_conv_forward', 'modulated_deform_conv_backward')

Result = list[Tensor]


class Inputs:
    """Random numbers that do not depend on the version of torch."""

    def __init__(self, seed: int) -> None:
        self.state = np.random.RandomState(seed)

    def rand(self, *shape: int, scale: float | list[float] = 1.0, low: float | list[float] = 0.0) -> Tensor:
        numbers = self.state.rand(*shape) * np.asarray(scale) + np.asarray(low)
        return torch.from_numpy(numbers.astype(np.float32))

    def order(self, number: int) -> Tensor:
        """Scores, none twice."""
        return torch.from_numpy((self.state.permutation(number) / number).astype(np.float32))

    def upright(self, number: int) -> Tensor:
        low = self.rand(number, 2, scale=15)
        return torch.cat([low, low + self.rand(number, 2, scale=6, low=0.5)], 1)

    def rotated(self, number: int) -> Tensor:
        return self.rand(number, 5, scale=[9, 9, 4, 2, 6.28], low=[0, 0, 0.5, 0.5, -3.14])


def _nms(**options: float) -> Result:
    from mmcv.ops import nms

    inputs = Inputs(0)
    return list(nms(inputs.upright(150), inputs.order(150), **options))


def _soft_nms(**options: object) -> Result:
    from mmcv.ops import soft_nms

    inputs = Inputs(1)
    boxes, scores = inputs.upright(120), inputs.order(120)
    return list(soft_nms(boxes, scores, **options))


def _nms_match() -> Result:
    from mmcv.ops import nms_match

    inputs = Inputs(2)
    groups = nms_match(torch.cat([inputs.upright(80), inputs.order(80)[:, None]], 1), 0.3)
    return [torch.cat(groups), torch.tensor([len(group) for group in groups])]


def _bbox_overlaps(mode: str, aligned: bool, offset: int) -> Result:
    from mmcv.ops import bbox_overlaps

    inputs = Inputs(3)
    return [bbox_overlaps(inputs.upright(25), inputs.upright(25), mode, aligned, offset)]


def _nms_rotated(iou_threshold: float, labels: bool = False, clockwise: bool = True) -> Result:
    from mmcv.ops import nms_rotated

    inputs = Inputs(4)
    boxes, scores = inputs.rotated(200), inputs.order(200)
    return list(nms_rotated(boxes, scores, iou_threshold, torch.arange(200) % 3 if labels else None, clockwise))


def _box_iou_rotated(mode: str, aligned: bool) -> Result:
    from mmcv.ops import box_iou_rotated

    inputs = Inputs(5)
    first, second = inputs.rotated(30), inputs.rotated(30)
    second[:3] = first[:3]  # identical
    second[3, :4], second[4, 2] = first[3, :4] / 2, 0  # without area
    return [box_iou_rotated(first, second, mode, aligned)]


def _voxels(max_points: int, max_voxels: int, dtype: torch.dtype = torch.float32) -> Result:
    from mmcv.ops import voxelization

    points = Inputs(6).rand(400, 5, scale=10, low=-5)
    points[0, 0], points[1, 1], points[2, 2], points[3, 0] = float('nan'), float('inf'), -float('inf'), 1e30
    points[4, :3], points[5, :3] = -4.0, 4.0  # lower bounds are inside, upper ones are not
    points[200:300, :3] = points[200:300, :3].round()
    found = voxelization(points.to(dtype), (0.8, 1.0, 1.6), (-4.0, -4, -4, 4, 4.5, 4), max_points, max_voxels)
    return list(found) if isinstance(found, tuple) else [found]


def _points_in_boxes() -> Result:
    from mmcv.ops import points_in_boxes_cpu

    inputs = Inputs(7)
    points = inputs.rand(2, 120, 3, scale=8, low=-4)
    boxes = inputs.rand(2, 9, 7, scale=[6, 6, 3, 4, 4, 3, 6.28], low=[-3, -3, -3, 0.5, 0.5, 0.5, -3.14])
    points[:, 60:] = points[:, 60:].round()
    boxes[1] = boxes[1].round()
    return [points_in_boxes_cpu(points, boxes)]


def _with_gradients(function: Callable[..., Tensor], inputs: Result, number: int) -> Result:
    """The output, and the gradients of its weighted sum by the first ``number`` inputs."""
    leaves = [tensor.clone().requires_grad_() for tensor in inputs[:number]]
    output = function(*leaves, *inputs[number:])
    weight = Inputs(8).rand(*output.shape)
    return [output.detach(), *torch.autograd.grad((output * weight).sum(), leaves)]


def _roi_align(ratio: int, aligned: bool) -> Result:
    from mmcv.ops import roi_align

    inputs = Inputs(9)
    corner = inputs.rand(6, 2, scale=20, low=-4)
    rois = torch.cat([torch.arange(6.0)[:, None] % 2, corner, corner + inputs.rand(6, 2, scale=12)], 1)
    image = inputs.rand(2, 3, 7, 9, low=-0.5)
    return _with_gradients(lambda x: roi_align(x, rois, (3, 2), 0.5, ratio, 'avg', aligned), [image], 1)


def _deform_conv(modulated: bool) -> Result:
    from mmcv.ops import deform_conv2d, modulated_deform_conv2d

    inputs = Inputs(10)
    image, offset = inputs.rand(2, 8, 6, 5, low=-0.5), inputs.rand(2, 36, 3, 5, scale=4, low=-2)
    offset[:, :4] = 0  # whole pixels
    weight, mask = inputs.rand(4, 4, 3, 3, low=-0.5), inputs.rand(2, 18, 3, 5)
    geometry = ((2, 1), (1, 1), (1, 1), 2, 2)
    if not modulated:
        return _with_gradients(lambda *x: deform_conv2d(*x, *geometry), [image, offset, weight], 3)
    return _with_gradients(lambda *x: modulated_deform_conv2d(*x, *geometry),
                           [image, offset, mask, weight, inputs.rand(4)], 5)


CASES: dict[str, Callable[[], Result]] = {
    'nms': lambda: _nms(iou_threshold=0.4),
    'nms, pixels': lambda: _nms(iou_threshold=0.2, offset=1, score_threshold=0.1, max_num=20),
    **{f'soft nms, {method}, {least}': lambda m=method, s=least: _soft_nms(method=m, min_score=s, iou_threshold=0.25)
       for method in ('naive', 'linear', 'gaussian') for least in (1e-3, 0.2)},
    'nms match': _nms_match,
    **{f'bbox overlaps, {mode}, {aligned}': lambda m=mode, a=aligned: _bbox_overlaps(m, a, 1)
       for mode in ('iou', 'iof') for aligned in (False, True)},
    **{f'nms rotated, {threshold}': lambda t=threshold: _nms_rotated(t) for threshold in (0.05, 0.3, 0.6)},
    'nms rotated, labels': lambda: _nms_rotated(0.2, labels=True),
    'nms rotated, counter-clockwise': lambda: _nms_rotated(0.2, clockwise=False),
    **{f'box iou rotated, {mode}, {aligned}': lambda m=mode, a=aligned: _box_iou_rotated(m, a)
       for mode in ('iou', 'iof') for aligned in (False, True)},
    **{f'voxels, {limit}': lambda x=limit: _voxels(*x)
       for limit in ((5, 1000), (2, 30), (1, 1), (0, 9), (4, 0), (-1, 9), (9, -1))},
    'voxels, half precision': lambda: _voxels(3, 50, torch.float16),
    'voxels, double precision': lambda: _voxels(3, 50, torch.float64),
    'points in boxes': _points_in_boxes,
    **{f'roi align, {ratio}, {aligned}': lambda r=ratio, a=aligned: _roi_align(r, a)
       for ratio in (0, 2) for aligned in (False, True)},
    'deform conv': lambda: _deform_conv(False),
    'modulated deform conv': lambda: _deform_conv(True),
}


@contextmanager
def compiled_kernels() -> Iterator[None]:
    """mmcv's functions call the compiled kernels instead of the twins."""
    import mmcv.ops
    from torch.utils.cpp_extension import load_inline

    from perception_kd.compat.ops import TWINS

    csrc = Path(mmcv.ops.__file__).with_name('csrc')
    files = [f'pytorch/cpu/{KERNELS.get(name, name)}.cpp' for name in SOURCES]
    files += [f'pytorch/{name}.cpp' for name in SOURCES if name != 'points_in_boxes']  # its rest is for CUDA
    text = '#include <torch/extension.h>\n' + ''.join(f'#include "{name}"\n' for name in files)
    built = load_inline('mmcv_cpu_kernels', [text], functions=list(OPS), extra_cflags=['-O2', '-w'],
                        extra_include_paths=[str(csrc / 'common'), str(csrc)])

    def call(name: str) -> Callable[..., object]:
        order = inspect.signature(TWINS[name])  # the twins have the ops' argument names, in order
        return lambda *args, **kwargs: getattr(built, name)(*order.bind(*args, **kwargs).args)

    modules = [module for name, module in sys.modules.items()
               if name.startswith('mmcv.ops.') and hasattr(module, 'ext_module')]
    before = [module.ext_module for module in modules]
    for module in modules:
        module.ext_module = SimpleNamespace(**{name: call(name) for name in OPS})
    try:
        yield
    finally:
        for module, ext_module in zip(modules, before, strict=True):
            module.ext_module = ext_module


def main() -> None:
    """Write the stored results."""
    with compiled_kernels():
        found = {name: case() for name, case in CASES.items()}
    np.savez_compressed(STORED, **{f'{name}: {number}': tensor.numpy()
                                   for name, tensors in found.items() for number, tensor in enumerate(tensors)})


if __name__ == '__main__':
    main()
