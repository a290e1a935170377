"""Every public layout on a folder tree as the set unpacks, one pair of it decoded."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.layouts import LAYOUTS
from perception_kd.datasets.stereo.pfm import write_pfm
from perception_kd.datasets.transforms.stereo_load import LoadDisparity, LoadStereoPair

DISP = np.float32([[0, 8, 10], [16, 32, 64]])  # 0: not known
SEEN = np.array([[0, 1, 1], [0, 1, 0]], bool)


def picture(path: Path) -> None:
    assert cv2.imwrite(str(path), np.full((2, 3, 3), 77, np.uint8))


def integers(path: Path, factor: float = 1, dtype: type = np.uint16) -> None:
    assert cv2.imwrite(str(path), np.round(DISP * factor).astype(dtype))


def depth(path: Path, product: float) -> None:
    values = np.where(DISP > 0, product / np.maximum(DISP, 1), np.inf if path.suffix == '.npy' else 65_535)
    np.save(path, values) if path.suffix == '.npy' else cv2.imwrite(str(path), np.round(values).astype(np.uint16))


def colours(path: Path, units: tuple[float, float, float]) -> None:
    """Red, green and blue that make DISP together; red and green are whole multiples of their units."""
    red = DISP // units[0]
    green = (DISP - red * units[0]) // units[1]
    blue = np.round((DISP - red * units[0] - green * units[1]) / units[2])
    assert cv2.imwrite(str(path), np.stack([blue, green, red], axis=2).astype(np.uint8))


def mask(path: Path, yes: int, no: int) -> None:
    assert cv2.imwrite(str(path), np.where(SEEN, yes, no).astype(np.uint8))


def seen_only(path: Path) -> None:
    assert cv2.imwrite(str(path), (DISP * SEEN * 256).astype(np.uint16))


def pfm(path: Path, sign: int = 1) -> None:
    write_pfm(path, np.where(DISP > 0, sign * DISP, np.inf))


def array(path: Path) -> None:
    np.save(path, DISP)


def text(path: Path, content: str) -> None:
    path.write_text(content)


CALIB = 'cam0=[500 0 1; 0 500 1; 0 0 1]\ncam1=[500 0 3; 0 500 1; 0 0 1]\ndoffs=2\nbaseline=60\nwidth=3\nheight=2\n'
KITTI = ''.join(f'P{n}: 700 0 600 {x} 0 700 180 0 0 0 1 0\nP_rect_0{n}: 700 0 600 {x} 0 700 180 0 0 0 1 0\n'
                for n, x in ((2, 0), (3, -350)))
FAT = '{"camera_settings": [{"intrinsic_settings": {"fx": 768.2, "cx": 480, "cy": 270}}]}'
OCCLUDED, MIDDLEBURY = partial(mask, yes=0, no=255), partial(mask, yes=255, no=128)
Tree = dict[str, Callable[[Path], None]]
# layout: split, scene, focal px times baseline m where it is known, files by what they are
SETS: dict[str, tuple[str, str, float, Tree]] = {
    'middlebury': ('trainingQ', 'Motorcycle', 30, {
        'trainingQ/Motorcycle/im0.png': picture, 'trainingQ/Motorcycle/im1.png': picture,
        'trainingQ/Motorcycle/disp0GT.pfm': pfm, 'trainingQ/Motorcycle/mask0nocc.png': MIDDLEBURY,
        'trainingQ/Motorcycle/calib.txt': partial(text, content=CALIB)}),
    'middlebury2014': ('', 'Pipes-perfect', 30, {
        'Pipes-perfect/im0.png': picture, 'Pipes-perfect/im1.png': picture, 'Pipes-perfect/disp0.pfm': pfm,
        'Pipes-perfect/calib.txt': partial(text, content=CALIB)}),
    'middlebury2006_third': ('', 'Aloe', 3740 * 0.16 / 3, {
        'Aloe/view1.png': picture, 'Aloe/view5.png': picture, 'Aloe/dmin.txt': partial(text, content='270'),
        'Aloe/disp1.png': partial(integers, factor=3, dtype=np.uint8)}),
    'eth3d': ('training', 'delivery_area_1l', 30, {
        'two_view_training/delivery_area_1l/im0.png': picture, 'two_view_training/delivery_area_1l/im1.png': picture,
        'two_view_training_gt/delivery_area_1l/disp0GT.pfm': pfm,
        'two_view_training_gt/delivery_area_1l/mask0nocc.png': MIDDLEBURY,
        'two_view_training/delivery_area_1l/calib.txt': partial(text, content=CALIB)}),
    'kitti2012': ('training', '000003', 350, {
        'training/colored_0/000003_10.png': picture, 'training/colored_1/000003_10.png': picture,
        'training/disp_occ/000003_10.png': partial(integers, factor=256), 'training/disp_noc/000003_10.png': seen_only,
        'training/calib/000003.txt': partial(text, content=KITTI)}),
    'kitti2015': ('training', '000003', 350, {
        'training/image_2/000003_10.png': picture, 'training/image_3/000003_10.png': picture,
        'training/image_2/000003_11.png': picture, 'training/disp_occ_0/000003_10.png': partial(integers, factor=256),
        'training/disp_noc_0/000003_10.png': seen_only,
        'training/calib_cam_to_cam/000003.txt': partial(text, content=KITTI)}),
    'sceneflow': ('TRAIN', 'A/0032/0006', 0, {
        'frames_cleanpass/TRAIN/A/0032/left/0006.png': picture, 'frames_cleanpass/TRAIN/A/0032/right/0006.png': picture,
        'frames_cleanpass/TEST/A/0000/left/0001.png': picture,
        'disparity/TRAIN/A/0032/left/0006.pfm': pfm}),
    'flyingthings3d_subset': ('val', '0000007', 0, {
        'val/image_clean/left/0000007.png': picture, 'val/image_clean/right/0000007.png': picture,
        'val/disparity/left/0000007.pfm': partial(pfm, sign=-1),
        'val/disparity_occlusions/left/0000007.png': OCCLUDED}),
    'sintel': ('training', 'alley_1/frame_0001', 0, {
        'training/clean_left/alley_1/frame_0001.png': picture, 'training/clean_right/alley_1/frame_0001.png': picture,
        'training/disparities/alley_1/frame_0001.png': partial(colours, units=(4, 2**-6, 2**-14)),
        'training/occlusions/alley_1/frame_0001.png': partial(mask, yes=0, no=0),
        'training/outofframe/alley_1/frame_0001.png': OCCLUDED}),
    'fallingthings': ('single', '002_can/kitchen_0/000000', 768.2 * 0.06, {
        'single/002_can/kitchen_0/000000.left.jpg': picture, 'single/002_can/kitchen_0/000000.right.jpg': picture,
        'single/002_can/kitchen_0/000000.left.depth.png': partial(depth, product=768.2 * 6 * 100),
        'single/002_can/kitchen_0/_camera_settings.json': partial(text, content=FAT)}),
    'tartanair': ('abandonedfactory', 'Easy/P000/000000', 80, {
        'abandonedfactory/Easy/P000/image_left/000000_left.png': picture,
        'abandonedfactory/Easy/P000/image_right/000000_right.png': picture,
        'abandonedfactory/Easy/P000/depth_left/000000_left_depth.npy': partial(depth, product=80)}),
    'crestereo': ('', 'tree/0001', 0, {
        'tree/0001_left.jpg': picture, 'tree/0001_right.jpg': picture,
        'tree/0001_left.disp.png': partial(integers, factor=32)}),
    'instereo2k': ('train', 'part1/000002', 0, {
        'train/part1/000002/left.png': picture, 'train/part1/000002/right.png': picture,
        'train/part1/000002/left_disp.png': partial(integers, factor=100)}),
    'foundationstereo': ('', 'store_1/000005', 0, {
        'store_1/dataset/data/left/rgb/000005.jpg': picture, 'store_1/dataset/data/right/rgb/000005.jpg': picture,
        'store_1/dataset/data/left/disparity/000005.png': partial(colours, units=(65.025, 0.255, 0.001))}),
    'virtual_kitti2': ('Scene01', 'clone/00012', 725.0087 * 0.532725, {
        'Scene01/clone/frames/rgb/Camera_0/rgb_00012.jpg': picture,
        'Scene01/clone/frames/rgb/Camera_1/rgb_00012.jpg': picture,
        'Scene01/clone/frames/depth/Camera_0/depth_00012.png': partial(depth, product=725.0087 * 53.2725)}),
    'booster': ('train/balanced', 'Bathroom/im3', 0, {
        'train/balanced/Bathroom/camera_00/im3.png': picture, 'train/balanced/Bathroom/camera_02/im3.png': picture,
        'train/balanced/Bathroom/disp_00.npy': array, 'train/balanced/Bathroom/mask_00.png': MIDDLEBURY}),
}


def test_no_layout_is_untested() -> None:
    assert set(LAYOUTS) - set(SETS) == {'middlebury2006', 'middlebury2006_half', 'kitti2012_grey'}, 'twins of others'


@pytest.mark.parametrize('layout', SETS)
def test_a_pair_of_every_set(tmp_path: Path, layout: str) -> None:
    split, scene, product, tree = SETS[layout]
    for name, write in tree.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / name)
    pairs = LAYOUTS[layout].pairs(tmp_path, split=split)
    assert [pair['scene'] for pair in pairs] == [scene]
    sample = LoadDisparity()(LoadStereoPair()(dict(pairs[0])))
    assert sample['left'].shape == (2, 3, 3) and sample['left_path'] != sample['right_path']
    np.testing.assert_allclose(sample['disp'], DISP, rtol=2e-3)
    np.testing.assert_array_equal(sample['valid'], DISP > 0)
    assert sample.get('focal', 0) * sample.get('baseline', 0) == pytest.approx(product)
    if any(part in name for name in tree for part in ('mask', 'noc', 'occlusions', 'outofframe')):
        np.testing.assert_array_equal(sample['noc'] & sample['valid'], SEEN & (DISP > 0))
    else:
        assert 'noc' not in sample


def test_both_renderings_and_the_reduced_calibration(tmp_path: Path) -> None:
    for render in ('frames_cleanpass', 'frames_finalpass'):
        for side in ('left', 'right'):
            (tmp_path / render / 'a' / side).mkdir(parents=True)
            picture(tmp_path / render / 'a' / side / '1.png')
    chosen = LAYOUTS['sceneflow'].pairs(tmp_path, select={'render': ['frames_finalpass', 'frames_cleanpass']})
    assert [pair['scene'] for pair in chosen] == ['frames_finalpass/a/1', 'frames_cleanpass/a/1']
    (tmp_path / 'Aloe').mkdir()
    picture(tmp_path / 'Aloe' / 'view1.png')
    text(tmp_path / 'Aloe' / 'dmin.txt', '270')
    pair, = LAYOUTS['middlebury2006_half'].pairs(tmp_path)
    assert (pair['focal'], pair['baseline'], pair['doffs']) == (1870, 0.16, 135)
