"""Textures, light and cameras."""

import numpy as np
import pytest

from perception_kd.simulation.stereo.bodies import BODIES, tuft
from perception_kd.simulation.stereo.materials import Material, Palette, Style
from perception_kd.simulation.stereo.meshes import box, merge, quads, random_rotation, rotation
from perception_kd.simulation.stereo.noise import draw_noise
from perception_kd.simulation.stereo.photometry import Camera, draw_cameras, expose
from perception_kd.simulation.stereo.rig import Rig
from perception_kd.simulation.stereo.scene import Air, Light, Scene
from perception_kd.simulation.stereo.shading import render
from perception_kd.simulation.stereo.textures import _NAMED, draw_leaf, draw_texture

RIG = Rig(width=80, height=60, focal=70.0, centre=(39.5, 29.5), baseline=0.2, doffs=0.0)
PERFECT = Camera(np.ones(3, np.float32), 2.2, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0)


@pytest.mark.parametrize('kind', list(_NAMED))
def test_every_texture_is_a_colour_and_follows_its_seed(kind):
    first, again, other = (draw_texture(np.random.default_rng(seed), 128, kind) for seed in (1, 1, 2))
    assert first.shape == (128, 128, 3) and first.dtype == np.float32
    assert np.isfinite(first).all() and first.min() >= 0 and first.max() <= 1
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 1e-3
    assert first.std((0, 1)).max() > 0.01 or kind == 'plain'


def test_noise_has_no_seam():
    tile = draw_noise(np.random.default_rng(0), 128, (8, 10))
    inside, across = np.abs(np.diff(tile, axis=0)).mean(), np.abs(tile[0] - tile[-1]).mean()
    assert across < 1.5 * inside and abs(tile.mean()) < 1e-3


def test_a_style_takes_colour_and_contrast_away():
    texture = draw_leaf(np.random.default_rng(0), 0.3)
    dull = Style(saturation=0.0, contrast=0.5).grade(texture)
    assert np.ptp(dull, axis=-1).max() < 1e-5 and dull.std() < texture.std()
    np.testing.assert_array_equal(Style().grade(texture), texture)
    soft = Style(soft=0.8).grade(texture)
    assert np.abs(np.diff(soft, axis=0)).max() < np.abs(np.diff(texture, axis=0)).max()
    assert soft.mean() == pytest.approx(texture.mean(), rel=0.02)


@pytest.mark.parametrize('maker', [*BODIES, tuft], ids=lambda maker: maker.__name__)
def test_every_body_is_whole(maker):
    rng = np.random.default_rng(0)
    palette = Palette(rng, 128, 100.0)
    palette.stock(1)
    mesh = maker(rng, palette, 0.5, 2.0)
    assert np.isfinite(mesh.points).all() and np.isfinite(mesh.uv).all()
    assert mesh.faces.max() < len(mesh.points) == len(mesh.normals) == len(mesh.uv)
    assert mesh.material.shape == (len(mesh.faces),) and mesh.material.max() < len(palette.materials)
    assert 0.1 < np.ptp(mesh.points, axis=0).max() < 1.6
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=2e-2)


def test_turns_are_rotations():
    for turn in (rotation(0.4, -0.3, 1.2), random_rotation(np.random.default_rng(0))):
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)


def _wall_and_box(*, lamp, above=0.0, mirror=0.0):
    """A grey wall at 4 m; a box between it and a lamp."""
    palette = Palette(np.random.default_rng(0), 64, 70.0)
    given = {'mirror': mirror, 'shine': 0.0, 'stain': 0.0, 'grain': 0.0, 'tint': 1.0}
    palette.textures.append(np.full((64, 64, 3), 0.5, np.float32))
    palette.materials.append(Material(0, 1.0, **given))
    wall = quads(np.array([[(-9, -9, 4), (9, -9, 4), (9, 9, 4), (-9, 9, 4)]]), 0)
    thing = box((0.5, 0.5, 0.1), 0).shifted(-0.5, 0, 2)
    air = Air(np.full(3, above, np.float32), np.full(3, above, np.float32), np.ones((8, 8, 3), np.float32), 0.0, 60.0)
    light = Light(np.float32(lamp), np.ones(3, np.float32), 0.0, False, 1.0)
    return Scene(merge([wall, thing]), palette, [light], air)


def _view(scene):
    hits = scene.cast(RIG.origin(0), RIG.rays(0))
    return render(scene, RIG, 0, hits, 2, np.zeros((4, 3)))


def test_light_falls_by_lambert_and_is_kept_off_by_things():
    lamp = (1.5, 0.0, 0.0)
    picture = _view(_wall_and_box(lamp=lamp, above=0.25))
    x, y = 60, 30
    place = np.array([(x - RIG.centre[0]) / RIG.focal, (y - RIG.centre[1]) / RIG.focal, 1]) * 4
    cosine = -(np.array(lamp) - place)[2] / np.linalg.norm(np.array(lamp) - place)
    np.testing.assert_allclose(picture[y, x], 0.5 * (0.25 + cosine), rtol=2e-3)
    # from the lamp, the box's middle (-0.5, 0, 2) lies before the wall's (-2.5, 0, 4)
    column = round(RIG.centre[0] - 2.5 / 4 * RIG.focal) + 6
    np.testing.assert_allclose(picture[30, max(column, 1)], 0.5 * 0.25, rtol=2e-3)


def test_a_mirror_shows_the_sky_behind_the_viewer():
    """Straight ahead a wall with a mirror share of 1/2 shows half of the sky (1) and half of its own light (0)."""
    picture = _view(_wall_and_box(lamp=(0, 0, 9.0), mirror=0.5))
    np.testing.assert_allclose(picture[30, 60], 0.5, atol=0.02)
    assert _view(_wall_and_box(lamp=(0, 0, 9.0)))[30, 60].max() < 1e-6


def test_a_perfect_camera_only_encodes():
    light = np.full((20, 30, 3), 0.5, np.float32)
    np.testing.assert_array_equal(expose(light, PERFECT, np.random.default_rng(0)), round(255 * 0.5 ** (1 / 2.2)))


def test_noise_grows_with_light():
    camera = Camera(np.ones(3, np.float32), 1.0, 0.0, 0.0, 1e-3, 0.0, 1.0, 0.0, 0)
    for level in (0.1, 0.6):
        picture = expose(np.full((64, 64, 3), level, np.float32), camera, np.random.default_rng(0)) / 255
        assert picture.std() == pytest.approx(np.sqrt(1e-3 * level), rel=0.05)


def test_cameras_of_a_pair_are_alike_but_not_always_equal():
    pairs = [draw_cameras(np.random.default_rng(seed)) for seed in range(60)]
    ratio = np.array([np.log(left.gain / right.gain).mean() for left, right in pairs])
    assert 0.1 < (np.abs(ratio) < 1e-6).mean() < 0.7 and 0.02 < ratio.std() < 0.2
    assert any(left.jpeg for left, _ in pairs) and all(left.jpeg == right.jpeg for left, right in pairs)
