"""Infos that were made on the fly, behind the pipeline that a config tests with."""

from __future__ import annotations

from typing import Any

from mmengine.config import Config
from mmengine.registry import init_default_scope

from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.engine.build import naming_config, require
from perception_kd.inference.samples import Samples


class InferenceDataset(NuScenesRadarDataset):
    """:class:`NuScenesRadarDataset` of given infos instead of an info file's.

    Args:
        samples: What to predict; further arguments are the data set's.
    """

    def __init__(self, *, samples: Samples, **kwargs: Any) -> None:
        self._samples = samples
        super().__init__(ann_file=str(samples.source), data_root=str(samples.root), indices=list(samples.chosen),
                         test_mode=True, **{'serialize_data': False, **kwargs})  # it would collect all garbage

    def _read_infos(self) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return self._samples.stamp, [dict(info) for info in self._samples.infos]


def build_dataset(cfg: Config, samples: Samples) -> InferenceDataset:
    """The data set that a config tests on, with these samples in place of its own.

    Raises:
        ValueError: the config tests on another kind of data, or its pipeline reads what the samples do not have.
    """
    require(cfg, 'test_dataloader')
    settings = dict(cfg.test_dataloader.get('dataset') or {})
    kind = settings.pop('type', None)
    if kind != 'NuScenesRadarDataset':
        raise ValueError(f'config {cfg.filename}: inference takes what is tested on NuScenesRadarDataset, this one is '
                         f'tested on {kind}')
    for name in ('ann_file', 'data_root', 'sensor_root', 'indices', 'test_mode'):
        settings.pop(name, None)
    _check_sensors(cfg, {step.get('type'): step for step in settings.get('pipeline', ())}, samples)
    init_default_scope(cfg.get('default_scope', 'perception_kd'))
    with naming_config(cfg):
        return InferenceDataset(samples=samples, **settings)


def frames_back(cfg: Config) -> int:
    """How many key frames before one that is predicted its pipeline may read."""
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    return max([*dataset.get('past_frames', ()), dataset.get('earlier_frames', 0)])


def note_on_sweeps(cfg: Config, samples: Samples) -> str:
    """A line for people, where the pipeline adds earlier radar sweeps and a folder has none; else empty."""
    steps = cfg.test_dataloader.dataset.get('pipeline', ())
    wanted = max((step.get('sweeps_num', 0) for step in steps if step.get('type') == 'LoadRadarSweeps'), default=0)
    radars = [radar for info in samples.frames for radar in info['radar_points'].values()]
    if not (wanted and samples.frame and radars) or any(radar['sweeps'] for radar in radars):
        return ''
    return (f'{samples.source}: no earlier radar sweeps (they need stamps and poses.csv); the config adds {wanted}, so '
            'the student sees fewer returns than it is used to')


def _check_sensors(cfg: Config, steps: dict[str, Any], samples: Samples) -> None:
    frames = samples.frames
    if not samples.lidar_known and steps.get('ToBEVFrame', {}).get('frame') != 'ego':
        raise ValueError(f'config {cfg.filename} sees the world from the LiDAR of its training data, and '
                         f'{samples.source} does not say where that would be on this vehicle: add '
                         'lidar: {to_vehicle: ...} to it (LiDAR files are not needed)')
    if 'LoadLidarSweeps' in steps and not all(info['lidar_points'].get('lidar_path') for info in frames):
        raise ValueError(f'config {cfg.filename} reads LiDAR, and {samples.source} names none; infer with a '
                         'camera-radar student')
    if 'LoadMultiViewImages' in steps and not all(info['images'] for info in frames):
        raise ValueError(f'config {cfg.filename} reads pictures, and {samples.source} names no camera')
    if 'LoadRadarSweeps' in steps and not any(info['radar_points'] for info in frames):
        raise ValueError(f'config {cfg.filename} reads radar, and {samples.source} has no radar file for any of the '
                         'chosen samples')
    if 'LoadBoxes3D' in steps:
        raise ValueError(f'config {cfg.filename} reads annotated boxes: that is no detector')
