"""Both renderers: things lie where the camera matrix says, hide and shine through; and Open3D's absence is survived."""

import os

import cv2
import numpy as np
import pytest

from perception_kd.visualization.geometry import box_corners, edge_lines
from perception_kd.visualization.view3d import open3d_renderer
from perception_kd.visualization.view3d.open3d_renderer import Open3DRenderer, RendererError, require_display
from perception_kd.visualization.view3d.primitives import Lines, Mesh, Points, Scene3D
from perception_kd.visualization.view3d.renderers import open_renderer
from perception_kd.visualization.view3d.shapes import quads
from perception_kd.visualization.view3d.viewpoint import Viewpoint
from tests.visualization.view3d.conftest import CAMERA, COLOURS, SIZE, everything, near, pixels_of

CORNERS = box_corners(np.array([[3.0, 1.0, 0.8]]), np.array([[4.0, 2.0, 1.6]]), np.array([0.4]))
BOX = Lines('box', edge_lines(CORNERS)[0], np.tile([1.0, 0.2, 0.0], (12, 1)), 4)


def check_box(picture):
    """Every corner is on an edge's pixels, and their extent is the corners'."""
    shown = near(picture, (1.0, 0.2, 0.0), 120)
    corners = pixels_of(CORNERS[0])
    for right, down in corners:
        assert shown[round(down) - 2 : round(down) + 3, round(right) - 2 : round(right) + 3].any(), (right, down)
    rows, columns = np.nonzero(shown)
    np.testing.assert_allclose([columns.min(), rows.min()], corners.min(0), atol=2.5)
    np.testing.assert_allclose([columns.max() + 1, rows.max() + 1], corners.max(0), atol=2.5)


def check_layers(picture):
    """Each kind of layer has its colour at its place, and the photograph stands upright."""
    places = {'points': (0.1, 4.1, 1.0), 'lines': (0, 0, 1), 'mesh': (0, 2, 0.5), 'photo': (0, -2, 0.3)}
    for name, (right, down) in zip(places, pixels_of(np.array(list(places.values()), float))):
        patch = near(picture, COLOURS[name])[round(down) - 2 : round(down) + 3, round(right) - 2 : round(right) + 3]
        assert patch.any(), name
    right, down = pixels_of(np.array([[0, -2, 1.2]]))[0]
    assert near(picture, (20 / 255,) * 3, 20)[round(down), round(right)]
    assert (picture[0] == 255).all()


def test_each_layer_lies_where_the_camera_matrix_says(draw):
    check_box(draw(Scene3D([BOX])))
    check_layers(draw(everything()))
    dark = draw(Scene3D([BOX], background=(0.05, 0.06, 0.08)))
    np.testing.assert_allclose(dark[0, 0], [13, 15, 20], atol=1)


def test_near_things_hide_far_ones_and_translucent_ones_do_not(draw):
    def wall(x, colour, translucent=False):
        corners = np.array([[(x, -1, 0), (x, 2, 0), (x, 2, 2), (x, -1, 2)]], float)
        return Mesh(f'wall {x}', quads(corners), np.tile(colour, (2, 1)), translucent)

    camera = Viewpoint((-8.0, 0.5, 1.0), (0.0, 0.5, 1.0))
    red, blue = wall(1.0, (1.0, 0, 0)), wall(0.0, (0, 0, 1.0))
    middle = (SIZE[1] // 2, SIZE[0] // 2)
    for layers in ([red, blue], [blue, red]):
        assert near(draw(Scene3D(layers), camera), (0, 0, 1))[middle]
    shown = draw(Scene3D([red, wall(0.0, (0, 0, 1.0), True)], opacity=0.25), camera)
    np.testing.assert_allclose(shown[middle], [191, 0, 64], atol=2)
    dots = Points('dots', np.array([[0.5, 0.5, 1.0]]), np.array([[0, 1.0, 0]]), 9)
    assert not near(draw(Scene3D([dots, blue]), camera), (0, 1, 0)).any()
    assert near(draw(Scene3D([red, dots]), camera), (0, 1, 0))[middle]


def test_things_behind_the_camera_do_no_harm(draw):
    around = Lines('astride', np.array([[(-40.0, 0, 0), (40.0, 0, 0)]]), np.array([[0, 0, 0.0]]), 3)
    behind = Points('behind', np.array([[-30.0, 0, 0]]), np.array([[1.0, 0, 0]]), 20)
    picture = draw(Scene3D([around, behind, Mesh('m', around.segments[:, [0, 1, 1]] - (0, 0, 1), around.colours)]))
    right, down = pixels_of(np.array([[0.0, 0, 0]]))[0].round().astype(int)
    assert picture[down - 2 : down + 3, right].min() < 60 and not near(picture, (1, 0, 0)).any()


def lines_of(echoed):
    with open_renderer('auto', size=SIZE, echo=echoed.append) as renderer:
        picture = renderer.draw(everything(), CAMERA)
        check_layers(renderer.draw(everything(), CAMERA))
        return renderer.name, picture


@pytest.mark.parametrize(('source', 'reason'), [
    ('raise ImportError("libGL.so.1: cannot open shared object file")', 'ImportError: libGL.so.1: cannot open'),
    ('raise OSError("libusb-1.0.so.0 is missing")', 'OSError: libusb-1.0.so.0 is missing'),
    ('import os; os.abort()', r'it crashed (SIGABRT)'),
    ('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)', r'it crashed (SIGSEGV)'),
])
def test_a_broken_open3d_gives_one_line_and_the_same_picture(tmp_path, monkeypatch, source, reason):
    (tmp_path / 'open3d.py').write_text(source)
    # The fake stands before the true one on the child's path.
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')]))
    echoed = []
    name, picture = lines_of(echoed)
    assert name == 'software' and len(echoed) == 1
    assert f'Open3D cannot draw here: {reason}' in echoed[0] and 'mesa-vulkan-drivers' in echoed[0]
    check_layers(picture)


def test_an_open3d_that_hangs_is_left(tmp_path, monkeypatch):
    (tmp_path / 'open3d.py').write_text('import time; time.sleep(60)')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(tmp_path), os.environ.get('PYTHONPATH', '')]))
    monkeypatch.setattr(open3d_renderer, '_PATIENCE', 0.5)
    monkeypatch.setattr(open3d_renderer, '_FAREWELL', 0.1)
    echoed = []
    assert lines_of(echoed)[0] == 'software' and 'no answer for 0.5 s' in echoed[0]
    with open_renderer('open3d', size=SIZE) as named, pytest.raises(RendererError, match='no answer'):
        named.draw(everything(), CAMERA)


def test_drivers_that_are_not_there_are_survived(monkeypatch):
    for name in ('VK_ICD_FILENAMES', 'VK_DRIVER_FILES', '__EGL_VENDOR_LIBRARY_DIRS', 'LIBGL_DRIVERS_PATH'):
        monkeypatch.setenv(name, '/nonexistent')
    echoed = []
    name, picture = lines_of(echoed)
    check_layers(picture)
    assert name == 'open3d' or echoed[0].startswith('view3d: Open3D cannot draw here')


def test_a_window_needs_a_display(monkeypatch):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(RendererError, match='no display to open a window on; name a file with --out'):
        require_display()


def test_unknown_renderers_are_refused():
    with pytest.raises(ValueError, match="renderer: 'gl' is not among auto, open3d, software"), open_renderer(
            'gl', size=SIZE):
        pass
    with pytest.raises(ValueError, match='fineness must lie in 1 to 4, got 9'), open_renderer(
            'software', size=SIZE, fineness=9):
        pass


def test_pictures_have_the_size_asked_for():
    with open_renderer('software', size=(333, 201), fineness=3) as renderer:
        assert renderer.draw(everything(), CAMERA).shape == (201, 333, 3)


def test_the_child_ends_with_the_renderer():
    renderer = Open3DRenderer(size=SIZE)
    renderer.close()
    assert renderer.child.process.returncode is not None


def test_opencv_and_we_agree_on_pixel_centres():
    """A line along the border of two pixel columns is as bright in both."""
    camera = Viewpoint((0.0, 0.0, 10.0), (0.0, 0.0, 0.0), up=(1.0, 0.0, 0.0))
    line = Lines('line', np.array([[(-1.0, 0, 0), (1.0, 0, 0)]]), np.zeros((1, 3)), 8)
    with open_renderer('software', size=SIZE) as renderer:
        picture = cv2.cvtColor(renderer.draw(Scene3D([line]), camera), cv2.COLOR_RGB2GRAY)
    left, right = picture[SIZE[1] // 2, : SIZE[0] // 2], picture[SIZE[1] // 2, SIZE[0] // 2 :]
    assert left.min() < 80
    np.testing.assert_allclose(left, right[::-1], atol=40)
