"""What drone detectors of all sizes share, so that teacher and student predict at the same places.

Anchors are YOLOv5's, of COCO at 640 px; fit them to other data and sizes with ``tools/anchors.py``. Needs ``classes``
(``../datasets/uav.py``).
"""

num_classes = 1
anchors = [
    [[10, 13], [16, 30], [33, 23]],
    [[30, 61], [62, 45], [59, 119]],
    [[116, 90], [156, 198], [373, 326]]]
anchors_p2 = [
    [[5, 6], [8, 14], [15, 11]],
    [[10, 13], [16, 30], [33, 23]],
    [[30, 61], [62, 45], [59, 119]],
    [[116, 90], [156, 198], [373, 326]]]
score_thr, nms_iou, max_per_img = 0.001, 0.65, 300  # for metrics; 0.25 and 0.45 for deployment

anchor_head = dict(type='AnchorYOLOHead', num_classes='${num_classes}', anchors='${anchors}')
distribution_head = dict(type='DistributionHead', num_classes='${num_classes}')
box_choice = dict(score_thr='${score_thr}', nms_iou='${nms_iou}', max_per_img='${max_per_img}')
