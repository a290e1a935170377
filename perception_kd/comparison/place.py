"""The data that runs of nuScenes-format detection are scored on, as their configs say."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from mmengine.config import Config

from perception_kd.comparison.metrics import kind_of
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.evaluation.frames import choose_frames


@dataclass(frozen=True)
class Place:
    """Key frames with truth.

    Args:
        root, version, split: Of the data.
        partial: Result files may be for a part of the split.
    """

    root: str
    version: str
    split: str
    partial: bool = False

    @classmethod
    def of(cls, cfg: Config) -> Place:
        """Where the test evaluator of a config scores.

        Raises:
            FileNotFoundError, ValueError: No or a damaged info file; another task.
        """
        evaluator = cfg.test_evaluator
        if kind_of(cfg) != 'NuScenesDetMetric':
            raise ValueError(f'{kind_of(cfg)} does not score detections in the nuScenes format')
        inside = Path(evaluator['data_root']) / evaluator['ann_file']
        version, split = _stamp(str(inside if inside.is_file() else evaluator['ann_file']))
        return cls(evaluator['data_root'], version, split, bool(evaluator.get('subset')))

    def frames(self, results: list[Path]) -> list[str] | None:
        """Sample tokens of the key frames that count; None: all of the split."""
        return choose_frames(self.root, self.version, self.split, results=results) if self.partial else None


@lru_cache(maxsize=4)
def _stamp(infos: str) -> tuple[str, str]:
    stamp, _ = load_infos(infos)
    return stamp['version'], stamp['split']
