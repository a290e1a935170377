"""Where the files of the public stereo sets lie below their roots.

Unless it says otherwise, ``data_root`` is the folder that a set's archives unpack to.
"""

from __future__ import annotations

from perception_kd.datasets.stereo.patterns import PairLayout


def _middlebury(right: str = 'im1', **more: object) -> PairLayout:
    """One folder a scene. ``disp0GT`` in Middlebury V3, ``disp0`` in the later sets and in simulated pairs."""
    scene = '{split}/**/'
    return PairLayout(**{**dict(
        left=f'{scene}im0.png', right=f'{scene}{right}.png', disp=(f'{scene}disp0GT.pfm', f'{scene}disp0.pfm'),
        disp_right=(f'{scene}disp1GT.pfm', f'{scene}disp1.pfm'), noc=f'{scene}mask0nocc.png',
        noc_right=f'{scene}mask1nocc.png', calibration=f'{scene}calib.txt'), **more})


def _middlebury2006(reduction: int) -> PairLayout:
    """Sets of 2005 and 2006 with two views; the smaller sizes store the disparity of the full size."""
    return PairLayout(left='{split}/*/view1.png', right='{split}/*/view5.png', disp='{split}/*/disp1.png',
                      disp_right='{split}/*/disp5.png', calibration='{split}/*/dmin.txt', decoder='scaled',
                      calibration_reader='middlebury2006', disp_scale=reduction, sparse=True)


def _kitti2012(folder: str, reader: str) -> PairLayout:
    return PairLayout(
        left=f'{{split}}/{folder}_0/*_10.png', right=f'{{split}}/{folder}_1/*_10.png', disp='{split}/disp_occ/*_10.png',
        noc='{split}/disp_noc/*_10.png', decoder='kitti', noc_decoder='known', calibration='{split}/calib/*.txt',
        calibration_reader=reader, sparse=True)


LAYOUTS: dict[str, PairLayout] = {
    # V3 (splits trainingF, trainingH, trainingQ), 2021 (split data), simulated pairs (train, val, test), and any
    # folders of such scenes.
    'middlebury': _middlebury(),
    'middlebury2014': _middlebury('im1{light}', decoder='middlebury2014', choices={'light': ('',)}),  # also E, L
    'middlebury2006': _middlebury2006(1),
    'middlebury2006_half': _middlebury2006(2),
    'middlebury2006_third': _middlebury2006(3),
    'eth3d': PairLayout(  # splits training, test
        left='two_view_{split}/*/im0.png', right='two_view_{split}/*/im1.png',
        disp='two_view_{split}_gt/*/disp0GT.pfm', noc='two_view_{split}_gt/*/mask0nocc.png',
        calibration='two_view_{split}/*/calib.txt', sparse=True),
    'kitti2012': _kitti2012('colored', 'kitti'),  # splits training, testing
    'kitti2012_grey': _kitti2012('image', 'kitti_grey'),
    'kitti2015': PairLayout(
        left='{split}/image_2/*_10.png', right='{split}/image_3/*_10.png', disp='{split}/disp_occ_0/*_10.png',
        noc='{split}/disp_noc_0/*_10.png', calibration='{split}/calib_cam_to_cam/*.txt', decoder='kitti',
        noc_decoder='known', calibration_reader='kitti', sparse=True),
    # One of SceneFlow's three: FlyingThings3D (splits TRAIN, TEST), Monkaa, Driving (no split). Other renderings:
    # frames_finalpass.
    'sceneflow': PairLayout(
        left='{render}/{split}/**/left/*.png', right='{render}/{split}/**/right/*.png',
        disp='disparity/{split}/**/left/*.pfm', disp_right='disparity/{split}/**/right/*.pfm',
        noc='occlusion/{split}/**/left/*.png', decoder='sceneflow', noc_decoder='occluded',
        choices={'render': ('frames_cleanpass',)}),
    'flyingthings3d_subset': PairLayout(  # splits train, val; the other rendering: image_final
        left='{split}/{render}/left/*.png', right='{split}/{render}/right/*.png',
        disp='{split}/disparity/left/*.pfm', disp_right='{split}/disparity/right/*.pfm',
        noc='{split}/disparity_occlusions/left/*.png', noc_right='{split}/disparity_occlusions/right/*.png',
        decoder='sceneflow', noc_decoder='occluded', choices={'render': ('image_clean',)}),
    'sintel': PairLayout(  # split training; the other rendering: final
        left='{split}/{render}_left/*/*.png', right='{split}/{render}_right/*/*.png',
        disp='{split}/disparities/*/*.png', noc='{split}/outofframe/*/*.png', decoder='sintel',
        noc_decoder='occluded', sparse=True, choices={'render': ('clean',)}),
    'fallingthings': PairLayout(
        left='{split}/**/*.left.jpg', right='{split}/**/*.right.jpg', disp='{split}/**/*.left.depth.png',
        disp_right='{split}/**/*.right.depth.png', calibration='{split}/**/_camera_settings.json',
        calibration_reader='fallingthings', decoder='depth_tenth_mm'),
    'tartanair': PairLayout(
        left='{split}/**/image_left/*_left.png', right='{split}/**/image_right/*_right.png',
        disp='{split}/**/depth_left/*_left_depth.npy', disp_right='{split}/**/depth_right/*_right_depth.npy',
        decoder='depth', focal=320.0, baseline=0.25, doffs=0.0),
    'crestereo': PairLayout(
        left='{split}/**/*_left.jpg', right='{split}/**/*_right.jpg', disp='{split}/**/*_left.disp.png',
        disp_right='{split}/**/*_right.disp.png', decoder='crestereo'),
    'instereo2k': PairLayout(  # splits train, test
        left='{split}/**/left.png', right='{split}/**/right.png', disp='{split}/**/left_disp.png',
        disp_right='{split}/**/right_disp.png', decoder='instereo2k', sparse=True),
    'foundationstereo': PairLayout(
        left='{split}/**/dataset/data/left/rgb/*.jpg', right='{split}/**/dataset/data/right/rgb/*.jpg',
        disp='{split}/**/dataset/data/left/disparity/*.png', decoder='fsd'),
    'virtual_kitti2': PairLayout(
        left='{split}/**/frames/rgb/Camera_0/rgb_*.jpg', right='{split}/**/frames/rgb/Camera_1/rgb_*.jpg',
        disp='{split}/**/frames/depth/Camera_0/depth_*.png', disp_right='{split}/**/frames/depth/Camera_1/depth_*.png',
        decoder='depth_cm', focal=725.0087, baseline=0.532725, doffs=0.0),
    'booster': PairLayout(  # split train/balanced; each scene under several lights
        left='{split}/*/camera_00/*.png', right='{split}/*/camera_02/*.png', disp='{split}/*/disp_00.npy',
        disp_right='{split}/*/disp_02.npy', noc='{split}/*/mask_00.png', noc_right='{split}/*/mask_02.png',
        calibration='{split}/*/calib_00-02.xml', calibration_reader='booster', decoder='npy', sparse=True),
}
