"""Faults of sensors: what cameras, radars and LiDAR do when they fail."""

from perception_kd.faults.base import LEVELS, Draw, Fault, build_fault
from perception_kd.faults.calibration import CameraExtrinsic, LidarExtrinsic, RadarExtrinsic
from perception_kd.faults.camera_blur import MotionBlur
from perception_kd.faults.camera_light import Brightness, ColorQuant, Dark
from perception_kd.faults.camera_loss import CameraCrash, FrameLost
from perception_kd.faults.camera_weather import Fog, Snow
from perception_kd.faults.frame import FrameFaults
from perception_kd.faults.lidar_points import (
    BeamDrop,
    LidarCrosstalk,
    LidarDrop,
    LidarIntensity,
    LidarJitter,
    LidarLost,
    LidarMotion,
    LidarSector,
    LidarSweepsLost,
)
from perception_kd.faults.lidar_weather import LidarFog, LidarSnow
from perception_kd.faults.presets import FAMILIES, FaultCase, fault_cases, with_faults
from perception_kd.faults.radar_points import RadarClutter, RadarDrop, RadarMultipath, RadarsLost, RadarSweepsLost
from perception_kd.faults.radar_values import DopplerNoise, DopplerSign, RadarRcsNoise, RadarRcsOffset
from perception_kd.faults.stale import CameraStale, LidarStale, RadarStale

__all__ = [
    'FAMILIES', 'LEVELS', 'BeamDrop', 'Brightness', 'CameraCrash', 'CameraExtrinsic', 'CameraStale', 'ColorQuant',
    'Dark', 'DopplerNoise', 'DopplerSign', 'Draw', 'Fault', 'FaultCase', 'Fog', 'FrameFaults', 'FrameLost',
    'LidarCrosstalk', 'LidarDrop', 'LidarExtrinsic', 'LidarFog', 'LidarIntensity', 'LidarJitter', 'LidarLost',
    'LidarMotion', 'LidarSector', 'LidarSnow', 'LidarStale', 'LidarSweepsLost', 'MotionBlur', 'RadarClutter',
    'RadarDrop', 'RadarExtrinsic', 'RadarMultipath', 'RadarRcsNoise', 'RadarRcsOffset', 'RadarStale',
    'RadarSweepsLost', 'RadarsLost', 'Snow', 'build_fault', 'fault_cases', 'with_faults',
]
