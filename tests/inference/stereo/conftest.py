"""Pairs whose disparity is known, and a matcher of few weights."""

from pathlib import Path

import cv2
import numpy as np
import pytest

NARROW = dict.fromkeys((
    'motion_volume1', 'motion_volume2', 'motion_disparity1', 'motion_disparity2', 'motion', 'context', 'hidden',
    'gru_input', 'gru_joint', 'head', 'head_expand1', 'head_expand2', 'mask1', 'mask2', 'up_deconv', 'stem1', 'stem2',
    'up_conv'), 8)
FILTER = {name: dict(layers=[dict(type='conv', channels=4, stride=2)]) for name in ('down8', 'down16', 'down32')}
FILTER |= {name: dict(layers=[dict(type='deconv', channels=4)], merge='sum') for name in ('up16', 'up8', 'up4')}
FILTER |= dict(stem=dict(layers=[dict(type='conv', channels=4)]),
               classifier=dict(layers=[dict(type='conv', channels=1, norm=False, act=None)]))
MATCHER = dict(
    type='StereoMatcher', max_disp=32, iterations=2,
    feature=dict(type='StereoFeatureNet', backbone=dict(
        type='MobileBackbone', stem_channels=4, channels=(8, 8, 8, 8), depths=(1, 1, 1, 1)), upsample='bilinear',
        join='conv'),
    cost_volume=dict(type='HybridCostVolume', groups=4, concat_channels=2),
    cost_filter=dict(type='CostFilter', blocks=FILTER),
    context=dict(type='ContextHeads', hidden_channels=8, context_channels=8),
    refiner=dict(type='SelectiveRefiner', widths=NARROW), upsampler=dict(type='ConvexUpsampler', widths=NARROW))


def textured(height: int, width: int, seed: int = 0) -> np.ndarray:
    """(H, W, 3) RGB with texture of several sizes."""
    rng = np.random.default_rng(seed)
    layers = [cv2.resize(rng.normal(size=(height // size + 2, width // size + 2, 3)), (width, height),
                         interpolation=cv2.INTER_CUBIC) for size in (3, 8, 20)]
    picture = sum(layers)
    return np.clip(128 + 45 * picture, 0, 255).astype(np.uint8)


def shifted_pair(disparity: int, rows: int = 0, height: int = 120, width: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Left and right picture of a wall; the right one lies ``rows`` px lower."""
    wall = textured(height + 20, width + 60)
    left = wall[10:10 + height, 20:20 + width]
    right = wall[10 - rows:10 - rows + height, 20 + disparity:20 + disparity + width]
    return np.ascontiguousarray(left), np.ascontiguousarray(right)


def save(path: Path, picture: np.ndarray) -> Path:
    """As a PNG file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


@pytest.fixture
def pair(tmp_path) -> tuple[Path, Path]:
    """Files of a pair of 70 x 100 pixels, 6 px apart."""
    left, right = shifted_pair(6, height=70, width=100)
    return save(tmp_path / 'left.png', left), save(tmp_path / 'right.png', right)
