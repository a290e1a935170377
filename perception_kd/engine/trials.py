"""The trial that shows whether training can work at all: overfit a few frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.engine.build import build_runner, load_config, require
from perception_kd.engine.quiet import without_augmentation
from perception_kd.evaluation.nuscenes_metric import RESULT_FILE
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.evaluation.subsets import BoxSubset


def overfit(config: str | Path, work_dir: str | Path, frames: int = 8, steps: int = 400,
            reach: float | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Train on a few frames without augmentation and score the same frames with nuscenes-devkit.

    Args:
        config: A config with a train loader and a ``NuScenesDetMetric``.
        work_dir: Folder for logs, weights and the results.
        frames: Number of frames, spread evenly over the training split.
        steps: Optimiser steps.
        reach: Score boxes less than this many metres away along both ego axes only: nothing can be learnt
            outside of the model's grid, and the devkit scores cars up to 50 m.
        options: As ``--cfg-options``.

    Returns:
        The devkit's summary (``mean_dist_aps`` ...).

    Raises:
        ValueError: fewer than one frame or step, or more frames than there are.
    """
    _check_positive(frames=frames, steps=steps)
    cfg = load_config(config, options)
    require(cfg, 'model', 'train_dataloader', 'train_cfg', 'optim_wrapper', 'test_dataloader', 'test_evaluator')
    batch = cfg.train_dataloader.get('batch_size', 1)
    epochs = max(1, round(steps * batch / frames))
    cfg = load_config(config, {**(options or {}), 'max_epochs': epochs, 'train_cfg.val_begin': epochs + 1,
                               'default_hooks.checkpoint.interval': epochs})
    _cut(cfg, frames)
    cfg.test_evaluator.jsonfile_prefix = str(work_dir)
    cfg.train_dataloader.dataset.pipeline = without_augmentation(cfg.train_dataloader.dataset.pipeline)
    runner = build_runner(cfg, work_dir=work_dir, brief=True)
    runner.train()
    runner.test()
    metric = runner.test_evaluator.metrics[0]
    tokens = list(json.loads((Path(work_dir) / RESULT_FILE).read_text())['results'])
    return evaluate_devkit(Path(work_dir) / RESULT_FILE, metric.data_root, metric.version, metric.split,
                           sample_tokens=tokens, box_filter=BoxSubset(max_reach=reach))


def _check_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f'{name} must be at least 1, got {number}')


def _cut(cfg: Config, frames: int) -> None:
    """Train and test ``cfg`` on the same few frames of its training split."""
    ann_file = cfg.train_dataloader.dataset.ann_file
    count = len(load_infos(ann_file)[1])
    if frames > count:
        raise ValueError(f'{frames} frames asked for, the training split has {count}')
    for loader in (cfg.train_dataloader, cfg.test_dataloader):
        loader.dataset.ann_file = ann_file
        loader.dataset.indices = [i * count // frames for i in range(frames)]
    cfg.test_evaluator.update(ann_file=ann_file, subset=True)
