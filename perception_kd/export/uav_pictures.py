"""Pictures to hold a graph of a drone detector against PyTorch with, and to calibrate it on."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from numpy.typing import NDArray
from torch import Tensor

from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.transforms.uav_letterbox import PAD, fit_picture
from perception_kd.export.uav_graph import Size, as_images
from perception_kd.registry import DATASETS

Picture = NDArray[np.uint8]


def letterboxed(picture: Picture, size: Size) -> tuple[Picture, tuple[float, float]]:
    """A picture ``(h, w, 3)`` in a frame of ``size`` (H, W): ratio kept, grey at the right and below.

    For a square it is what the pipeline's ``LetterBox`` makes.

    Returns:
        ``(H, W, 3)``, and by how much it was scaled in x and y.
    """
    height, width = picture.shape[:2]
    factor = min(size[0] / height, size[1] / width)
    inner, scale = fit_picture(picture, max(1, int(max(height, width) * factor + 1e-6)))
    frame = np.full((*size, 3), PAD, np.uint8)
    frame[:inner.shape[0], :inner.shape[1]] = inner
    return frame, scale


def graph_input(pictures: Sequence[Picture], size: Size) -> Tensor:
    """BGR pictures of any size -> ``(B, 3, H, W)`` as the graph takes them."""
    frames = [torch.from_numpy(letterboxed(picture, size)[0]).permute(2, 0, 1) for picture in pictures]
    return as_images(frames)


def split_pictures(cfg: Config, split: str, count: int) -> list[Picture]:
    """BGR pictures of a split of the config's data set, spread evenly over it; none where there is no such file.

    Args:
        cfg: With ``val_dataloader`` and ``train_ann``.
        split: ``train`` or ``val``.
        count: At most so many.
    """
    settings = copy.deepcopy((cfg.get('val_dataloader') or {}).get('dataset'))
    if not settings:
        return []
    if split == 'train':
        settings.ann_file = cfg.get('train_ann', 'annotations/train.json')
    if not (Path(settings.get('data_root', '')) / settings.ann_file).exists():
        return []
    dataset = DATASETS.build({**settings, 'pipeline': [], 'lazy_init': False})
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int))
    return [read_image(dataset.get_data_info(int(index))['img_path'], to_rgb=False) for index in chosen]


def drawn_pictures(size: Size, count: int, seed: int = 0) -> list[Picture]:
    """Skies of smooth noise with dark specks of 4 to 24 px, for where no data set is there."""
    rng = np.random.default_rng(seed)
    return [_sky(rng, *size) for _ in range(count)]


def _sky(rng: np.random.Generator, height: int, width: int) -> Picture:
    import cv2

    picture = np.full((height, width, 3), rng.uniform(90, 200, 3))
    for step, strength in ((64, 30), (16, 12), (4, 5)):
        noise = rng.normal(size=(height // step + 2, width // step + 2, 3)) * strength
        picture += cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        side = int(rng.integers(4, 25))
        x, y = rng.integers(0, width - side), rng.integers(0, height - side)
        picture[y:y + side // 2 + 1, x:x + side] -= rng.uniform(40, 90)
    return np.clip(picture, 0, 255).round().astype(np.uint8)
