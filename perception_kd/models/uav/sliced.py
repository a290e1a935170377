"""Any detector on tiles of large pictures, so that small targets are seen at the size that it was trained on."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmdet.structures import DetDataSample
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.uav.box_merging import Detections, check_merging, merge_boxes, shared_areas
from perception_kd.models.uav.postprocess import to_original
from perception_kd.models.uav.tiles import Tile, Tiling, clip_to_tile, cut_at_border, inner_edges
from perception_kd.registry import MODELS
from perception_kd.stages import stage

INNER = 'detector.'
FILL = 114
"""Grey value beyond a picture's border, that of ``LetterBox``."""


class _View(NamedTuple):
    """What the detector sees of a picture: a tile, or all of it (``tile`` None)."""

    picture: int
    inputs: Tensor
    sample: DetDataSample
    tile: Tile | None


class _Found(NamedTuple):
    """Of a view: boxes, ``(N,)`` bool whether a tile's inner edge is touched, and whether the view was all of it."""

    found: Detections
    cut: Tensor
    whole: bool


@MODELS.register_module()
class SlicedDetector(BaseModel):
    """Runs a detector on overlapping tiles, and on the whole picture shrunk to a tile's size, and joins what it finds.

    Pictures come in their own size: the pipeline has no ``LetterBox`` or ``Resize``. The weights have the names of the
    bare detector's, so that its checkpoints fit. It predicts only; train the detector itself.

    Args:
        detector: Model, or its config, with ``predict(batch_inputs, batch_data_samples)`` as mmdet's.
        tile: Side of the square tiles, px of the picture.
        overlap: What neighbouring tiles share at least: below 1 a part of the tile, else px. Choose twice the
            largest side of the targets.
        input_size: Side to which tiles are brought for the detector, px; None: the tile's. Twice the tile's shows
            targets twice as large.
        batch_tiles: Tiles in one call of the detector.
        full_pass: Whether to show the whole picture too, for targets larger than half the overlap (SAHI's standard
            prediction). A picture that fits into one tile is seen once.
        border_margin: Px from a tile's inner edge within which a box counts as cut, see ``cut_at_border``; None keeps
            all boxes.
        merge, metric, threshold, merge_score: See ``merge_boxes``. Nothing switches by itself, as SAHI does below a
            score of 0.1.
        max_per_img: Boxes kept of a picture.
        data_preprocessor: None: the detector's.
        init_cfg: Unused.

    Raises:
        ValueError: numbers out of range.
    """

    def __init__(self, *, detector: nn.Module | Mapping[str, Any], tile: int = 640, overlap: float = 0.2,
                 input_size: int | None = None, batch_tiles: int = 8, full_pass: bool = True,
                 border_margin: float | None = 2.0, merge: str = 'nms', metric: str = 'ios', threshold: float = 0.5,
                 merge_score: float = 0.1, max_per_img: int = 300, data_preprocessor: Any = None,
                 init_cfg: Any = None) -> None:
        detector = detector if isinstance(detector, nn.Module) else MODELS.build(detector)
        super().__init__(data_preprocessor or detector.data_preprocessor)
        self.detector = detector
        self.tiling = Tiling(tile=tile, overlap=overlap)
        check_merging(merge, metric, threshold)
        self.input_size, self.batch_tiles = tile if input_size is None else input_size, batch_tiles
        if min(self.input_size, batch_tiles, max_per_img) < 1:
            raise ValueError(f'input_size, batch_tiles and max_per_img are 1 or more, got {self.input_size}, '
                             f'{batch_tiles}, {max_per_img}')
        self.full_pass, self.border_margin, self.max_per_img = full_pass, border_margin, max_per_img
        self.merging = dict(method=merge, metric=metric, threshold=threshold, merge_score=merge_score)
        self._register_state_dict_hook(_outer_names)
        self.register_load_state_dict_pre_hook(_inner_names)

    def forward(self, inputs: Tensor, data_samples: list[DetDataSample] | None = None, mode: str = 'tensor') -> Any:
        """As mmdet's, in mode ``predict``; mode ``tensor`` is the detector's own.

        Raises:
            NotImplementedError: mode ``loss``.
        """
        if mode == 'loss':
            raise NotImplementedError('SlicedDetector predicts only: train its detector on crops, then put it in')
        if mode == 'tensor':
            return self.detector(inputs, data_samples, mode='tensor')
        return self.predict(inputs, data_samples)

    def predict(self, batch_inputs: Tensor, batch_data_samples: list[DetDataSample], rescale: bool = True
                ) -> list[DetDataSample]:
        """The samples with ``pred_instances``: ``bboxes`` xyxy px of the original picture, ``scores``, ``labels``.

        Args:
            batch_inputs: ``(B, 3, H, W)``, preprocessed.
            batch_data_samples: With ``img_shape``, and ``scale_factor`` where the picture was resized.
            rescale: Whether to bring boxes from px of the input to those of the original.
        """
        with stage('tiles'):
            views = [view for number, (picture, sample) in enumerate(zip(batch_inputs, batch_data_samples))
                     for view in self._views(number, picture, sample)]
        found: list[list[_Found]] = [[] for _ in batch_data_samples]
        for start in range(0, len(views), self.batch_tiles):
            for view, part in zip(*self._detect(views[start:start + self.batch_tiles])):
                found[view.picture].append(part)
        with stage('merge'):
            for sample, parts in zip(batch_data_samples, found):
                best = merge_boxes(self._without_pieces(parts), **self.merging).at(slice(self.max_per_img))
                joined = InstanceData(bboxes=best.boxes, scores=best.scores, labels=best.labels)
                sample.pred_instances = to_original(joined, sample.metainfo) if rescale else joined
        return batch_data_samples

    @torch.no_grad()
    def detect(self, image: NDArray[np.uint8]) -> InstanceData:
        """``bboxes`` xyxy px, ``scores`` and ``labels`` of a picture ``(H, W, 3)``, uint8, BGR as OpenCV reads it.

        Raises:
            ValueError: it is of another form.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
            raise ValueError(f'a picture is (H, W, 3) uint8, got {image.shape} {image.dtype}')
        shape = image.shape[:2]
        sample = DetDataSample(metainfo=dict(img_id=0, img_path='', ori_shape=shape, img_shape=shape,
                                             scale_factor=(1.0, 1.0)))
        picture = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)
        return self.test_step(dict(inputs=[picture], data_samples=[sample]))[0].pred_instances

    def _views(self, number: int, picture: Tensor, sample: DetDataSample) -> list[_View]:
        """All that is seen of a picture."""
        height, width = sample.metainfo.get('img_shape', picture.shape[-2:])[:2]
        picture = picture[:, :height, :width]  # less what the preprocessor padded
        tiles = self.tiling.tiles(height, width)
        views = [self._view(number, picture[:, tile.y:tile.y + tile.height, tile.x:tile.x + tile.width],
                            self.input_size / self.tiling.tile, sample, tile) for tile in tiles]
        if self.full_pass and len(tiles) > 1:
            views.append(self._view(number, picture, self.input_size / max(height, width), sample, None))
        return views

    def _view(self, number: int, part: Tensor, scale: float, sample: DetDataSample, tile: Tile | None) -> _View:
        height, width = part.shape[-2:]
        seen = tuple(min(max(round(side * scale), 1), self.input_size) for side in (height, width))
        if seen != (height, width):
            part = functional.interpolate(part[None], seen, mode='bilinear', antialias=scale < 1)[0]
        padded = part.new_empty(len(part), self.input_size, self.input_size)
        padded[:] = self._fill(part)
        padded[:, :seen[0], :seen[1]] = part
        side = (self.input_size, self.input_size)
        known = dict(img_shape=seen, ori_shape=(height, width), batch_input_shape=side, pad_shape=side,
                     scale_factor=(seen[1] / width, seen[0] / height))
        known |= {key: sample.metainfo[key] for key in ('img_id', 'img_path') if key in sample.metainfo}
        return _View(number, padded, DetDataSample(metainfo=known), tile)

    def _fill(self, part: Tensor) -> Tensor:
        """``(3, 1, 1)`` grey as the preprocessor leaves it."""
        mean, std = (getattr(self.data_preprocessor, name, None) for name in ('mean', 'std'))
        grey = part.new_full((len(part), 1, 1), FILL)
        return grey if mean is None or std is None else (grey - mean.to(part)) / std.to(part)

    def _detect(self, views: Sequence[_View]) -> tuple[Sequence[_View], list[_Found]]:
        """What is in some views, px of their pictures."""
        with stage('detect'):
            inputs, samples = torch.stack([view.inputs for view in views]), [view.sample for view in views]
            samples = self.detector.predict(inputs, samples)
        return views, [self._placed(sample.pred_instances, view) for view, sample in zip(views, samples)]

    def _placed(self, found: InstanceData, view: _View) -> _Found:
        """Boxes of a view, px of the picture, without those that a neighbour sees better or that have no area."""
        boxes = found.bboxes if isinstance(found.bboxes, Tensor) else found.bboxes.tensor
        tile = view.tile or Tile(0, 0, *view.sample.ori_shape[::-1], (-math.inf, -math.inf, math.inf, math.inf))
        boxes = clip_to_tile(boxes + boxes.new_tensor([tile.x, tile.y, tile.x, tile.y]), tile)
        kept = (boxes[:, 2:] > boxes[:, :2]).all(-1)
        if self.border_margin is not None:
            kept &= ~cut_at_border(boxes, tile, self.border_margin)
        placed = Detections(boxes, found.scores, found.labels).at(kept)
        return _Found(placed, inner_edges(placed.boxes, tile, self.border_margin or 0).any(-1), view.tile is None)

    def _without_pieces(self, parts: Sequence[_Found]) -> Detections:
        """All of a picture, less the pieces of large targets, cut by tiles, that the whole picture shows whole.

        Of a large target a piece is often the stronger one, and would suppress it.
        """
        joined = Detections.joined([part.found for part in parts])
        whole = Detections.joined([part.found for part in parts if part.whole] or [joined.at(slice(0))])
        if self.border_margin is None or not len(whole.boxes):
            return joined
        whole = whole.at(whole.scores >= self.merging['merge_score'])
        area = (joined.boxes[:, 2:] - joined.boxes[:, :2]).prod(-1, keepdim=True)
        held = shared_areas(joined.boxes, whole.boxes) >= self.merging['threshold'] * area
        held &= joined.labels[:, None] == whole.labels
        return joined.at(~(torch.cat([part.cut for part in parts]) & held.any(-1)))


def _outer_names(module: nn.Module, weights: dict[str, Tensor], prefix: str, metadata: dict) -> None:
    """Leave ``detector.`` out of the names of weights, as the bare detector has them."""
    for names in (weights, getattr(weights, '_metadata', {})):
        for name in [name for name in names if name.startswith(prefix + INNER)]:
            names[prefix + name.removeprefix(prefix + INNER)] = names.pop(name)


def _inner_names(module: nn.Module, weights: dict[str, Tensor], prefix: str, *rest: Any) -> None:
    """Put ``detector.`` before the names of weights that have no such part."""
    for name in [name for name in weights if name.startswith(prefix)]:
        inner = name.removeprefix(prefix)
        if not inner.startswith((INNER, 'data_preprocessor.')):
            weights[f'{prefix}{INNER}{inner}'] = weights.pop(name)
