"""mmdet's own detectors, shrunk, on the CPU: loss, gradients and predictions through the portable ops."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only

# TOOD, VFNet, FoveaBox, RepPoints, DyHead and CenterNet reach deformable convolutions too.
ONE_STAGE = (
    'retinanet/retinanet_r18_fpn_1x_coco',
    'fcos/fcos_r50-caffe_fpn_gn-head_1x_coco',
    'atss/atss_r50_fpn_1x_coco',
    'gfl/gfl_r50_fpn_1x_coco',
    'tood/tood_r50_fpn_1x_coco',
    'vfnet/vfnet_r50_fpn_1x_coco',
    'foveabox/fovea_r50_fpn_gn-head-align_4xb4-2x_coco',
    'reppoints/reppoints-moment_r50_fpn_1x_coco',
    'dyhead/atss_r50_fpn_dyhead_1x_coco',
    'guided_anchoring/ga-retinanet_r50_fpn_1x_coco',
    'ddod/ddod_r50_fpn_1x_coco',
    'centernet/centernet_r18-dcnv2_8xb16-crop512-140e_coco',
    'yolox/yolox_tiny_8xb8-300e_coco',
    'rtmdet/rtmdet_tiny_8xb32-300e_coco',
    'yolo/yolov3_mobilenetv2_8xb24-320-300e_coco',
    'ssd/ssdlite_mobilenetv2-scratch_8xb24-600e_coco',
)


def small_cfg(name: str) -> ConfigDict:
    """The model of one of mmdet's configs, untrained, a ResNet-50 exchanged for a ResNet-18."""
    import mmdet

    cfg = Config.fromfile(Path(mmdet.__path__[0], '.mim', 'configs', f'{name}.py')).model
    cfg.data_preprocessor.pop('batch_augments', None)
    if cfg.backbone.get('depth') == 50:
        cfg.backbone.update(depth=18, style='pytorch')
        neck = cfg.neck[0] if isinstance(cfg.neck, list) else cfg.neck
        neck.in_channels = [64, 128, 256, 512]
    for part in (cfg, cfg.backbone):
        part.init_cfg = None
    if 'score_thr' in cfg.test_cfg:
        cfg.test_cfg.score_thr = 0.0
    return cfg


def step_and_predict(cfg: ConfigDict, name: str) -> list:
    """A training step on two images, then predictions on one."""
    from mmdet.registry import MODELS
    from mmdet.testing import demo_mm_inputs
    from mmdet.utils import register_all_modules
    from mmengine.logging import MessageHub

    register_all_modules()
    torch.manual_seed(0)
    MessageHub.get_instance(name).update_info('epoch', 0)  # some losses ask for the epoch
    model = MODELS.build(cfg)
    data = demo_mm_inputs(2, [[3, 64, 64]] * 2, num_classes=20)
    total, _ = model.parse_losses(model(**model.data_preprocessor(data, True), mode='loss'))
    total.backward()
    assert total.isfinite()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    if 'ssd' in name:
        model.bbox_head.loss_cls = None  # mmdet 3.3 asks its SSD head for a loss that it does not have
    model.eval()
    with torch.no_grad():
        data = demo_mm_inputs(1, [[3, 64, 64]], num_classes=20)
        return model(**model.data_preprocessor(data, False), mode='predict')


@pytest.mark.parametrize('name', ONE_STAGE)
def test_one_stage_detectors(name: str) -> None:
    for result in step_and_predict(small_cfg(name), name):
        found = result.pred_instances
        assert len(found.bboxes) == len(found.scores) > 0 and found.scores.isfinite().all()


@pytest.mark.parametrize('suppression', ['nms', 'soft_nms'])
def test_a_two_stage_detector(suppression: str) -> None:
    cfg = small_cfg('faster_rcnn/faster-rcnn_r50_fpn_1x_coco')
    cfg.test_cfg.rcnn.update(score_thr=0.0, nms=dict(type=suppression, iou_threshold=0.5))
    (result,) = step_and_predict(cfg, f'faster_rcnn_{suppression}')
    assert len(result.pred_instances.bboxes)
