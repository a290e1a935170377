"""A preset that takes moments."""

from perception_kd.simulation.stereo.presets import StereoPreset

SMALL = StereoPreset('test', 120, 60, (8.0, 24.0), texture_size=128, density=0.4)
