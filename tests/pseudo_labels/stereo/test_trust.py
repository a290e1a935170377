"""Normals, the fit of a monocular net, the sky, and the rule that makes a mask of all tests."""

import numpy as np
import pytest

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.pseudo_labels.stereo.mono import fit_parallax
from perception_kd.pseudo_labels.stereo.normals import normals_of, similarity
from perception_kd.pseudo_labels.stereo.sky import read_sky, sky_of
from perception_kd.pseudo_labels.stereo.trust import TrustRules, Views, judge
from tests.inference.stereo.conftest import save, textured

HEIGHT, WIDTH, FOCAL = 48, 80, 70.0
CAMERA = StereoCalibration(focal=FOCAL, baseline=0.2, doffs=0.0, centre=(38.0, 25.0))
RNG = np.random.default_rng(5)


def plane(slope_x: float, slope_y: float, distance: float = 4.0) -> np.ndarray:
    """Parallax (H, W) px of ``Z = distance + slope_x X + slope_y Y``."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    x, y = (columns - CAMERA.centre[0]) / FOCAL, (rows - CAMERA.centre[1]) / FOCAL
    depth = distance / (1 - slope_x * x - slope_y * y)
    return (FOCAL * CAMERA.baseline / depth).astype(np.float32)


@pytest.mark.parametrize('step', [1, 4])
def test_normals_of_a_plane_are_its_own_whatever_the_baseline(step):
    parallax = plane(0.4, -0.7)
    normals = normals_of(parallax, CAMERA, step)
    expected = np.array([-0.4, 0.7, 1]) / np.linalg.norm([-0.4, 0.7, 1])
    assert normals.shape == (HEIGHT // step, WIDTH // step, 3)
    np.testing.assert_allclose(normals[1:-1, 1:-1], np.broadcast_to(expected, normals[1:-1, 1:-1].shape), atol=5e-3)
    scaled = normals_of(3 * parallax, CAMERA, step)
    np.testing.assert_allclose(scaled, normals, atol=1e-4)
    other = normals_of(plane(-0.4, -0.7), CAMERA, step)
    cosine = similarity(normals, other, (HEIGHT, WIDTH))
    assert cosine.shape == (HEIGHT, WIDTH)
    inner = cosine[step:-step, step:-step]
    np.testing.assert_allclose(inner, (1 + 0.49 - 0.16) / (1 + 0.49 + 0.16), atol=6e-3)


def test_relative_depth_is_fitted_in_spite_of_outliers():
    relative = RNG.uniform(0, 5, (30, 40)).astype(np.float32)
    parallax = 7 * relative + 3
    parallax[RNG.random((30, 40)) < 0.25] += 60
    pixels = RNG.random((30, 40)) < 0.9
    fit = fit_parallax(relative, parallax, pixels)
    assert fit == pytest.approx((7, 3), abs=0.05)
    np.testing.assert_allclose(fit(np.float32([[0, 1]])), [[3, 10]], atol=0.1)
    assert fit_parallax(-relative, parallax, pixels) is None  # near and far exchanged
    assert fit_parallax(relative, parallax, pixels & (np.arange(40) < 2)) is None  # too few
    assert fit_parallax(np.ones_like(relative), parallax, pixels) is None


def outdoors() -> tuple[np.ndarray, np.ndarray]:
    """A grey sky over a textured ground: picture and parallax px, 0.1 in the sky."""
    picture = textured(HEIGHT, WIDTH, 2)
    picture[:20] = 200
    parallax = np.broadcast_to(np.linspace(2, 12, HEIGHT, dtype=np.float32)[:, None], (HEIGHT, WIDTH)).copy()
    parallax[:20] = 0.1
    return picture, parallax


def test_the_sky_is_far_calm_and_reaches_the_upper_border():
    picture, parallax = outdoors()
    nothing = np.zeros((HEIGHT, WIDTH), bool)
    found = sky_of(picture, parallax, parallax, nothing)
    assert found[:16].all() and not found[22:].any()
    assert not sky_of(picture, parallax, parallax + 5, nothing).any()  # a wall
    assert not sky_of(picture, parallax, parallax, ~nothing).any()  # stereo sees something near there
    lake = np.roll(parallax, 10, axis=0)
    assert not sky_of(np.roll(picture, 10, axis=0), lake, lake, nothing).any()  # below the border
    tiles = np.kron(np.indices((HEIGHT // 4, WIDTH // 4)).sum(0) % 2, np.ones((4, 4), int)) * 255
    assert not sky_of(np.repeat(tiles[..., None], 3, -1).astype(np.uint8), parallax, parallax, nothing).any()


def test_a_sky_mask_of_ones_own(tmp_path):
    mask = np.zeros((6, 8, 3), np.uint8)
    mask[:2] = 255
    save(tmp_path / 'scene' / 'a.png', mask)
    found = read_sky(tmp_path, 'scene/a', (6, 8))
    assert found[:2].all() and not found[2:].any()
    with pytest.raises(ValueError, match='8x6, the picture has 9x6'):
        read_sky(tmp_path, 'scene/a', (6, 9))
    with pytest.raises(FileNotFoundError, match='sky mask'):
        read_sky(tmp_path, 'scene/b', (6, 8))


def views(inverse_depth: np.ndarray | None, **more: object) -> Views:
    picture, parallax = outdoors()
    return Views(**{**dict(left=picture, right=picture, disparity=parallax, disparity_right=parallax,
                           inverse_depth=inverse_depth, camera=CAMERA), **more})


def test_a_pixel_passes_all_tests_or_none():
    parallax = outdoors()[1]
    rules = TrustRules(left_right=5.0, step=1)
    good = judge(views(3 * parallax + 1), rules)
    assert good.fit == pytest.approx((1 / 3, -1 / 3), abs=1e-2)
    assert good.sky[:16].all() and not (good.trusted & good.sky).any()
    inside = np.arange(WIDTH) - parallax >= 0
    assert good.trusted[24:, 14:].all() and not good.trusted[~inside].any()
    assert good.share == pytest.approx((good.trusted & ~good.sky).sum() / (~good.sky).sum(), abs=1e-5)
    assert good.tests['inside'] == pytest.approx(inside[~good.sky].mean(), abs=1e-5)

    waves = parallax + 3 * np.sin(np.arange(WIDTH, dtype=np.float32))
    poor = judge(views(waves), rules)
    assert poor.shares['15'] <= poor.shares['30'] <= poor.shares['45'] < good.shares['15']
    assert poor.shares['30'] == poor.share and poor.tests['normals'] < 0.5 < good.tests['normals']
    reversed_net = judge(views(-parallax), rules)
    assert reversed_net.fit is None and reversed_net.share == 0


def test_without_a_monocular_net_the_right_picture_must_bear_it_out():
    strict = judge(views(None), TrustRules(left_right=None, photometric=0.15))
    assert set(strict.tests) == {'inside', 'photometric'} and strict.shares == {} and not strict.sky.any()
    assert strict.trusted[:18].mean() > 0.9 > strict.trusted[24:].mean()  # the calm part fits, texture tells
    given = np.zeros((HEIGHT, WIDTH), bool)
    given[:20] = True
    told = judge(views(None, sky=given), TrustRules(left_right=None))
    assert (told.sky == given).all() and not told.trusted[:20].any() and told.tests == {'inside': told.share}


def test_rules_out_of_range():
    for wrong in (dict(angle=0), dict(angle=91), dict(keep=1), dict(step=0), dict(left_right=0), dict(photometric=-1)):
        with pytest.raises(ValueError, match='got'):
            TrustRules(**wrong)
