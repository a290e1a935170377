"""Pseudo-boxes of pictures: from a folder or a list to a COCO file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS
from perception_kd.files import check_folder_target, write_json
from perception_kd.inference.rates import show_progress
from perception_kd.pseudo_labels.boxes.job import REPORT_FILE, BoxJob, BoxReport, refuse_empty
from perception_kd.pseudo_labels.boxes.pictures import MakeDetector, detector_classes, list_pictures
from perception_kd.pseudo_labels.boxes.rule import KEPT, KeepRule, Tally
from perception_kd.pseudo_labels.queue import JOURNAL, run

COCO_FILE = 'pseudo_coco.json'


def label_pictures(job: BoxJob, source: str | Path) -> BoxReport:
    """Give pictures the boxes of a detector.

    Args:
        job: The detector and its keep rule.
        source: See :func:`list_pictures`.

    Returns:
        ``pseudo_coco.json`` has every picture that could be read, also those without a kept box.

    Raises:
        FileNotFoundError, ValueError: bad input, a rule that does not fit; what ``queue.run`` raises.
    """
    root, pictures = list_pictures(source)
    check_folder_target(job.out)
    classes = detector_classes(job.cfg, job.checkpoint)
    job.check_rule(classes)
    done = run(pictures, MakeDetector(job.cfg, job.checkpoint, job.floor, job.device), journal=job.out / JOURNAL,
               stamp=job.stamp(str(root.resolve())), workers=job.workers, retries=job.retries, progress=show_progress)
    refuse_empty(done)
    origin = {**job.origin(), 'source': str(root), 'failed': len(done.failed)}
    content, tally = coco_of_rows(done.rows, classes, job.rule, origin)
    labels = job.out / COCO_FILE
    write_json(labels, content, indent=None)
    write_json(job.out / REPORT_FILE, {**origin, **tally.as_json(), 'failures': done.failed})
    return BoxReport(labels, None, tally, done)


def coco_of_rows(rows: Mapping[str, Mapping[str, Any]], classes: Sequence[str], rule: KeepRule,
                 origin: Mapping[str, Any]) -> tuple[dict[str, Any], Tally]:
    """Kept boxes in COCO's format of annotations, with all ids from 1; each has its ``score``, too.

    Args:
        rows: Name of a picture -> row of the journal, see ``Detector``.
        classes: Names in label order.
        rule: ``evidence`` is the shorter side of a box in pixels.
        origin: Whose boxes they are, for ``info``.

    Raises:
        ValueError: a label without a class.
    """
    tally, images, annotations = Tally(), [], []
    for name, row in rows.items():
        images.append(dict(id=len(images) + 1, file_name=name, width=row['width'], height=row['height']))
        if row['labels'] and max(row['labels']) >= len(classes):
            raise ValueError(f'the detector gives label {max(row["labels"])}, and its {len(classes)} classes are '
                             f'{", ".join(classes)}')
        fates = [(classes[label], rule.fate(classes[label], score, min(box[2:])))
                 for box, score, label in zip(row['boxes'], row['scores'], row['labels'])]
        tally.add(fates)
        for (_, fate), box, score, label in zip(fates, row['boxes'], row['scores'], row['labels']):
            if fate == KEPT:
                annotations.append(dict(id=len(annotations) + 1, image_id=len(images), category_id=label + 1, bbox=box,
                                        area=box[2] * box[3], iscrowd=0, score=score))
    categories = [dict(id=number, name=name, supercategory='') for number, name in enumerate(classes, 1)]
    info = {'description': 'Boxes of a detector, no annotations', PSEUDO_LABELS: dict(origin)}
    return dict(info=info, licenses=[], images=images, annotations=annotations, categories=categories), tally
