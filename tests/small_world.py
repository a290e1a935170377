"""The simulated world that several rooms read (fixture ``sim_root``)."""

from dataclasses import replace

from perception_kd.simulation.presets import get_preset

SEED, SCENES = 0, 3
SMALL = replace(get_preset('tiny'), image_size=(176, 64))
"""The tiny preset with smaller pictures; its streets, LiDAR, radars and boxes are those of ``tiny``."""
