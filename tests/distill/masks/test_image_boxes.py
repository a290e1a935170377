"""True boxes of pictures as weights, through pairs on maps of several strides."""

from dataclasses import replace

import pytest
import torch

from perception_kd.distill import Pair
from perception_kd.distill.losses import AT, FGD, MGD, MSE
from perception_kd.distill.losses.focal_global import focal_weights
from perception_kd.distill.masks import ImageBoxes
from perception_kd.distill.schedules import Progress
from perception_kd.structures import ImageGrid, TapSpec
from perception_kd.structures.image_grid import image_footprints
from tests.distill.pictures import TINY, picture_batch


def test_cells_of_boxes_count_and_a_sample_without_boxes_has_none():
    found = ImageBoxes()(picture_batch((1, 0, 3)))
    assert found.shape == (3, 1, 8, 8) and found[0].nonzero().tolist() == [[0, 1, 1]] and not found[1].any()
    covered = image_footprints(torch.tensor(TINY), ImageGrid(8, 8, 8))
    assert torch.equal(found[2, 0], covered.any(0).float())
    around = ImageBoxes(outside=0.25)(picture_batch((1, 0)))
    assert set(around[0].unique().tolist()) == {0.25, 1.0} and (around[1] == 0.25).all()


def test_grown_boxes_reach_further_and_equal_ones_share_one_each():
    assert int(ImageBoxes(grow=8.0)(picture_batch((1,))).sum()) == 6  # 24 x 16 px around (11.5, 11), cut at the border
    assert int(ImageBoxes(margin=8.0)(picture_batch((1,))).sum()) == 9
    found = ImageBoxes(equal=True, outside=0.5)(picture_batch((3, 0)))
    assert float(found[0].sum()) == pytest.approx(3.5) and float(found[1].sum()) == pytest.approx(0.5)


@pytest.mark.parametrize('stride', [8, 16, 32])
def test_a_pair_draws_its_mask_on_the_cells_of_its_own_stride(stride):
    spec = TapSpec('neck', 'image', 4, '', stride=stride)
    pair = Pair(name='one', student=spec, teacher=replace(spec, name='uav.neck'), loss=MSE(), mask=ImageBoxes())
    student = torch.randn(3, 4, 64 // stride, 64 // stride).requires_grad_()
    teacher = torch.randn(student.shape)
    batch = replace(picture_batch((1, 0, 3), grid=None), student_taps=dict(neck=student),
                    teacher_taps={'uav.neck': teacher})
    value = pair(batch, Progress())
    value.loss.backward()
    weight = ImageBoxes()(picture_batch((1, 0, 3), ImageGrid(stride, 64 // stride, 64 // stride)))
    expected = ((student - teacher).square().mean(1, keepdim=True) * weight).sum() / weight.sum()
    torch.testing.assert_close(value.loss, expected)
    assert torch.equal(student.grad.abs().sum(1, keepdim=True) > 0, weight > 0)
    assert float(value.coverage) == pytest.approx(float(weight.mean()))
    for loss in (AT(), MGD(channels=4)):
        other = Pair(name='two', student=spec, teacher=replace(spec, name='uav.neck'), loss=loss, mask=ImageBoxes())
        assert other(batch, Progress()).loss.isfinite()


def test_the_two_parts_of_fgd_are_shared_by_boxes_and_background_of_the_picture():
    found = focal_weights(picture_batch((1, 0, 3)), inside=2.0, outside=1.0)
    assert found.sum(dim=(1, 2, 3)).tolist() == pytest.approx([3.0, 1.0, 7.0])
    assert float(found[0, 0, 1, 1]) == 2.0
    assert 'image' in FGD(channels=4).kinds and FGD(channels=4).needs_boxes


def test_bad_settings_and_other_taps_are_one_line():
    with pytest.raises(ValueError, match='ImageBoxes needs a map of a picture with a stride'):
        ImageBoxes()(picture_batch(grid=None))
    with pytest.raises(ValueError, match='grow is above 0, margin and outside are not negative'):
        ImageBoxes(grow=0.0)
