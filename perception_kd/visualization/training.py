"""Pictures of a model in training: a sample with its predictions, and what the pairs compare on one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from perception_kd.evaluation.nuscenes_metric import rows_of_sample
from perception_kd.visualization.boxes import Boxes, boxes_of_results
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.maps.observe import Observation
from perception_kd.visualization.maps.pair_maps import meaning, pair_maps
from perception_kd.visualization.maps.panels import Ground
from perception_kd.visualization.maps.samples import Sample
from perception_kd.visualization.maps.sheets import draw_rows
from perception_kd.visualization.sheet import Sheet

_PARTS = ('teacher', 'student/after', 'difference/after', 'distance/after', 'mask')


def predicted_boxes(model: nn.Module, data: Mapping[str, Any], frame: Frame, classes: Sequence[str]) -> Boxes:
    """What a detector or distiller in eval mode finds in one sample.

    Args:
        model: The model.
        data: The sample, collated to a batch of one.
        frame: The same sample.
        classes: Names by label.
    """
    found = model.test_step(data)[0].to_dict()
    rows = rows_of_sample(found, token=frame.token, classes=classes, lidar2ego=frame.lidar2ego,
                          ego2global=frame.ego2global)
    return boxes_of_results(rows, frame.lidar2global)


def draw_pairs(seen: Observation, model: nn.Module, sample: Sample, note: str) -> Sheet | None:
    """A row of maps for each pair: teacher, student, how they differ, and where it counts; None without a map.

    Args:
        seen: Of the distiller ``model`` on ``sample``.
        note: Of the sheet's title.
    """
    maps = {name: pair_maps(name, None, view, what=meaning(model.pairs[name]))
            for name, view in seen.pairs.items()}
    if not maps:
        return None
    rows = [[several.get(part) for part in _PARTS] for several in maps.values()]
    shown = [one for row in rows for one in row if one is not None]
    ground = Ground(sample.grid2ego, sample.outlines, tuple(one.grid for one in shown))
    return draw_rows(rows, ground, title='What the pairs compare', note=note, names=list(maps), facts=[
        'Rows: pairs. The student as it learns, with the weights of this step.'])
