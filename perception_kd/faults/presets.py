"""The faults and severities that models are compared on, by name."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perception_kd.faults.base import LEVELS, build_fault

FAMILIES = ('camera', 'camera_rig', 'radar', 'lidar', 'crosses')

Config = dict[str, Any]


@dataclass(frozen=True)
class FaultCase:
    """One row of a robustness table.

    Args:
        name: Of the row, such as ``fog``.
        family: ``camera`` (RoboBEV's eight, with its severities), ``camera_rig`` (other faults of cameras), ``radar``,
            ``lidar`` or ``crosses`` (of cameras and radars).
        severities: Name of a severity -> the faults that act together, as configs of ``ApplyFaults``.
    """

    name: str
    family: str
    severities: Mapping[str, list[Config]]


def fault_cases(names: Sequence[str] = FAMILIES) -> list[FaultCase]:
    """The cases of families or of single names, in their fixed order.

    Raises:
        ValueError: no such family or case.
    """
    unknown = sorted(set(names) - set(FAMILIES) - {case.name for case in CASES})
    if unknown:
        raise ValueError(f'no fault or family of faults {", ".join(unknown)}; families: {", ".join(FAMILIES)}; faults: '
                         f'{", ".join(case.name for case in CASES)}')
    return [case for case in CASES if case.family in names or case.name in names]


def with_faults(dataloader: Mapping[str, Any], faults: Sequence[Config], seed: int | None = 0, prob: float = 1.0,
                keep_clean: Sequence[str] = ()) -> Config:
    """A loader's config whose samples have faults.

    Args:
        dataloader: Such as ``cfg.test_dataloader``; data sets within others (``dataset``, ``datasets``) are found.
        faults: Configs of faults.
        seed, prob: See :class:`~perception_kd.datasets.transforms.sensor_faults.ApplyFaults`.
        keep_clean: Inputs that are wanted without faults, too, for a teacher; see ``BesideClean``.

    Raises:
        ValueError: no data set in it has a pipeline.
    """
    dataloader = copy.deepcopy(dict(dataloader))
    first = dict(type='ApplyFaults', faults=[dict(fault) for fault in faults], seed=seed, prob=prob)
    back = max((build_fault(fault).earlier_frames for fault in faults), default=0)
    inner = [data for data in _data_sets(dataloader) if 'pipeline' in data]
    if not inner:
        raise ValueError('with_faults: no data set of this loader has a pipeline')
    for data in inner:
        data['pipeline'] = [copy.deepcopy(first), *data['pipeline']] if not keep_clean else [
            dict(type='BesideClean', faults=copy.deepcopy(first), transforms=data['pipeline'], keys=tuple(keep_clean))]
        if back > data.get('earlier_frames', 0):
            data['earlier_frames'] = back
    return dataloader


def _data_sets(holder: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Configs of all data sets in a loader's or data set's config."""
    below = [holder['dataset']] if 'dataset' in holder else list(holder.get('datasets', ()))
    return [data for one in below if isinstance(one, dict) for data in (one, *_data_sets(one))]


def _levels(name: str, family: str, kind: str, **values: Sequence[Any] | Any) -> FaultCase:
    """A case of one fault at its three severities; ``values`` are arguments for all of them."""
    return FaultCase(name, family, {level: [dict(type=kind, severity=level, **values)] for level in LEVELS})


def _steps(name: str, family: str, kind: str, **values: Sequence[Any]) -> FaultCase:
    """A case whose severities are steps of one argument, named after its values."""
    (key, steps), = values.items()
    return FaultCase(name, family, {f'{step:g}': [dict(type=kind, **{key: step})] for step in steps})


def _crosses() -> list[FaultCase]:
    """Cameras that crash or lose frames at three severities, each with a radar fault of the same severity."""
    cameras = {'camera_crash': 'CameraCrash', 'frame_lost': 'FrameLost'}
    radars = {'radars_lost': 'RadarsLost', 'radar_drop': 'RadarDrop', 'radar_multipath': 'RadarMultipath',
              'doppler_sign': 'DopplerSign', 'radar_stale': 'RadarStale', 'radar_extrinsic': 'RadarExtrinsic'}
    return [FaultCase(f'{camera}+{radar}', 'crosses',
                      {level: [dict(type=kind, severity=level) for kind in (cameras[camera], radars[radar])]
                       for level in LEVELS})
            for camera in cameras for radar in radars]


CASES: tuple[FaultCase, ...] = (
    _levels('brightness', 'camera', 'Brightness'),
    _levels('dark', 'camera', 'Dark'),
    _levels('fog', 'camera', 'Fog'),
    _levels('snow', 'camera', 'Snow'),
    _levels('motion_blur', 'camera', 'MotionBlur'),
    _levels('color_quant', 'camera', 'ColorQuant'),
    _levels('camera_crash', 'camera', 'CameraCrash'),
    _levels('frame_lost', 'camera', 'FrameLost'),
    _levels('camera_extrinsic', 'camera_rig', 'CameraExtrinsic'),
    _levels('camera_stale', 'camera_rig', 'CameraStale'),
    _steps('radars_lost', 'radar', 'RadarsLost', radars=(1, 2, 3, 4, 5)),
    _steps('radar_drop', 'radar', 'RadarDrop', share=(0.25, 0.5, 0.75)),
    _levels('radar_sweeps_lost', 'radar', 'RadarSweepsLost'),
    _levels('radar_multipath', 'radar', 'RadarMultipath'),
    _levels('radar_phantoms', 'radar', 'RadarClutter', speed_std=5.0),
    _levels('radar_clutter', 'radar', 'RadarClutter'),
    _levels('rcs_offset', 'radar', 'RadarRcsOffset'),
    _levels('rcs_noise', 'radar', 'RadarRcsNoise'),
    _levels('doppler_sign', 'radar', 'DopplerSign'),
    _levels('doppler_noise', 'radar', 'DopplerNoise'),
    _steps('radar_stale', 'radar', 'RadarStale', delay=(0.1, 0.2, 0.3, 0.5)),
    _levels('radar_extrinsic', 'radar', 'RadarExtrinsic'),
    FaultCase('lidar_lost', 'lidar', {'all': [dict(type='LidarLost')]}),
    _levels('lidar_sweeps_lost', 'lidar', 'LidarSweepsLost'),
    _levels('beam_drop', 'lidar', 'BeamDrop'),
    _levels('lidar_drop', 'lidar', 'LidarDrop'),
    _levels('lidar_sector', 'lidar', 'LidarSector'),
    _levels('lidar_jitter', 'lidar', 'LidarJitter'),
    _levels('lidar_intensity', 'lidar', 'LidarIntensity'),
    _levels('lidar_crosstalk', 'lidar', 'LidarCrosstalk'),
    _levels('lidar_motion', 'lidar', 'LidarMotion'),
    _levels('lidar_fog', 'lidar', 'LidarFog'),
    _levels('lidar_snow', 'lidar', 'LidarSnow'),
    _levels('lidar_stale', 'lidar', 'LidarStale'),
    _levels('lidar_extrinsic', 'lidar', 'LidarExtrinsic'),
    *_crosses(),
)
"""All cases. Severities: easy, moderate and hard, or the values themselves where the case counts something."""
