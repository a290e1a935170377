"""Files of pseudo-labelled key frames: an info file to train on, and a result file of all that the teacher found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.info_writer import open_info_file, pack, unpack
from perception_kd.datasets.nuscenes.rows import make_token
from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS
from perception_kd.evaluation.submission import boxes_to_rows, default_attribute
from perception_kd.files import atomic_path
from perception_kd.pseudo_labels.boxes.places import place_taken
from perception_kd.pseudo_labels.boxes.rule import DOUBLE, KEPT, KeepRule, Tally
from perception_kd.structures.classes import NUSCENES_CLASSES

Row = Mapping[str, Any]


def instances_of_row(row: Row, token: str, rule: KeepRule, *, velocity: bool = True,
                     ) -> tuple[list[dict[str, Any]], list[tuple[str, str]]]:
    """The kept boxes of a key frame as ``instances`` of its info, and class and fate of all.

    They have what those of annotations have (``datasets.nuscenes.infos``), and ``score`` and ``attribute_name``.

    Args:
        row: Of the journal, see ``FrameTeacher``.
        token: Sample token.
        rule: ``evidence`` is in LiDAR and radar returns.
        velocity: Whether the teacher's velocities are believed; else they are unknown (NaN) and are not trained.
    """
    kept, fates = [], []
    for number, (box, score, label, lidar, radar) in enumerate(zip(*(
            row[key] for key in ('boxes', 'scores', 'labels', 'lidar', 'radar')))):
        name = NUSCENES_CLASSES[label]
        fate = rule.fate(name, score, lidar + radar)
        if fate == KEPT and not rule.doubles and place_taken(box, [one['bbox_3d'] for one in kept]):
            fate = DOUBLE
        fates.append((name, fate))
        if fate == KEPT:
            kept.append(dict(
                bbox_label=label, bbox_3d=list(box[:7]), bbox_3d_isvalid=lidar + radar > 0, bbox_label_3d=label,
                num_lidar_pts=lidar, num_radar_pts=radar,
                velocity=list(box[7:]) if velocity else [float('nan')] * 2,
                token=make_token('pseudo-label', token, number), instance_token='', score=score,
                attribute_name=default_attribute(name, float(np.hypot(*box[7:]))) if velocity else ''))
    return kept, fates


def write_infos(path: Path, packed: Mapping[str, bytes], rows: Mapping[str, Row], annotated: Mapping[str, bool], *,
                stamp: Mapping[str, Any], origin: Mapping[str, Any], rule: KeepRule, velocity: bool = True) -> Tally:
    """Write the info file.

    Its stamp and every info with a teacher's boxes have ``pseudo_labels``. A key frame that is neither annotated nor
    has a row is one without annotations.

    Args:
        path: New file.
        packed: Token -> packed info, all of the source file.
        rows: Token -> row of the journal.
        annotated: Token -> whether its own annotations are kept.
        stamp: Of the source file.
        origin: Whose boxes they are.
        rule, velocity: See :func:`instances_of_row`.
    """
    tally = Tally()
    with open_info_file(path) as out:
        for token, content in packed.items():
            info = unpack(content)
            if not annotated[token]:
                info.pop('instances', None)
                if token in rows:
                    info['instances'], fates = instances_of_row(rows[token], token, rule, velocity=velocity)
                    info[PSEUDO_LABELS] = True
                    tally.add(fates)
            out.add(pack(info))
        frames = dict(labelled=len(rows), annotated=sum(annotated.values()), boxes=tally.kept)
        out.finish({**stamp, PSEUDO_LABELS: {**origin, 'velocity': velocity, **frames}})
    return tally


def write_results(path: Path, packed: Mapping[str, bytes], rows: Mapping[str, Row], modality: Mapping[str, bool],
                  ) -> None:
    """Write all boxes of the journal in the format of a result file, one key frame after the other."""
    with atomic_path(path) as temporary, temporary.open('w') as file:
        file.write(f'{{"meta": {json.dumps(dict(modality))}, "results": {{')
        for number, (token, row) in enumerate(rows.items()):
            boxes = _result_rows(token, row, unpack(packed[token]))
            file.write(f'{", " if number else ""}{json.dumps(token)}: {json.dumps(boxes)}')
        file.write('}}\n')


def _result_rows(token: str, row: Row, info: Mapping[str, Any]) -> list[dict[str, Any]]:
    boxes, scores = np.array(row['boxes'], np.float64).reshape(-1, 9), np.array(row['scores'], np.float64)
    return boxes_to_rows(
        token=token, boxes=boxes, scores=scores, labels=np.array(row['labels'], np.int64), classes=NUSCENES_CLASSES,
        lidar2ego=np.array(info['lidar_points']['lidar2ego']), ego2global=np.array(info['ego2global']))
