"""Faults of sensors: what cameras, radars and LiDAR do when they fail."""

from perception_kd.faults.base import LEVELS, Draw, Fault, build_fault
from perception_kd.faults.camera_blur import MotionBlur
from perception_kd.faults.camera_light import Brightness, ColorQuant, Dark
from perception_kd.faults.camera_loss import CameraCrash, FrameLost
from perception_kd.faults.camera_weather import Fog, Snow
from perception_kd.faults.frame import FrameFaults
from perception_kd.faults.presets import FaultCase, fault_cases, with_faults
from perception_kd.faults.radar_points import RadarClutter, RadarDrop, RadarMultipath, RadarsLost, RadarSweepsLost
from perception_kd.faults.radar_values import DopplerNoise, DopplerSign, RadarRcsNoise, RadarRcsOffset

__all__ = [
    'LEVELS', 'Brightness', 'CameraCrash', 'ColorQuant', 'Dark', 'DopplerNoise', 'DopplerSign', 'Draw', 'Fault',
    'FaultCase', 'Fog', 'FrameFaults', 'FrameLost', 'MotionBlur', 'RadarClutter', 'RadarDrop', 'RadarMultipath',
    'RadarRcsNoise', 'RadarRcsOffset', 'RadarSweepsLost', 'RadarsLost', 'Snow', 'build_fault', 'fault_cases',
    'with_faults',
]
