"""One street, and one small data set, shared by all tests of the simulator. Do not change them."""

from dataclasses import replace
from pathlib import Path

import pytest
from nuscenes import NuScenes

from perception_kd.simulation.presets import WorldPreset, get_preset
from perception_kd.simulation.sensors.rig import Mount, build_rig
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World, build_world
from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes

SEED, SCENES = 0, 3


@pytest.fixture(scope='session')
def preset() -> WorldPreset:
    """The tiny preset with smaller pictures; its streets, LiDAR, radars and boxes are those of ``tiny``."""
    return replace(get_preset('tiny'), image_size=(176, 64))


@pytest.fixture(scope='session')
def rig(preset: WorldPreset) -> dict[str, Mount]:
    """All mounts by channel."""
    return {mount.channel: mount for mount in build_rig(preset.image_size)}


@pytest.fixture(scope='session')
def world(preset: WorldPreset) -> World:
    """A street."""
    return build_world(preset, SEED, 0)


@pytest.fixture(scope='session')
def snapshot(world: World) -> Snapshot:
    """The street after one second."""
    return Snapshot(world=world, time=1.0)


@pytest.fixture(scope='session')
def sim_root(preset: WorldPreset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three scenes: one each for training, validation and test."""
    root = tmp_path_factory.mktemp('sim') / 'root'
    return simulate_nuscenes(root, scenes=SCENES, seed=SEED, preset=preset, workers=2)


@pytest.fixture(scope='session')
def nusc(sim_root: Path) -> NuScenes:
    """The devkit's view of ``sim_root``."""
    return NuScenes(VERSION, str(sim_root), verbose=False)
