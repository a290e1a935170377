"""One simulated sequence from its seed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from perception_kd.simulation.uav.cameraman import CameraPath, Lens, draw_path
from perception_kd.simulation.uav.casting import Stage, draw_cast, edge_of_layers, place_group
from perception_kd.simulation.uav.frame import Frame, expose, take
from perception_kd.simulation.uav.panorama import Panorama, grid_for
from perception_kd.simulation.uav.presets import UAVPreset
from perception_kd.simulation.uav.scenery.paint import paint_panorama
from perception_kd.simulation.uav.sensor import Sensor, draw_sensor
from perception_kd.simulation.uav.target import Shot, Target
from perception_kd.simulation.uav.weather import Weather, draw_weather

_SMEAR = 14.0
"""px that a target may move across the picture during an exposure."""
_VIEWS = ('sky', 'low', 'middle')


@dataclass(frozen=True)
class Sequence:
    """All of it before the first picture is taken.

    Args:
        preset: Sizes.
        seed, index: What it was drawn from.
        weather: Light and air.
        lens, path: The camera.
        panorama: The background.
        targets: What flies.
        sensor: What makes pictures of light.
        camera: ``static``, ``pan`` or ``follow``.
    """

    preset: UAVPreset
    seed: int
    index: int
    weather: Weather
    lens: Lens
    path: CameraPath
    panorama: Panorama
    targets: tuple[Target, ...]
    sensor: Sensor
    camera: str

    def shot(self, frame: int) -> Shot:
        """The exposure of a picture by its number."""
        return shot_at(self.preset, frame, self.lens, self.path, self.weather.shutter)

    def frame(self, number: int) -> Frame:
        """A picture by its number, which all its noise is drawn by."""
        rng = np.random.default_rng([self.seed, self.index, 1 + number])
        return take(self.panorama, self.targets, self.shot(number), self.weather, self.sensor, self.preset.rays, rng)

    def frames(self) -> Iterator[Frame]:
        """All pictures in order."""
        return map(self.frame, range(self.preset.frames))


def shot_at(preset: UAVPreset, frame: int, lens: Lens, path: CameraPath, shutter: float) -> Shot:
    """The exposure number ``frame``; time 0 lies in the middle of the sequence."""
    return Shot(lens, path, (frame - (preset.frames - 1) / 2) / preset.rate, shutter)


def has_drones(preset: UAVPreset, index: int) -> bool:
    """Whether a sequence shows drones, which follows from its number so that every short data set has both."""
    return index % 10 not in preset.negatives


def draw_sequence(preset: UAVPreset, seed: int, index: int) -> Sequence:
    """Sequence number ``index`` of a seed; equal arguments give equal sequences."""
    rng = np.random.default_rng([seed, index])
    weather, seconds = draw_weather(rng), preset.frames / preset.rate
    lens = _draw_lens(rng, preset)
    height = float(rng.choice([1.7, rng.uniform(3, 12), rng.uniform(12, 40)], p=[0.65, 0.25, 0.1]))
    camera = str(rng.choice(['static', 'pan', 'follow'], p=[0.42, 0.2, 0.38]))
    path = draw_path(rng, lens, _draw_pitch(rng, lens), seconds, camera)
    breeze = rng.uniform(0, 4) * np.array([np.sin(angle := rng.uniform(0, 2 * np.pi)), 0, np.cos(angle)])
    stage = Stage(lens, path, seconds, height, preset.side, breeze)
    cast = draw_cast(rng, has_drones(preset, index), empty=not has_drones(preset, index) and rng.random() < 0.15)
    targets: list[Target] = []
    if cast and camera == 'follow':
        targets = place_group(rng, stage, cast.pop(0), 0, led=True)
        path = path.following(targets[0].flight.position, seconds, lag=rng.uniform(0, 0.15) * seconds)
        stage = replace(stage, path=path)
    times = [(frame - preset.frames / 2) / preset.rate for frame in np.linspace(-0.5, preset.frames + 0.5, 25)]
    panorama = paint_panorama(rng, grid_for(lens, path, np.array(times)), weather, height,
                              view=lens.height / lens.focal)
    edge = edge_of_layers(rng, panorama, lens, path) if rng.random() < 0.35 else None
    for group in cast:
        targets += place_group(rng, stage, group, len(targets), led=False, behind=edge)
        edge = None
    weather = replace(weather, shutter=_shutter(preset, lens, path, weather, targets))
    sequence = Sequence(preset, seed, index, weather, lens, path, panorama, tuple(targets), None, camera)
    light, _ = expose(panorama, (), sequence.shot(preset.frames // 2), weather, preset.rays)
    return replace(sequence, sensor=draw_sensor(rng, weather, light, preset.coding, preset.jpeg))


def _draw_lens(rng: np.random.Generator, preset: UAVPreset) -> Lens:
    view = np.deg2rad(np.exp(rng.uniform(*np.log(preset.view))))
    return Lens(preset.width, preset.height, preset.width / 2 / np.tan(view / 2))


def _draw_pitch(rng: np.random.Generator, lens: Lens) -> float:
    """Elevation of the picture's middle: nothing but sky, the land low in it, or half of it land."""
    view = str(rng.choice(_VIEWS, p=[0.2, 0.6, 0.2]))
    if view == 'sky':
        return float(min(np.arctan(0.5 * lens.height / lens.focal) + rng.uniform(0.05, 0.7), np.deg2rad(50)))
    horizon = rng.uniform(0.72, 0.97) if view == 'low' else rng.uniform(0.5, 0.72)
    return float(np.arctan((horizon - 0.5) * lens.height / lens.focal))


def _shutter(preset: UAVPreset, lens: Lens, path: CameraPath, weather: Weather, targets: list[Target]) -> float:
    """The weather's, or shorter where a target would be smeared over too many px."""
    fastest = 1e-6
    for target in targets:
        for frame in (0, preset.frames // 2, preset.frames - 1):
            shot = shot_at(preset, frame, lens, path, weather.shutter)
            ends = [shot.sees(target, np.zeros((1, 3)), time) for time in (shot.begin, shot.begin + shot.shutter)]
            if np.isfinite(ends).all():
                fastest = max(fastest, float(np.linalg.norm(ends[1] - ends[0])))
    return weather.shutter * min(1.0, _SMEAR / fastest)
