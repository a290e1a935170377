"""What pseudo-boxes of frames and of pictures share: the teacher's stamp, and what a run leaves."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.comparison.fairness import portable
from perception_kd.export.student import student_config
from perception_kd.files import fingerprint, require_file
from perception_kd.pseudo_labels.boxes.rule import KeepRule, Tally
from perception_kd.pseudo_labels.queue import Summary, Workers

REPORT_FILE = 'report.json'
_OF_ITS_OWN_DATA = ('ann_file', 'data_root', 'sensor_root', 'data_prefix', 'indices', 'test_mode')


@dataclass(frozen=True)
class BoxJob:
    """A teacher, what is kept of its boxes, and who does the work.

    Args:
        cfg: Config of the teacher; it predicts as on its test split.
        checkpoint: Its weights.
        out: Folder of the labels and of the journal. A run that is repeated goes on there.
        rule: Which boxes are kept. Another rule makes other labels of the same journal, nothing is predicted again.
        floor: Least score of a box that the journal notes.
        device: ``cpu`` or ``cuda``.
        workers: See :class:`Workers`.
        retries: See :func:`~perception_kd.pseudo_labels.queue.run`.

    Raises:
        FileNotFoundError, ValueError: no checkpoint; a floor out of range.
    """

    cfg: Config
    checkpoint: Path
    out: Path
    rule: KeepRule
    floor: float = 0.1
    device: str = 'cpu'
    workers: Workers = field(default_factory=Workers)
    retries: int = 2

    def __post_init__(self) -> None:
        require_file(self.checkpoint, 'checkpoint')
        if not 0 <= self.floor <= 1:
            raise ValueError(f'--floor is a score from 0 to 1, got {self.floor}')

    def check_rule(self, classes: list[str]) -> None:
        """See that the rule fits the teacher's classes and the floor.

        Raises:
            ValueError: a score of a class that the teacher does not find, or one below the floor.
        """
        self.rule.check_classes(classes)
        lowest = self.rule.lowest(classes)
        if lowest < self.floor:
            raise ValueError(f'keep rule: boxes are kept from score {lowest:g} on, but only those from --floor '
                             f'{self.floor:g} on are noted; name another --out with a lower --floor')

    def stamp(self, source: str) -> dict[str, Any]:
        """Of the journal: all that its boxes depend on.

        Args:
            source: Fingerprint or name of what is labelled.
        """
        dataset = self.cfg.test_dataloader.dataset
        parts = portable({'model': student_config(self.cfg),
                          'dataset': {key: value for key, value in dataset.items() if key not in _OF_ITS_OWN_DATA}})
        return dict(config=hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16],
                    checkpoint=fingerprint(self.checkpoint), source=source, floor=self.floor)

    def origin(self) -> dict[str, Any]:
        """For the stamps of the labels: whose boxes they are, and which of them were kept."""
        return dict(config=str(self.cfg.filename), checkpoint=str(self.checkpoint),
                    fingerprint=fingerprint(self.checkpoint), rule=self.rule.as_json())


def refuse_empty(done: Summary) -> None:
    """See that there is anything to write.

    Raises:
        ValueError: every item failed.
    """
    if not done.rows:
        key, error = next(iter(done.failed.items()))
        raise ValueError(f'all {len(done.failed)} items failed, for example {key}: {error}')


@dataclass(frozen=True)
class BoxReport:
    """What a run left.

    Attributes:
        labels: The file to train on.
        results: All boxes from the floor on, in the format of a result file; None for pictures.
        tally: What became of the boxes.
        done: What the queue says.
    """

    labels: Path
    results: Path | None
    tally: Tally
    done: Summary
