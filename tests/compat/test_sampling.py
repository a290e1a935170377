"""RoIAlign and deformable convolutions: brute force, plain convolution, numerical gradients."""

import math

import pytest
import torch
from torch.nn import functional

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only

DOUBLE = torch.float64


def sample(image: torch.Tensor, y: float, x: float, border: bool) -> torch.Tensor:
    """Bilinear (C,) of image (C, H, W); beyond the border zeros, or the border's value for up to a pixel."""
    height, width = image.shape[1:]
    if border:
        if y < -1 or y > height or x < -1 or x > width:
            return image.new_zeros(len(image))
        y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    total = image.new_zeros(len(image))
    for row in (math.floor(y), math.floor(y) + 1):
        for column in (math.floor(x), math.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                total = total + image[:, row, column] * (1 - abs(y - row)) * (1 - abs(x - column))
    return total


def brute_roi_align(image, rois, size, scale, ratio, aligned):
    out = []
    for index, x1, y1, x2, y2 in rois.tolist():
        shift = 0.5 if aligned else 0.0
        top, left = y1 * scale - shift, x1 * scale - shift
        height, width = (y2 - y1) * scale, (x2 - x1) * scale
        if not aligned:
            height, width = max(height, 1), max(width, 1)
        step = height / size[0], width / size[1]
        grid = [ratio or math.ceil(length) for length in step]
        bins = []
        for row in range(size[0]):
            for column in range(size[1]):
                values = [sample(image[int(index)], top + (row + (i + 0.5) / grid[0]) * step[0],
                                 left + (column + (j + 0.5) / grid[1]) * step[1], True)
                          for i in range(grid[0]) for j in range(grid[1])]
                bins.append(sum(values) / len(values))
        out.append(torch.stack(bins, 1).reshape(-1, *size))
    return torch.stack(out)


@pytest.mark.parametrize('aligned', [False, True])
@pytest.mark.parametrize('ratio', [0, 2])
def test_roi_align_equals_brute_force_and_its_gradient_is_right(aligned: bool, ratio: int) -> None:
    from mmcv.ops import roi_align

    image = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    rois = torch.tensor([[0, 1, 1, 9, 8], [1, -6, -5, 3, 2], [0, 5, 2, 5.5, 2.25], [1, 9, 6, 19, 13]], dtype=DOUBLE)
    got = roi_align(image, rois, (2, 3), 0.5, ratio, 'avg', aligned)
    torch.testing.assert_close(got, brute_roi_align(image, rois, (2, 3), 0.5, ratio, aligned))
    assert torch.autograd.gradcheck(lambda x: roi_align(x, rois, (2, 3), 0.5, ratio, 'avg', aligned),
                                    image.requires_grad_())


def test_roi_align_of_no_region_an_empty_one_and_a_wrong_one() -> None:
    from mmcv.ops import roi_align

    image = torch.ones(1, 2, 4, 4)
    assert roi_align(image, torch.zeros(0, 5), (2, 2)).shape == (0, 2, 2, 2)
    assert not roi_align(image, torch.tensor([[0.0, 1, 1, 1, 1]]), (2, 2)).any()
    with pytest.raises(ValueError, match='ends before it begins'):
        roi_align(image, torch.tensor([[0.0, 3, 1, 1, 1]]), (2, 2))


def dcn_case(offsets: float):
    generator = torch.Generator().manual_seed(1)
    image = torch.randn(2, 4, 5, 6, generator=generator, dtype=DOUBLE)
    offset = torch.randn(2, 2 * 2 * 6, 3, 5, generator=generator, dtype=DOUBLE) * offsets
    mask = torch.rand(2, 2 * 6, 3, 5, generator=generator, dtype=DOUBLE)
    weight = torch.randn(6, 2, 3, 2, generator=generator, dtype=DOUBLE)
    bias = torch.randn(6, generator=generator, dtype=DOUBLE)
    return image, offset, mask, weight, bias


# stride, padding, dilation, groups, deformable groups; the kernel is 3 x 2
GEOMETRY = ((2, 1), (1, 0), (1, 1), 2, 2)


def brute_dcn(image, offset, mask, weight, bias):
    """Every output by itself."""
    (stride, padding, dilation, groups, deform_groups) = GEOMETRY
    out = image.new_zeros(2, 6, 3, 5)
    for b, row, column in torch.cartesian_prod(torch.arange(2), torch.arange(3), torch.arange(5)).tolist():
        columns = []
        for group in range(deform_groups):
            part = image[b, group * 2 : group * 2 + 2]
            for tap in range(6):
                place = group * 6 + tap
                y = row * stride[0] - padding[0] + tap // 2 * dilation[0] + offset[b, 2 * place, row, column].item()
                x = column * stride[1] - padding[1] + tap % 2 * dilation[1] + offset[
                    b, 2 * place + 1, row, column].item()
                columns.append(sample(part, y, x, False) * mask[b, place, row, column])
        columns = torch.stack(columns).reshape(deform_groups, 6, 2).transpose(1, 2).reshape(groups, -1)
        kernel = weight.reshape(groups, 3, -1)
        out[b, :, row, column] = (kernel @ columns[..., None]).reshape(-1) + bias
    return out


def test_deformable_convolutions_equal_brute_force() -> None:
    from mmcv.ops import deform_conv2d, modulated_deform_conv2d

    case = dcn_case(1.5)
    torch.testing.assert_close(modulated_deform_conv2d(*case, *GEOMETRY), brute_dcn(*case))
    image, offset, mask, weight, bias = case
    torch.testing.assert_close(deform_conv2d(image, offset, weight, *GEOMETRY),
                               brute_dcn(image, offset, torch.ones_like(mask), weight, torch.zeros_like(bias)))


def test_gradients_of_deformable_convolutions() -> None:
    from mmcv.ops import deform_conv2d, modulated_deform_conv2d

    case = [tensor.requires_grad_() for tensor in dcn_case(0.4)]
    assert torch.autograd.gradcheck(lambda *inputs: modulated_deform_conv2d(*inputs, *GEOMETRY), case, fast_mode=True)
    plain = [case[0], case[1], case[3]]
    assert torch.autograd.gradcheck(lambda *inputs: deform_conv2d(*inputs, *GEOMETRY), plain, fast_mode=True)


def test_without_offsets_it_is_a_convolution() -> None:
    """The kink at whole pixels: the gradient by the offset is the step to the next pixel."""
    from mmcv.ops import deform_conv2d

    ramp = (torch.arange(6.0)[:, None] ** 2 + torch.zeros(6)).reshape(1, 1, 6, 6)
    weight, offset = torch.ones(1, 1, 1, 1), torch.zeros(1, 2, 6, 6, requires_grad=True)
    out = deform_conv2d(ramp, offset, weight)
    torch.testing.assert_close(out, functional.conv2d(ramp, weight))
    out.sum().backward()
    assert offset.grad[0, 0, :, 0].tolist() == [1, 3, 5, 7, 9, -25]


def test_masked_convolution_is_the_convolution_where_the_mask_is_set() -> None:
    from mmcv.ops import MaskedConv2d

    torch.manual_seed(0)
    layer, image, mask = MaskedConv2d(2, 4, 3, padding=1), torch.randn(1, 2, 5, 6), torch.rand(1, 5, 6).round()
    with torch.no_grad():
        full = functional.conv2d(image, layer.weight, layer.bias, padding=1)
        torch.testing.assert_close(layer(image, mask), full * mask)
    assert not layer(image, torch.zeros(1, 5, 6)).any()
