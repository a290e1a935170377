"""Sizes, scales and two passes, with a matcher that reads the disparity from the left picture's red channel."""

import numpy as np
import pytest
import torch
from mmengine.config import Config
from torch import nn
from torch.nn import functional

from perception_kd.inference.stereo.predictor import (
    MatchSettings,
    StereoPredictor,
    load_matcher,
    quarter,
    resized,
)
from perception_kd.models.stereo.preprocessor import StereoPreprocessor


class Reader(nn.Module):
    """Grey value of the picture is the disparity in px of ``width``; keeps what it was called with."""

    max_disp = 96

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.calls, self.data_preprocessor = width, [], StereoPreprocessor()

    def disparity(self, left, right, *, max_disp, iterations, init):
        """As of ``StereoMatcher``; pictures of the same height as width minus 30."""
        self.calls.append(dict(size=tuple(left.shape[-2:]), max_disp=max_disp, iterations=iterations, init=init))
        grey = left[:, :1] * self.data_preprocessor.std[0] + self.data_preprocessor.mean[0]
        return grey * self.seen[len(self.calls) - 1] / self.width


def run(disparity: np.ndarray, seen: list[int], **settings) -> tuple[np.ndarray, Reader]:
    """What comes out, where pictures of width ``seen`` are expected to reach the matcher."""
    picture = np.repeat(disparity.astype(np.uint8)[..., None], 3, 2)
    reader = Reader(disparity.shape[1])
    reader.seen = seen
    return StereoPredictor(reader, MatchSettings(**settings))(picture, picture), reader


def ramp(height: int = 70, width: int = 100) -> np.ndarray:
    """Grey values with slopes along both axes."""
    return np.add.outer(np.arange(height) // 2, np.arange(width))


def test_padding_is_taken_away():
    found, reader = run(ramp(), [100])
    np.testing.assert_allclose(found, ramp(), atol=1e-4)
    assert reader.calls == [dict(size=(96, 128), max_disp=96, iterations=None, init=None)]


def test_a_shrunken_picture_gives_disparity_of_the_full_size():
    found, reader = run(ramp(), [50], scale=0.5, max_disp=70, iterations=3)
    np.testing.assert_allclose(found[2:-2, 2:-2], ramp()[2:-2, 2:-2], atol=1.1)  # grey values are whole
    assert reader.calls == [dict(size=(64, 64), max_disp=64, iterations=3, init=None)]


@pytest.mark.parametrize('height', [70, 133])
def test_the_second_pass_starts_from_the_first(height):
    """Its start is the first pass' disparity in quarter-size px of the padded picture; no padding is added to it."""
    flat = np.full((height, 100), 40)
    found, reader = run(flat, [50, 100], two_pass=True)
    np.testing.assert_allclose(found, flat, atol=1e-4)
    first, second = reader.calls
    padded = -(-height // 32) * 32
    assert first['size'] == (-(-round(height / 2) // 32) * 32, 64) and first['init'] is None
    assert second['size'] == (padded, 128) and second['init'].shape == (1, 1, padded // 4, 32)
    torch.testing.assert_close(second['init'], torch.full_like(second['init'], 10.0))


def test_a_given_range_is_that_of_both_passes():
    _, reader = run(np.full((70, 100), 40), [50, 100], two_pass=True, max_disp=100)
    assert [call['max_disp'] for call in reader.calls] == [64, 128]


def test_the_start_lies_at_its_place():
    _, reader = run(ramp(64, 128), [64, 128], two_pass=True)
    truth = functional.avg_pool2d(torch.from_numpy(ramp(64, 128)).float()[None, None], 4) / 4
    torch.testing.assert_close(reader.calls[1]['init'][..., 2:-2, 2:-2], truth[..., 2:-2, 2:-2], atol=0.3, rtol=0)


def test_a_start_is_never_negative():
    torch.testing.assert_close(quarter(torch.tensor([-8.0, 8.0]).repeat_interleave(8).expand(1, 1, 4, 16)),
                               torch.tensor([0.0, 0.0, 2.0, 2.0]).view(1, 1, 1, 4))


def test_disparity_grows_with_the_width():
    np.testing.assert_allclose(resized(np.full((10, 20), 3.0, np.float32), (60, 11)), np.full((11, 60), 9.0))


@pytest.mark.parametrize(('settings', 'searched'), [
    (dict(), 96), (dict(max_disp=97), 128), (dict(max_disp=3), 32), (dict(scale=0.5), 192), (dict(two_pass=True), 192),
    (dict(max_disp=100, scale=0.25), 128), (dict(two_pass=True, max_disp=100), 128)])
def test_what_is_looked_for(settings, searched):
    assert StereoPredictor(Reader(10), MatchSettings(**settings)).searched(50, 60) == searched


@pytest.mark.parametrize(('settings', 'line'), [
    (dict(max_disp=0), '--max-disp is a number of px above 0, got 0'), (dict(max_disp=float('nan')), '--max-disp'),
    (dict(iterations=0), '--iterations is 1 or more'), (dict(scale=0), '--scale is above 0 and at most 4, got 0'),
    (dict(scale=float('nan')), '--scale')])
def test_settings_out_of_range(settings, line):
    with pytest.raises(ValueError, match=line):
        MatchSettings(**settings)


@pytest.mark.parametrize(('shape', 'settings', 'line'), [
    ((20, 32), dict(), 'pictures of 32x20 are too small: the longer side needs 33 px$'),
    ((64, 60), dict(two_pass=True), 'pictures of 60x64 are too small: .* after --scale and --two-pass')])
def test_pictures_that_are_too_small(shape, settings, line):
    with pytest.raises(ValueError, match=line):
        run(np.zeros(shape), [], **settings)


def test_pictures_of_two_sizes():
    with pytest.raises(ValueError, match='differ in size: 40x50 and 40x51'):
        StereoPredictor(Reader(40))(np.zeros((50, 40, 3), np.uint8), np.zeros((51, 40, 3), np.uint8))


@pytest.mark.parametrize('words', ['DefaultCPUAllocator: can\'t allocate memory: you tried to allocate 99 bytes',
                                   'CUDA out of memory. Tried to allocate 9 GiB'])
def test_too_little_memory(words):
    def fail(*args, **kwargs):
        raise RuntimeError(words)

    reader = Reader(64)
    reader.disparity = fail
    with pytest.raises(ValueError, match='too little memory for 64x40 with 96 disparities: give a smaller --scale'):
        StereoPredictor(reader)(*[np.zeros((40, 64, 3), np.uint8)] * 2)


def test_weights_that_are_none(tmp_path):
    cfg = Config(dict(model=dict(type='StereoMatcher')))
    with pytest.raises(FileNotFoundError, match=r'checkpoint .*none\.pth does not exist'):
        load_matcher(cfg, tmp_path / 'none.pth')
    (tmp_path / 'student.onnx').touch()
    with pytest.raises((ValueError, ImportError), match=r'is no graph|needs onnx'):
        load_matcher(cfg, tmp_path / 'student.onnx')
