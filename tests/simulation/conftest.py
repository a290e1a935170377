"""One street, shared by all tests of the simulator. Do not change it."""

from pathlib import Path

import pytest
from nuscenes import NuScenes

from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.rig import Mount, build_rig
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World, build_world
from perception_kd.simulation.writers.nuscenes import VERSION
from tests.small_world import SEED, SMALL


@pytest.fixture(scope='session')
def preset() -> WorldPreset:
    """The preset of ``sim_root``."""
    return SMALL


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
def nusc(sim_root: Path) -> NuScenes:
    """The devkit's view of ``sim_root``."""
    return NuScenes(VERSION, str(sim_root), verbose=False)
