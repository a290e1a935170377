"""A preset that takes moments, and a scene of one's own."""

from dataclasses import replace

import numpy as np

from perception_kd.simulation.uav.bodies.body import Body, Paint
from perception_kd.simulation.uav.cameraman import CameraPath, Lens
from perception_kd.simulation.uav.flight import Attitude, Flight
from perception_kd.simulation.uav.panorama import Grid, Layer, Panorama
from perception_kd.simulation.uav.presets import UAVPreset
from perception_kd.simulation.uav.target import Shot, Target
from perception_kd.simulation.uav.weather import draw_weather

SMALL = UAVPreset('test', 160, 128, 4, 4.0, side=(4.0, 30.0), rays=4000)
LENS = Lens(120, 90, 100.0)
CLEAR = replace(draw_weather(np.random.default_rng(0), 'clear'), haze=np.inf)
DARK = replace(CLEAR, horizon=np.zeros(3), above=np.zeros(3), below=np.zeros(3), sunlight=np.zeros(3))
"""Air without any light: what is black stays black."""
GREY = np.float32([0.3, 0.4, 0.5])


def still(yaw: float = 0.0, pitch: float = 0.0, turning: float = 0.0) -> CameraPath:
    """A camera that looks one way, or turns by ``turning`` rad/s."""
    return CameraPath(np.array([turning, yaw]), np.array([pitch]), 0.0, np.zeros((1, 2)), np.ones(1), np.zeros((1, 2)))


def backdrop(*layers: Layer) -> Panorama:
    """A grey sky with layers before it."""
    grid = Grid(-0.8, 0.6, 0.01, 161, 121)
    picture = np.broadcast_to(GREY, (grid.height, grid.width, 3)).copy()
    for layer in sorted(layers, key=lambda one: -one.distance):
        layer.over(picture)
    return Panorama(grid, picture, tuple(sorted(layers, key=lambda one: one.distance)))


def black(mesh, place, speed=(0, 0, 0), track=0, rotors=()) -> Target:
    """A black body that hovers level at a place, or moves without leaning."""
    body = Body('drone', 'hover', lambda _: mesh, (Paint((0.0, 0.0, 0.0), 0.0),), (0, 0), rotors)
    flight = Flight.straight(np.array(place, float), np.array(speed, float))
    return Target(body, flight, Attitude('hover', drag=0.0), track)


def shot(path: CameraPath | None = None, shutter: float = 1e-6, begin: float = 0.0) -> Shot:
    """An exposure of ``LENS``."""
    return Shot(LENS, path or still(), begin, shutter)
