"""What a monocular net says of a picture, in the unit of a disparity."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from numpy.typing import NDArray

from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import naming_config, require
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.files import require_file
from perception_kd.inference.devices import check_device
from perception_kd.registry import MODELS
from perception_kd.structures.stereo_sample import StereoDataSample

LONGEST = 640
"""px of the longer side that the net sees, unless told."""
_PUBLIC = 'pretrained.'  # how the weights of DepthAnythingV2 begin
_ROUNDS, _HUBER = 20, 1.345
_FEWEST = 100  # pixels of a fit


class MonoNet:
    """A ``MonoEstimator`` with its weights.

    Args:
        cfg: Whose model is a ``MonoEstimator``, such as ``configs/stereo/small_mono.py``.
        checkpoint: Of its training, or the public file of DepthAnythingV2 where that is its net.
        device: ``cpu`` or ``cuda``.
        longest: Larger pictures are shrunk until their longer side has so many px.

    Raises:
        FileNotFoundError, ValueError: Another model, no such file, or weights that do not fit.
    """

    def __init__(self, cfg: Config, checkpoint: str | Path, *, device: str = 'cpu', longest: int = LONGEST) -> None:
        check_device(device)
        require(cfg, 'model')
        kind = str(cfg.model.get('type')).rpartition('.')[2]
        if kind != 'MonoEstimator':
            raise ValueError(f'config {cfg.filename}: its model is a {kind}; a monocular net is trained as '
                             'MonoEstimator (configs/stereo/small_mono.py)')
        init_default_scope(cfg.get('default_scope', 'perception_kd'))
        with naming_config(cfg):
            self.model = MODELS.build(cfg.model).eval().to(device)
        weights = load_weights(require_file(checkpoint, 'checkpoint'))
        if any(name.startswith(_PUBLIC) for name in weights):
            weights = {f'net.{name}': value for name, value in weights.items()}
        load_strictly(self.model, weights, who=f'checkpoint {checkpoint}')
        self.longest = longest

    @torch.no_grad()
    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Relative inverse depth ``(H, W)`` of an RGB picture ``(H, W, 3)``: larger is nearer."""
        height, width = picture.shape[:2]
        shrink = min(self.longest / max(height, width), 1.0)
        size = max(round(width * shrink), 1), max(round(height * shrink), 1)
        seen = picture if shrink == 1 else cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        tensor = torch.from_numpy(np.ascontiguousarray(seen)).permute(2, 0, 1)
        batch = self.model.data_preprocessor(dict(inputs=dict(left=[tensor], right=[tensor]),
                                                  data_samples=[StereoDataSample()]), False)
        (found,) = self.model(**batch, mode='predict')
        depth = found.pred_inverse_depth.cpu().numpy()
        return depth if shrink == 1 else cv2.resize(depth, (width, height), interpolation=cv2.INTER_LINEAR)


class Fit(NamedTuple):
    """``parallax = scale * inverse_depth + offset``, px."""

    scale: float
    offset: float

    def __call__(self, inverse_depth: NDArray[np.float32]) -> NDArray[np.float32]:
        """Parallax px, ``(H, W)``."""
        return (self.scale * inverse_depth + self.offset).astype(np.float32)


def fit_parallax(inverse_depth: NDArray[np.float32], parallax: NDArray[np.float32],
                 pixels: NDArray[np.bool_]) -> Fit | None:
    """Bring relative inverse depth to px, by Huber's robust regression over some pixels.

    Returns:
        None where there are too few pixels, or the net orders the scene the other way round.
    """
    m, p = (values[pixels].astype(np.float64) for values in (inverse_depth, parallax))
    if len(m) < _FEWEST:
        return None
    weights = np.ones_like(m)
    scale = offset = 0.0
    for _ in range(_ROUNDS):
        total = weights.sum()
        middle, level = (weights @ m) / total, (weights @ p) / total
        spread = weights @ (m - middle) ** 2
        if spread <= 0:
            return None
        scale = (weights @ ((m - middle) * (p - level))) / spread
        offset = level - scale * middle
        off = np.abs(p - scale * m - offset)
        bound = _HUBER * max(1.4826 * float(np.median(off)), 1e-6)
        weights = np.minimum(1.0, bound / np.maximum(off, 1e-12))
    return Fit(float(scale), float(offset)) if scale > 0 else None
