"""Cameras and small scenes that several tests draw."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.visualization.view import View
from perception_kd.visualization.view3d.open3d_renderer import RendererError
from perception_kd.visualization.view3d.primitives import Lines, Mesh, Photo, Points, Scene3D
from perception_kd.visualization.view3d.renderers import open_renderer
from perception_kd.visualization.view3d.viewpoint import Viewpoint

SIZE = (480, 270)
CAMERA = Viewpoint((-12.0, 3.0, 7.0), (2.0, 0.5, 0.0), angle=50)
VIEW = View(30, 20, 25)
COLOURS = {'points': (1.0, 0.0, 0.0), 'lines': (0.0, 0.6, 0.0), 'mesh': (0.0, 0.0, 1.0), 'photo': (0.8, 0.4, 0.2)}


def everything() -> Scene3D:
    """One layer of each kind, side by side, each of one colour; nothing hides another."""
    dots = np.stack(np.meshgrid([0, 0.1, 0.2], [4.0, 4.1, 4.2], [1.0]), -1).reshape(-1, 3)
    mesh = np.array([[(0, 1.5, 0), (0, 2.5, 0), (0, 2, 1.5)]], float)
    lines = np.array([[(0, 0, 0), (0, 0, 2)]], float)
    photo = np.array([(0, -1, 1.5), (0, -3, 1.5), (0, -3, 0), (0, -1, 0)], float)
    image = np.tile(np.array([204, 102, 51], np.uint8), (9, 12, 1))
    image[:5] = 20  # the upper half is dark
    colour = {name: np.array([value]) for name, value in COLOURS.items()}
    return Scene3D([Points('points', dots, np.repeat(colour['points'], 9, axis=0), 12),
                    Mesh('mesh', mesh, colour['mesh']), Lines('lines', lines, colour['lines'], 6),
                    Photo('photo', photo, image)])


def pixels_of(places: np.ndarray, size: tuple[int, int] = SIZE, camera: Viewpoint = CAMERA) -> np.ndarray:
    """(N, 2) by the textbook's K [R t], apart from the package's own projection."""
    matrix = camera.intrinsic(size) @ camera.extrinsic[:3]
    image = np.c_[places, np.ones(len(places))] @ matrix.T
    return image[:, :2] / image[:, 2:]


def near(picture: np.ndarray, colour: tuple[float, ...], tolerance: int = 60) -> np.ndarray:
    """(H, W) where the picture has about that colour."""
    return np.abs(picture.astype(int) - np.array(colour) * 255).sum(-1) < tolerance


@pytest.fixture(params=['software', 'open3d'])
def draw(request):
    """Draws with each renderer; Open3D's tests are skipped where it cannot draw."""
    def run(scene: Scene3D, camera: Viewpoint = CAMERA) -> np.ndarray:
        try:
            return renderer.draw(scene, camera)
        except RendererError as error:
            pytest.skip(f'Open3D cannot draw here: {error}')

    with open_renderer(request.param, size=SIZE) as renderer:
        yield run
