"""An automotive radar: few, noisy returns with cross-section and radial velocity, without elevation.

Rays find what is there (``paths``), weak and false echoes come on top (``clutter``), echoes of one cell merge
(``echoes``), the strong ones are detected (``detection``) and reported with noise and states (``report``).
"""

import numpy as np

from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.radar import clutter, paths
from perception_kd.simulation.sensors.radar.detection import MAX_RETURNS, detect
from perception_kd.simulation.sensors.radar.echoes import Echoes, join, merge
from perception_kd.simulation.sensors.radar.report import describe
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot

__all__ = ['MAX_RETURNS', 'observe', 'sweep']


def sweep(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> np.ndarray:
    """One measurement: (18, N) in the order of ``RADAR_FIELDS``, N <= 125, nearest first, radar frame, z = 0."""
    return observe(snapshot, mount, preset, rng)[0]


def observe(
    snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator
) -> tuple[np.ndarray, Echoes]:
    """A measurement (18, N) and the N echoes that caused it: what the sensor itself cannot know."""
    view = paths.look(snapshot, mount, preset, rng)
    direct = merge(paths.direct(view))
    echoes = [direct, paths.mirrored(view), paths.bounced(view, direct, rng), *clutter.clutter(view, rng)]
    reported = detect(merge(join(echoes)), view, rng)
    return describe(reported, view, rng), reported.echoes
