"""One model under test: loaded once, scored under any faults in the way of ``tools/test.py``."""

from __future__ import annotations

import copy
import gc
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from perception_kd.comparison.entry import Entry
from perception_kd.comparison.fairness import portable
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.nuscenes.tables import simulated_world
from perception_kd.engine.build import build_runner, load_config, require
from perception_kd.engine.runner import DistillRunner
from perception_kd.export import without_teachers
from perception_kd.faults.presets import with_faults
from perception_kd.files import fingerprint, require_file

SENSOR_OF = {'LoadMultiViewImages': 'camera', 'LoadRadarSweeps': 'radar', 'LoadLidarSweeps': 'lidar'}
DECIDING = ('model', 'test_dataloader', 'test_evaluator', 'test_cfg')


class Model:
    """A config and its weights.

    Args:
        entry: Name, config file and overrides of this model alone.
        checkpoint: Its weights.
        shared: Overrides of all models.
        engine: Of the metric: ``devkit`` or ``fast``.
        frames: Only so many key frames, spread evenly over the split; None: all.
        logs: Folder for the Runner's logs.

    Raises:
        FileNotFoundError, ValueError: No such checkpoint or data; a config that cannot be tested, or is not scored by
            nuScenes' metrics.
    """

    def __init__(self, *, entry: Entry, checkpoint: Path, shared: Mapping[str, Any] | None = None,
                 engine: str = 'devkit', frames: int | None = None, logs: Path) -> None:
        self.name, self.config, self.engine, self.logs = entry.name, entry.config, engine, logs
        self.checkpoint = require_file(checkpoint, 'checkpoint')
        cfg = load_config(entry.config, {**(shared or {}), **entry.options})
        require(cfg, 'model', *DECIDING[1:])
        if cfg.test_evaluator.get('type') != 'NuScenesDetMetric':
            raise ValueError(f'config {entry.config}: test_evaluator is {cfg.test_evaluator.get("type")}; mCE and mRR '
                             'are made of the NDS and mAP of NuScenesDetMetric')
        self.cfg = without_teachers(cfg)
        self.cfg.load_from, self.cfg.log_level = str(checkpoint), 'WARNING'
        self.data = self._choose(frames)
        self.reads = self._sensors()
        if engine != 'devkit':
            self.cfg.test_evaluator.engine = engine
        parts = portable({name: self.cfg.get(name) for name in DECIDING})
        self.key = dict(config=hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16],
                        checkpoint=fingerprint(checkpoint), data=json.dumps(self.data, sort_keys=True))

    def _sensors(self) -> set[str]:
        """Kinds of sensors that are loaded, less those that the metric's ``modality`` says are not used."""
        loaded = {SENSOR_OF.get(name) for name in _transforms(self.cfg.test_dataloader.dataset.pipeline)} - {None}
        modality = self.cfg.test_evaluator.get('modality') or {}
        return {sensor for sensor in loaded if modality.get(f'use_{sensor}', True)}

    def _choose(self, frames: int | None) -> dict[str, Any]:
        """Thin out the split, and say what is left of which data."""
        dataset = self.cfg.test_dataloader.dataset
        path = Path(dataset.data_root) / dataset.ann_file
        path = path if path.is_file() else Path(dataset.ann_file)
        stamp, infos = load_infos(path)
        if frames is not None and not 1 <= frames <= len(infos):
            raise ValueError(f'{path} has {len(infos)} key frames; cannot take {frames} of them')
        if frames is not None:
            dataset.indices = [place * len(infos) // frames for place in range(frames)]
            self.cfg.test_evaluator.subset = True
            infos = [infos[place] for place in dataset.indices]
        self.tokens = [info['token'] for info in infos]
        return dict(version=stamp['version'], split=stamp['split'], infos=fingerprint(path), frames=len(infos),
                    scenes=len({info.get('scene_token') for info in infos}),
                    world=simulated_world(dataset.data_root, stamp['version']))

    @property
    def data_root(self) -> Path:
        """Of the data that it is scored on."""
        return Path(self.cfg.test_dataloader.dataset.data_root)

    @cached_property
    def _runner(self) -> DistillRunner:
        return build_runner(copy.deepcopy(self.cfg), work_dir=self.logs, brief=True, strict=True)

    def release(self) -> None:
        """Give the memory back; the next scoring loads the model again."""
        self.__dict__.pop('_runner', None)
        gc.collect()

    def score(self, faults: Sequence[Mapping[str, Any]], seed: int, folder: Path) -> dict[str, float | None]:
        """Predict and score the test split with faulty sensors.

        Args:
            faults: Settings of each; none for sound sensors.
            seed: Of the faults.
            folder: Gets ``results_nusc.json`` and the metrics.

        Returns:
            Metrics by name; None for one that is not defined (a class without truth).
        """
        runner = self._runner
        loader = with_faults(self.cfg.test_dataloader, list(faults), seed) if faults else self.cfg.test_dataloader
        loop = runner.test_loop  # one for all cells, with a metric that keeps the truth
        loop.dataloader = runner.build_dataloader(copy.deepcopy(loader), seed=runner.seed)
        for metric in loop.evaluator.metrics:
            metric.folder = str(folder)
        metrics = runner.test()
        return {name.rpartition('/')[2]: float(value) if math.isfinite(value) else None
                for name, value in metrics.items()}


def _transforms(steps: Any) -> Iterator[str]:
    """Names of all transforms of a pipeline, also of those inside of others."""
    if isinstance(steps, Mapping):
        if isinstance(steps.get('type'), str):
            yield steps['type'].rpartition('.')[2]
        steps = list(steps.values())
    if isinstance(steps, (list, tuple)):
        for step in steps:
            yield from _transforms(step)
