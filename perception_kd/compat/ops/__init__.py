"""Portable twins, in plain PyTorch, of the compiled ops that our models and mmdet's and mmdet3d's reach."""

import torch

from perception_kd.compat.ops import (
    deform_conv,
    focal_loss,
    masked_conv,
    nms,
    points_in_boxes,
    roi_align,
    rotated,
    scatter,
    soft_nms,
    sparse_conv,
    sparse_pairs,
    voxelize,
)

# Each has the name of its op: mmcv calls them with the op's own argument names and in-place outputs. Like the
# compiled ops they leave no trace for autograd; where there are gradients, mmcv's functions call a backward op.
TWINS = {
    function.__name__: torch.no_grad()(function)
    for function in (
        deform_conv.deform_conv_backward_input,
        deform_conv.deform_conv_backward_parameters,
        deform_conv.deform_conv_forward,
        deform_conv.modulated_deform_conv_backward,
        deform_conv.modulated_deform_conv_forward,
        focal_loss.sigmoid_focal_loss_backward,
        focal_loss.sigmoid_focal_loss_forward,
        focal_loss.softmax_focal_loss_backward,
        focal_loss.softmax_focal_loss_forward,
        masked_conv.masked_col2im_forward,
        masked_conv.masked_im2col_forward,
        nms.bbox_overlaps,
        nms.nms,
        nms.nms_match,
        points_in_boxes.points_in_boxes_all_forward,
        points_in_boxes.points_in_boxes_cpu_forward,
        points_in_boxes.points_in_boxes_part_forward,
        roi_align.roi_align_backward,
        roi_align.roi_align_forward,
        rotated.box_iou_rotated,
        rotated.nms_rotated,
        scatter.dynamic_point_to_voxel_backward,
        scatter.dynamic_point_to_voxel_forward,
        soft_nms.softnms,
        sparse_conv.indice_conv_backward,
        sparse_conv.indice_conv_forward,
        voxelize.dynamic_voxelize_forward,
        voxelize.hard_voxelize_forward,
    )
}
TWINS.update({  # one twin for any rank
    f'get_indice_pairs_{rank}d_forward': torch.no_grad()(sparse_pairs.get_indice_pairs_forward) for rank in (2, 3, 4)
})
