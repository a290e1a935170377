"""Non-maximum suppression as the last nodes of a graph, by ONNX' own operator."""

from __future__ import annotations

from typing import Any

import numpy as np

from perception_kd.export.uav_graph import BOXES, LABELS, SCORES
from perception_kd.models.uav.postprocess import BoxSettings


def add_nms(proto: Any, settings: BoxSettings) -> None:
    """Let a model of one picture give chosen boxes instead of all of them, class by class, strongest first.

    Args:
        proto: ONNX' model with outputs ``boxes`` (1, N, 4) and ``scores`` (1, N, K); becomes ``boxes`` (M, 4),
            ``scores`` (M,) and ``labels`` (M,). ``nms_pre`` has no counterpart.
        settings: Thresholds, which are then fixed.
    """
    from onnx import TensorProto, helper, numpy_helper

    graph = proto.graph
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = [f'dense_{name}' if name in (BOXES, SCORES) else name for name in names]
    constants = dict(nms_most=np.array([settings.max_per_img]), nms_overlap=np.array([settings.nms_iou], np.float32),
                     nms_score=np.array([settings.score_thr], np.float32), nms_class=np.array([1]),
                     nms_place=np.array([2]), nms_rows=np.array([1]), nms_first=np.array([0]))
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    steps = [  # what is chosen: rows of (picture, class, place)
        ('Transpose', ['dense_scores'], ['nms_by_class'], dict(perm=[0, 2, 1])),
        ('NonMaxSuppression', ['dense_boxes', 'nms_by_class', 'nms_most', 'nms_overlap', 'nms_score'], ['nms_chosen'],
         {}),
        ('GatherND', ['nms_by_class', 'nms_chosen'], ['nms_strength'], {}),
        ('Shape', ['nms_strength'], ['nms_count'], {}), ('Min', ['nms_count', 'nms_most'], ['nms_kept'], {}),
        ('TopK', ['nms_strength', 'nms_kept'], [SCORES, 'nms_order'], {}),
        ('Gather', ['nms_chosen', 'nms_order'], ['nms_sorted'], dict(axis=0)),
        ('Gather', ['nms_sorted', 'nms_class'], ['nms_labels'], dict(axis=1)),
        ('Squeeze', ['nms_labels', 'nms_rows'], [LABELS], {}),
        ('Gather', ['nms_sorted', 'nms_place'], ['nms_places'], dict(axis=1)),
        ('Squeeze', ['nms_places', 'nms_rows'], ['nms_flat'], {}),
        ('Squeeze', ['dense_boxes', 'nms_first'], ['nms_boxes'], {}),
        ('Gather', ['nms_boxes', 'nms_flat'], [BOXES], dict(axis=0)),
    ]
    graph.node.extend(helper.make_node(kind, inputs, outputs, name=f'nms_{number}_{kind}', **attributes)
                      for number, (kind, inputs, outputs, attributes) in enumerate(steps))
    del graph.output[:]
    graph.output.extend(helper.make_tensor_value_info(name, kind, shape) for name, kind, shape in (
        (BOXES, TensorProto.FLOAT, ('M', 4)), (SCORES, TensorProto.FLOAT, ('M',)), (LABELS, TensorProto.INT64, ('M',))))
