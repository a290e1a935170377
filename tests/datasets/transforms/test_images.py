"""Pictures: the stored pixel map is what happened to the pixels; bad files are named."""

import cv2
import numpy as np
import pytest

from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.transforms import ImageAug, LoadMultiViewImages
from tests.tiny_world import HEIGHT, WIDTH


def smooth_picture(height, width):
    """Red says the column, green the row, on a scale of 0 to 200."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[..., 0] = np.linspace(0, 200, width)[None]
    picture[..., 1] = np.linspace(0, 200, height)[:, None]
    return picture


@pytest.mark.parametrize('seed', range(8))
@pytest.mark.parametrize('rot_deg', [(0, 0), (-20, 20)], ids=['level', 'rotated'])
def test_pixels_go_where_the_matrix_says(seed, rot_deg):
    np.random.seed(seed)
    height, width, size = 180, 320, (64, 176)
    aug = ImageAug(final_size=size, resize_lim=(0.5, 0.9), flip_prob=0.5, rot_deg=rot_deg, training=True)
    sample = aug({'img': [smooth_picture(height, width)], 'img_aug_matrix': np.eye(3)[None]})
    image, matrix = sample['img'][0], sample['img_aug_matrix'][0]
    assert image.shape == (*size, 3)
    rows, columns = np.mgrid[2:62:7, 2:174:9]
    back = np.linalg.inv(matrix) @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    u, v = back[:2]
    known = (u > 2) & (u < width - 3) & (v > 2) & (v < height - 3)
    assert known.sum() > 50
    seen = image[rows.ravel(), columns.ravel()].astype(float)[known]
    atol = 2.0 if any(rot_deg) else 1.5  # rounded once more
    np.testing.assert_allclose(seen[:, 0], u[known] * 200 / (width - 1), atol=atol)
    np.testing.assert_allclose(seen[:, 1], v[known] * 200 / (height - 1), atol=atol)


def test_rotation_is_counter_clockwise_and_shows_what_the_crop_had_cut_off():
    aug = ImageAug(final_size=(40, 40), resize=1.0, rot_deg=(90, 90), training=True)
    picture = np.zeros((60, 40, 3), np.uint8)
    picture[25, 35], picture[30:, :3] = 255, 90  # a dot at the right of the lower 40 rows; a column at their left
    sample = aug({'img': [picture], 'img_aug_matrix': np.eye(3)[None]})
    assert np.argwhere(sample['img'][0][..., 0] == 255).tolist() == [[4, 5]]
    assert (sample['img'][0][37:, 10:] == 90).all()
    np.testing.assert_allclose(sample['img_aug_matrix'][0] @ [35, 25, 1], [5, 4, 1], atol=1e-9)
    aug.rot_deg = (30, 30)
    np.random.seed(0)  # cuts out in the middle
    turned = aug({'img': [np.full((200, 100, 3), 255, np.uint8)], 'img_aug_matrix': np.eye(3)[None]})['img'][0]
    assert turned[[0, 0, -1, -1], [0, -1, 0, -1], 0].tolist() == [255, 255, 255, 0]  # below the crop there is nothing
    aug.training = False
    np.testing.assert_array_equal(aug({'img': [picture], 'img_aug_matrix': np.eye(3)[None]})['img'][0], picture[20:])


def test_draws_differ_between_cameras_and_flip_both_ways():
    np.random.seed(0)
    aug = ImageAug(final_size=(32, 96), resize_lim=(0.5, 0.7), flip_prob=0.5, training=True)
    pictures = [smooth_picture(90, 160) for _ in range(24)]
    matrices = aug({'img': pictures, 'img_aug_matrix': np.repeat(np.eye(3)[None], 24, 0)})['img_aug_matrix']
    flipped = matrices[:, 0, 0] < 0
    assert 4 < flipped.sum() < 20
    assert len(np.unique(np.abs(matrices[:, 0, 0]).round(3))) > 5


def test_test_time_covers_and_keeps_the_bottom():
    aug = ImageAug(final_size=(32, 96), resize_lim=(0.1, 0.2), flip_prob=1.0)
    cases = [(128, 192, 0.5, 0, 32), (64, 256, 0.5, 16, 0), (32, 96, 1, 0, 0)]
    for height, width, scale, left, top in cases:
        sample = aug({'img': [smooth_picture(height, width)], 'img_aug_matrix': np.eye(3)[None]})
        pixel = sample['img_aug_matrix'][0] @ [(width - 1) / 2, (height - 1) / 2, 1]
        wanted = [(width * scale - 1) / 2 - left, (height * scale - 1) / 2 - top]
        np.testing.assert_allclose(pixel[:2], wanted)
        assert sample['img'][0].shape == (32, 96, 3) and sample['img_aug_matrix'][0][0, 0] == scale


def test_fixed_scale_and_black_border():
    aug = ImageAug(final_size=(40, 100), resize=0.25)
    image = aug({'img': [smooth_picture(80, 160) + 50], 'img_aug_matrix': np.eye(3)[None]})['img'][0]
    assert image.shape == (40, 100, 3)
    assert (image[:20] == 0).all() and (image[20:, :30] == 0).all() and (image[20:, 70:] == 0).all()
    assert (image[20:, 30:70] >= 50).all()


def test_decoder_scale_gives_the_same_map(raw):
    full = ImageAug(final_size=(32, 88))(LoadMultiViewImages()(dict(raw)))
    half = ImageAug(final_size=(32, 88))(LoadMultiViewImages(decode_scale=2)(dict(raw)))
    assert half['img'][0].shape == full['img'][0].shape == (32, 88, 3)
    np.testing.assert_allclose(half['img_aug_matrix'], full['img_aug_matrix'])
    assert np.abs(half['img'][0].astype(int) - full['img'][0]).mean() < 2
    np.random.seed(3)
    drawn = ImageAug(final_size=(32, 88), resize_lim=(0.6, 0.6), training=True)
    matrix = drawn(LoadMultiViewImages(decode_scale=2)(dict(raw)))['img_aug_matrix'][0]
    np.testing.assert_allclose(matrix[0, 0], 0.6, atol=0.01)  # scales are of the original picture


def test_colours_and_order(raw):
    sample = LoadMultiViewImages()(raw)
    assert list(sample['images']) == ['CAM_BACK', 'CAM_FRONT'] and sample['cam2img'].shape == (2, 3, 3)
    image = sample['img'][0]
    assert image.shape == (HEIGHT, WIDTH, 3) and image.dtype == np.uint8
    assert abs(int(image[30, 170, 0]) - 170) < 8 and abs(int(image[30, 170, 1]) - 90) < 8  # red, green
    bgr = LoadMultiViewImages(to_rgb=False)(raw)['img'][0]
    np.testing.assert_array_equal(bgr[..., ::-1], image)


def test_bad_pictures_are_named(tmp_path):
    path = tmp_path / 'picture.jpg'
    with pytest.raises(FileNotFoundError, match=r'picture\.jpg: no such picture'):
        read_image(path)
    cv2.imwrite(str(path), smooth_picture(90, 160))
    whole = path.read_bytes()
    assert read_image(path).shape == (90, 160, 3)
    path.write_bytes(whole + bytes(20))  # padding after the end is harmless
    assert read_image(path).shape == (90, 160, 3)
    for content, message in [(whole[:len(whole) // 2], 'truncated JPEG'), (b'', 'corrupt picture'),
                             (b'\xff\xd8 rubbish \xff\xd9', 'corrupt picture'), (b'no picture', 'corrupt')]:
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message) as caught:
            read_image(path)
        assert str(path) in str(caught.value) and '\n' not in str(caught.value)


def test_every_format_shrinks_to_the_same_size(tmp_path):
    """Odd sizes are rounded up, as the JPEG decoder does."""
    shrunk = []
    for ending in ('png', 'jpg'):
        path = str(tmp_path / f'picture.{ending}')
        cv2.imwrite(path, smooth_picture(41, 61), [cv2.IMWRITE_JPEG_QUALITY, 98])
        shrunk.append(read_image(path, decode_scale=2).astype(int))
    assert shrunk[0].shape == shrunk[1].shape == (21, 31, 3)
    assert np.abs(shrunk[0] - shrunk[1]).mean() < 2  # of 200; the JPEG has lost some


def test_bad_settings():
    with pytest.raises(ValueError, match='decode_scale must be one of'):
        LoadMultiViewImages(decode_scale=3)
    with pytest.raises(ValueError, match='final_size must be'):
        ImageAug(final_size=(0, 10))
