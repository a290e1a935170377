"""Raw outputs of 2D detectors' heads, and batches of pictures with boxes of a few pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from mmengine.structures import BaseDataElement, InstanceData
from torch import Generator, Tensor

from perception_kd.distill import DistillBatch
from perception_kd.structures import ImageGrid
from tests.distill.contract import map_tensors

IMAGE = ImageGrid(8, 8, 8)  # of pictures of 64 x 64 px
TINY = ((10.0, 10.0, 13.0, 12.0), (30.0, 18.0, 52.0, 45.0), (60.0, 58.0, 70.0, 70.0))


def picture_batch(counts: Sequence[int] = (1, 0, 3), grid: ImageGrid | None = IMAGE) -> DistillBatch:
    """Pictures of 64 x 64 px with the first so many boxes of ``TINY`` each."""
    samples = []
    for number, count in enumerate(counts):
        sample = BaseDataElement(metainfo=dict(img_path=f'{number}.png'))
        boxes = torch.tensor(TINY[:count]).view(-1, 4)
        sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.zeros(count, dtype=torch.long))
        samples.append(sample)
    inputs = [torch.zeros(3, 64, 64, dtype=torch.uint8) for _ in counts]
    return DistillBatch(inputs=inputs, data_samples=samples).on(None, grid)


def some_boxes(generator: Generator, batch: int, anchors: int, size: int) -> Tensor:
    """``(B, A, 4, size, size)``: valid boxes of 8 to 40 px."""
    low = 64 * torch.rand(batch, anchors, 2, size, size, generator=generator)
    return torch.cat([low, low + 8 + 32 * torch.rand(low.shape, generator=generator)], dim=2)


def some_head(generator: Generator, *, anchors: int = 2, classes: int = 2, bins: int = 0, batch: int = 3,
              sizes: Sequence[int] = (4, 2)) -> list[dict[str, Tensor]]:
    """A dense head output of two levels: with objectness, or with edges where there are bins."""
    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    levels = []
    for size in sizes:
        level = dict(classes=draw(batch, anchors, classes, size, size),
                     boxes=some_boxes(generator, batch, anchors, size))
        more = dict(edges=draw(batch, anchors, 4, bins, size, size)) if bins else dict(
            objectness=draw(batch, anchors, size, size))
        levels.append({**level, **more})
    return levels


def two_dense_heads(**settings: int) -> Callable[[Generator], tuple[list, list]]:
    """Draws two of :func:`some_head`."""
    return lambda generator: (some_head(generator, **settings), some_head(generator, **settings))


def doubled(value: Any) -> Any:
    """A nested value in float64."""
    return map_tensors(lambda part: part.double(), value)


def leaves(value: Any) -> Any:
    """A copy of a nested value whose tensors want a gradient."""
    return map_tensors(lambda part: part.detach().clone().requires_grad_(), value)
