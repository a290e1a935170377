"""From disparity to metres, held against OpenCV; numbers of cameras from files and from the command line."""

import cv2
import numpy as np
import open3d
import pytest

from perception_kd.datasets.stereo.calibration import StereoCalibration
from perception_kd.inference.stereo.cloud import cloud_of, on_edge, write_ply
from perception_kd.inference.stereo.rig import RigSwitches, depth_of, points_of, rig_of_size

RIG = StereoCalibration(focal=300.0, baseline=0.2, doffs=4.0, centre=(21.5, 13.25))
MIDDLEBURY = ('cam0=[300 0 21.5; 0 300 13.25; 0 0 1]\ncam1=[300 0 25.5; 0 300 13.25; 0 0 1]\ndoffs=4\nbaseline=200\n'
              'width=48\nheight=32\nndisp=40\n')
KITTI = ('P2: 300 0 21.5 12 0 300 13.25 0 0 0 1 0\nP3: 300 0 25.5 -48 0 300 13.25 0 0 0 1 0\n')


def disparity(height=32, width=48) -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 30, (height, width)).astype(np.float32)


def test_points_are_those_of_opencv():
    """Its matrix Q (stereoRectify): depth is focal * Tx / (d - (cx - cx')) with Tx the baseline."""
    found = points_of(depth_of(disparity(), RIG), RIG)
    x, y = RIG.centre
    q = np.array([[1, 0, 0, -x], [0, 1, 0, -y], [0, 0, 0, RIG.focal],
                  [0, 0, 1 / RIG.baseline, RIG.doffs / RIG.baseline]])
    np.testing.assert_allclose(found, cv2.reprojectImageTo3D(disparity(), q), rtol=1e-5)


def test_depth_by_hand():
    found = depth_of(np.array([[2.0, 26.0, -4.0, -9.0]], np.float32), RIG)
    np.testing.assert_allclose(found, [[10.0, 2.0, np.inf, np.inf]])


def test_a_calibration_of_another_size_is_scaled():
    """The same rays and the same depths, whether pictures or numbers are halved."""
    rig = StereoCalibration(focal=300, baseline=0.2, doffs=4, centre=(21.5, 13.25), size=(48, 32))
    full, half = rig_of_size(rig, 48, 32), rig_of_size(rig, 24, 16)
    fine = np.full((32, 48), 8.0, np.float32)
    whole, coarse = points_of(depth_of(fine, full), full), points_of(depth_of(fine[:16, :24] / 2, half), half)
    np.testing.assert_allclose(coarse, cv2.resize(whole, (24, 16), interpolation=cv2.INTER_AREA), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match='the calibration is of pictures of 48x32, these are 48x40, another shape'):
        rig_of_size(full, 48, 40)


@pytest.mark.parametrize('text', [MIDDLEBURY, KITTI])
def test_files_of_two_forms_say_the_same(tmp_path, text):
    (tmp_path / 'calib.txt').write_text(text)
    found = RigSwitches(calib=tmp_path / 'calib.txt').rig()
    assert (found.focal, found.baseline, found.doffs, *found.centre) == pytest.approx((300, 0.2, 4, 21.5, 13.25))


def test_the_command_line_goes_before_the_file(tmp_path):
    (tmp_path / 'calib.txt').write_text(MIDDLEBURY)
    found = RigSwitches(doffs=0.0, focal=310.0).rig(tmp_path / 'calib.txt')
    assert (found.focal, found.doffs, found.baseline) == (310, 0, 0.2)
    assert RigSwitches().rig() is None
    assert RigSwitches(focal=1.0, baseline=2.0).rig(tmp_path / 'none.txt').centre is None


@pytest.mark.parametrize(('given', 'line'), [
    (dict(focal=300.0), 'depth needs --focal PX and --baseline M'), (dict(doffs=1.0), 'depth needs --focal'),
    (dict(focal=-1.0, baseline=1.0), '--focal is a number of px above 0, got -1'),
    (dict(focal=1.0, baseline=float('nan')), '--baseline is a number of m above 0'),
    (dict(focal=1.0, baseline=1.0, doffs=float('inf')), '--doffs and --principal-point are numbers')])
def test_numbers_that_no_camera_has(given, line):
    with pytest.raises(ValueError, match=line):
        RigSwitches(**given).rig()


@pytest.mark.parametrize('text', ['', 'cam0=[300 0 0; 0 300', 'hello', MIDDLEBURY.replace('=200', '=-3'),
                                  MIDDLEBURY.replace('=200', '=nan'), MIDDLEBURY.replace('=48', '=0')])
def test_files_that_are_none(tmp_path, text):
    (tmp_path / 'calib.txt').write_text(text)
    with pytest.raises(ValueError, match=r'calib\.txt'):
        RigSwitches(calib=tmp_path / 'calib.txt').rig()


def test_a_cloud_has_what_can_be_trusted_and_opens_in_a_viewer(tmp_path):
    flat = np.full((32, 48), 10.0, np.float32)
    flat[:, 30:] = 20.0     # a near surface: the two columns at the jump hang between
    flat[5, 40] = np.nan
    picture = np.random.default_rng(1).integers(0, 255, (32, 48, 3)).astype(np.uint8)
    points, colours = cloud_of(flat, picture, RIG)
    kept = ~on_edge(flat) & np.isfinite(flat)
    kept[:, :10] = False    # their partners lie outside of the right picture
    assert len(points) == kept.sum() and not kept[:, 29:31].any() and kept[:, 28].all()
    np.testing.assert_array_equal(colours, picture[kept])
    write_ply(tmp_path / 'cloud.ply', points, colours)
    read = open3d.io.read_point_cloud(str(tmp_path / 'cloud.ply'))
    np.testing.assert_array_equal(np.asarray(read.points, np.float32), points)
    np.testing.assert_array_equal(np.round(np.asarray(read.colors) * 255), colours)


def test_clouds_end_somewhere():
    flat = np.repeat([[30.0, 15.0, 6.0, 1.0, -3.0]], 20, 0).astype(np.float32).repeat(20, 1)
    picture = np.zeros((*flat.shape, 3), np.uint8)
    near, _ = cloud_of(flat, picture, StereoCalibration(focal=300.0, baseline=0.2))
    assert near[:, 2].max() == pytest.approx(10)    # 6 px; 1 px is nearer than the two that clouds end at
    nearer, _ = cloud_of(flat, picture, StereoCalibration(focal=300.0, baseline=0.2), far=5.0)
    assert nearer[:, 2].max() == pytest.approx(4)
    assert len(cloud_of(flat, picture, StereoCalibration(focal=300.0, baseline=0.2), far=0.1)[0]) == 0
