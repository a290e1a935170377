"""Logs how much of the training data is annotated."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.datasets.nuscenes.labelled import count_annotated
from perception_kd.registry import HOOKS
from perception_kd.structures import annotated_rows


@HOOKS.register_module()
class AnnotationLogHook(Hook):
    """Logs ``annotated``, the annotated part of the last steps' samples of this process, where it is not all of them.

    Args:
        window: So many steps.
    """

    priority = 'NORMAL'

    def __init__(self, window: int = 20) -> None:
        if window < 1:
            raise ValueError(f'AnnotationLogHook: window must be at least 1, got {window}')
        self._steps: deque[tuple[int, int]] = deque(maxlen=window)
        self._partly = False

    def before_train(self, runner: Runner) -> None:
        """Say how many samples of the data set are annotated."""
        said = annotation_text(runner.train_dataloader.dataset)
        if said:
            runner.logger.info(said)
        counts = count_annotated(runner.train_dataloader.dataset)
        self._partly = counts is not None and counts[0] < counts[1]

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None,
                         outputs: dict | None = None) -> None:
        """Write the entry of this step to the message hub."""
        samples = data_batch.get('data_samples') if isinstance(data_batch, Mapping) else None
        if not self._partly or not samples:
            return
        self._steps.append((len(annotated_rows(samples)), len(samples)))
        annotated, seen = map(sum, zip(*self._steps))
        runner.message_hub.update_scalar('train/annotated', annotated / seen)


def annotation_text(dataset: Any) -> str | None:
    """One line, None where the data set does not know."""
    counts = count_annotated(dataset)
    return None if counts is None else f'{counts[0]} of {counts[1]} training samples annotated'
