"""The stages that demos and comparisons are made of: train, evaluate, read the metrics."""

from __future__ import annotations

import gc
import math
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import find_latest_checkpoint

from perception_kd.engine.build import build_runner, load_config

METRIC_PREFIX = 'nusc/'


def train(config: Path, work_dir: Path, options: dict[str, Any] | None = None) -> str:
    """Train a config, going on from its newest checkpoint where there is one. Returns the last checkpoint."""
    runner = build_runner(load_config(config, options), work_dir=work_dir, resume='auto')
    runner.train()
    del runner
    gc.collect()  # the next stage's loaders and models should not meet this one's in memory
    checkpoint = find_latest_checkpoint(str(work_dir))
    if checkpoint is None:
        raise FileNotFoundError(f'training {config} left no checkpoint in {work_dir}')
    return checkpoint


def evaluate(config: Path, checkpoint: str, work_dir: Path, results: Path,
             options: dict[str, Any] | None = None) -> dict[str, float | None]:
    """Predict the test split and score it with nuscenes-devkit.

    Args:
        config: The config that the checkpoint was trained with.
        checkpoint: Weights.
        work_dir: Where the log of this run goes.
        results: Folder for ``results_nusc.json`` and ``metrics_summary.json``.
        options: As ``--cfg-options``.

    Returns:
        Flat metrics without their prefix; NaN (a class without truth) becomes None, since JSON has no NaN.
    """
    cfg = load_config(config, options)
    cfg.load_from = checkpoint
    cfg.test_evaluator.jsonfile_prefix = str(results)
    runner = build_runner(cfg, work_dir=work_dir)
    metrics = runner.test()
    del runner
    gc.collect()
    return {name.removeprefix(METRIC_PREFIX): _plain(value) for name, value in metrics.items()}


def config_inputs(config: Path, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """What decides the result of a stage that runs ``config``: its whole text after inheritance."""
    cfg: Config = load_config(config, options)
    return dict(config=cfg.pretty_text)


def _plain(value: Any) -> float | None:
    number = float(value)
    return number if math.isfinite(number) else None
